"""Times as clients see them."""

from datetime import UTC, datetime


def timestamp(milliseconds: int) -> str:
    """A time of the outbox, in milliseconds since 1970, as RFC 3339 in UTC."""
    time = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def optional_timestamp(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else timestamp(milliseconds)
