"""A row of the outbox becomes a conversation with the relay."""
