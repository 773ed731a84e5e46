"""A row becomes a conversation with the relay."""
