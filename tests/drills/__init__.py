"""Drills: a steady load while one thing goes wrong, and a count of what was lost and doubled."""
