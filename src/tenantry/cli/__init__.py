"""Floor 6: the command line. Each file has one command: it parses, calls one function, and prints the result."""

from tenantry.cli.entry import main

__all__ = ["main"]
