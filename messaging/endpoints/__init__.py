"""What each path does: a request in, an answer out."""
