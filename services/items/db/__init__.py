"""The service's schema as an SQL script, for a database without Python. `python -m items.db` writes it."""
