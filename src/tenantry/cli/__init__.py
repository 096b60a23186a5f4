"""Floor 6: the command line. One file a command: it parses, calls one function that never prints, and prints."""

from tenantry.cli.entry import main

__all__ = ["main"]
