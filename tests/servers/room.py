"""A relay that has room for so many connections."""

from typing import Final

from tests.servers.script import Action, Conversation, Stage

FULL: Final = "421 4.7.0 Too many connections, closing transmission channel"


class Room:
    """A script by which the relay takes so many connections at a time.

    Args:
        most: how many.
        answer: what the others are greeted with.
        at_the_end: what it does before it has taken a mail.
    """

    def __init__(self, most: int, answer: str = FULL, at_the_end: Action | None = None) -> None:
        self.most = most
        self._answer = answer
        self._at_the_end = at_the_end
        self._in: list[Conversation] = []
        self.most_at_once = 0
        self.refused = 0

    def __call__(self, at: Stage, _argument: str, talk: Conversation) -> Action | None:
        if at == "END":
            return self._at_the_end
        if at != "GREETING":
            return None
        self._in = [other for other in self._in if other.open]
        if len(self._in) >= self.most:
            self.refused += 1
            return self._answer
        self._in.append(talk)
        self.most_at_once = max(self.most_at_once, len(self._in))
        return None
