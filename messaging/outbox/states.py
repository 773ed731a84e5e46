"""The states of a mail."""

from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where a mail stands; while it is not final, its `due_at` says when it is looked at again."""

    #: Waits for its time.
    SCHEDULED = "scheduled"
    #: Waits for a worker; published again if none has claimed it by `due_at`.
    QUEUED = "queued"
    #: Claimed by a worker, which is taken for dead at `due_at`.
    SENDING = "sending"
    #: Waits for its next attempt.
    RETRYING = "retrying"
    #: The relay answered 250. Never called "delivered": that nobody here can know.
    SENT = "sent"
    #: Sent with a test key: it went through everything but the relay.
    TESTED = "tested"
    #: Refused for good, or given up.
    FAILED = "failed"
    #: Withdrawn before it was sent.
    CANCELED = "canceled"


FINAL: Final = frozenset({State.SENT, State.TESTED, State.FAILED, State.CANCELED})

#: States that few mails are in, or for long, so that an index of them costs next to nothing.
ASIDE: Final = (State.SCHEDULED, State.RETRYING, State.TESTED, State.FAILED, State.CANCELED)
