"""The transports, on real files and sockets."""
