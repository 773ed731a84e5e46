"""The HTTP contract, path by path."""
