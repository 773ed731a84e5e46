"""The command line: `python -m messaging COMMAND`."""
