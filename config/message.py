"""The message that tells a worker that a mail is due: its id and nothing else."""

import time
from typing import Final

#: The queue that carries ids of mails that are due; its arguments are Dramatiq's own.
QUEUE: Final = "mail"

#: The actor that delivers one mail.
ACTOR: Final = "deliver"


def encode(mail_id: str) -> bytes:
    """Write a message as Dramatiq's own encoder would, at a tenth of its cost.

    Args:
        mail_id: a UUID, with nothing in it that JSON would have to escape. It is the id of the message, too: what is
            published again is the same message, and Dramatiq's log lines name the mail.
    """
    return (
        f'{{"queue_name":"{QUEUE}","actor_name":"{ACTOR}","args":["{mail_id}"],"kwargs":{{}},"options":{{}},'
        f'"message_id":"{mail_id}","message_timestamp":{time.time_ns() // 1_000_000}}}'
    ).encode()
