"""The corpus: hostile connections by what is hostile about them, each with the answers that it may have."""
