"""What a monitoring system is told: counted in the outbox where it has to be exact, in this process where it is not."""
