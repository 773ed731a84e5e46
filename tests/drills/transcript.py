"""What the relay's conversations say about each mail."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from tests.servers.script import Conversation

_ADDRESS: Final = re.compile(r"<([^>]*)>")


def words_on(conversation: Conversation) -> Iterator[tuple[str, str | None]]:
    """Each mail of a conversation: its recipient, and the relay's last word on it.

    The word is None where there was none: the mail was under way when the conversation ended, or is now.
    """
    recipient, at_data = "", False
    for line in tuple(conversation.lines):  # it may go on meanwhile
        if line.startswith("C: RCPT") and (address := _ADDRESS.search(line)):
            recipient, at_data = address[1], False
        elif line.startswith("C: DATA"):
            at_data = True
        elif recipient and line.startswith("S: ") and not line.startswith("S: 3"):
            if line.startswith("S: 2") and not at_data:
                continue  # the recipient will do, the mail is still to come
            yield recipient, line.removeprefix("S: ")
            recipient = ""
    if recipient:
        yield recipient, None


def tried_at(conversations: Iterable[Conversation]) -> dict[str, list[float]]:
    """Recipient to the times at which the relay heard of it, in seconds since 1970."""
    times: dict[str, list[float]] = {}
    for conversation in conversations:
        for at, line in zip(conversation.times, conversation.lines, strict=True):
            if line.startswith("C: RCPT") and (address := _ADDRESS.search(line)):
                times.setdefault(address[1], []).append(at)
    return {recipient: sorted(heard) for recipient, heard in times.items()}


def refused(conversations: Iterable[Conversation]) -> set[str]:
    """The recipients that the relay refused for good."""
    return {
        recipient
        for conversation in conversations
        for recipient, word in words_on(conversation)
        if word and word.startswith("5")
    }


def interrupted(conversations: Iterable[Conversation]) -> set[str]:
    """The recipients of mails that were under way when their connection ended."""
    return {
        recipient
        for conversation in conversations
        if not conversation.open
        for recipient, word in words_on(conversation)
        if word is None
    }


def maybe_taken(conversations: Iterable[Conversation]) -> set[str]:
    """The recipients of mails that the relay has or may come to have: of all that it heard of, without its no."""
    return {
        recipient
        for conversation in conversations
        for recipient, word in words_on(conversation)
        if word is None or word.startswith("2")
    }


def under_way(conversations: Iterable[Conversation]) -> int:
    """How many mails are being handed over now."""
    return sum(
        word is None for conversation in conversations if conversation.open for _, word in words_on(conversation)
    )


def answered_at(conversations: Iterable[Conversation], code: int) -> list[float]:
    """When the relay gave an answer of that code, in seconds since 1970."""
    return [
        at
        for conversation in conversations
        for at, line in zip(conversation.times, conversation.lines, strict=True)
        if line.startswith(f"S: {code}")
    ]
