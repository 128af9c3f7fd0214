"""The command line: options in, exit codes out."""

from gateway.cli.commands import main

__all__ = ["main"]
