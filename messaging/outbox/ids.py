"""Ids that sort by time, so that inserts touch the end of the index, and that nobody can guess."""

import secrets
import uuid
from typing import Final

_RANDOM_BITS: Final = 74


def new_id(now_ms: int) -> str:
    """Make an id in the UUIDv7 layout of RFC 9562, section 5.7.

    Args:
        now_ms: the time in milliseconds since 1970, UTC.
    """
    # 48 bits of milliseconds, 4 of version (7), 12 random, 2 of variant (binary 10), 62 random.
    random = secrets.randbits(_RANDOM_BITS)
    high, low = random >> 62, random & (2**62 - 1)
    digits = f"{now_ms << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def time_of(mail_id: str) -> int:
    """When an id was made, in milliseconds since 1970, UTC."""
    return int(mail_id[:8] + mail_id[9:13], 16)


def is_id(text: str) -> bool:
    """Whether `text` is an id in the one spelling that `new_id` uses."""
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def first_id(at_ms: int) -> str:
    """The lowest id of a time: what was made before it sorts before this."""
    return str(uuid.UUID(int=max(at_ms, 0) << 80))
