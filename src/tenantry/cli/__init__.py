"""Floor 6: the command line. A file that is named after a command parses, calls one function, and prints."""

from tenantry.cli.entry import main

__all__ = ["main"]
