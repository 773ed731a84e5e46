"""A request becomes a row or a log line."""
