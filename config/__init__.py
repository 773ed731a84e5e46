"""What the environment decides: settings, the broker, process logging."""
