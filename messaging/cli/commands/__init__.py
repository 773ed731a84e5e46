"""What each command does, one file for each; only that of the command in hand is imported."""
