"""The functions behind the commands: one module for each command, without parsing and printing."""
