"""A request becomes a row in the outbox, or a line in the talktome log."""
