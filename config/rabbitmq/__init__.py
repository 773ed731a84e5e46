"""RabbitMQ: how ids get to it, and how workers get them from it."""
