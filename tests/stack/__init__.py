"""The package stack, against the real servers."""
