"""Ours and two peers side by side, on one machine, in turns."""
