"""Making rows that satisfy every constraint of their tables."""
