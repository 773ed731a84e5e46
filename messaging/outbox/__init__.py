"""The durable list of mails: what was accepted, what is due, what became of it."""
