"""What each command does, without printing: one module a command, named by it."""
