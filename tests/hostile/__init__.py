"""Hostile requests and clients, sent over sockets through Nginx and against Waitress alone."""
