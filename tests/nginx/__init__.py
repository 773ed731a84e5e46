"""The edge, held against the real Nginx."""
