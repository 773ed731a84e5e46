"""What can go wrong with the benchmark itself."""


class MeasureError(Exception):
    """Raised when something could not be measured; its text is the one line that says why."""
