"""What one would build instead, each in the best configuration that was found."""
