"""What a scripted SMTP server can be told to do, and what it remembers."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

#: Where in a conversation something can be scripted; END is the dot after the mail.
Stage = Literal["GREETING", "EHLO", "HELO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "END", "RSET", "NOOP", "QUIT"]


@dataclass(frozen=True)
class Drop:
    """Close the connection without an answer."""


@dataclass(frozen=True)
class Silence:
    """Never answer, and keep the connection open."""


@dataclass(frozen=True)
class Delay:
    """Wait, and then do the other thing, or answer as usual."""

    seconds: float
    then: "Action | None" = None


@dataclass(frozen=True)
class Dribble:
    """Send the answer byte by byte."""

    answer: str
    pause_s: float


@dataclass(frozen=True)
class Hold:
    """Keep the answer back while more commands are waiting, and send it with the next (RFC 2920, section 3.2)."""

    answer: str


#: A text is the answer itself, such as "451 4.3.0 try later"; the connection is closed after a 421 (RFC 5321, 3.8).
Action = str | Drop | Silence | Delay | Dribble | Hold


@dataclass
class Conversation:
    """One connection, as the server saw it."""

    #: The commands as they came, and our answers, in order: "C: EHLO me", "S: 250 HELP".
    lines: list[str] = field(default_factory=list)
    tls: bool = False
    #: The commands behind which the next was there before they were answered.
    ahead: list[str] = field(default_factory=list)
    #: When each line came or went, in seconds since 1970, as far as the server wrote it down.
    times: list[float] = field(default_factory=list)
    #: The name that logged in.
    login: str | None = None
    open: bool = True

    def note(self, *lines: str) -> None:
        """Write down what is being said."""
        self.times += [time.time()] * len(lines)
        self.lines += lines

    def commands(self) -> list[str]:
        """The verbs that the client used."""
        return [line[3:].partition(" ")[0] for line in self.lines if line.startswith("C: ")]


#: By stage: one action for every time, or a list, of which each time takes the next (None answers as usual, and so does
#: a list that is used up). Or a function of the stage, the command's argument (at END the mail's first recipient) and
#: the conversation so far that says what to do, None for the usual.
Script = Mapping[Stage, Action | Sequence[Action | None]] | Callable[[Stage, str, Conversation], Action | None]


@dataclass(frozen=True)
class Received:
    """One mail that came in whole, up to its final dot."""

    sender: str
    recipients: tuple[str, ...]
    #: As it came, lines ended by CRLF, doubled dots made single.
    content: bytes
    #: What was answered to the final dot; None where the connection ended before, or was left in silence.
    answer: str | None
    #: When that answer was sent, in seconds since 1970; where there was none, when that was clear.
    at: float
    conversation: Conversation

    @property
    def accepted(self) -> bool:
        return self.answer is not None and self.answer.startswith("250")


class Director:
    """Knows what the script says for the next time that a stage is reached."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._reached: dict[Stage, int] = {}

    def next(self, stage: Stage, argument: str, conversation: Conversation) -> Action | None:
        if callable(self._script):
            return self._script(stage, argument, conversation)
        times = self._reached[stage] = self._reached.get(stage, 0) + 1
        told = self._script.get(stage)
        if told is None or isinstance(told, Action):
            return told
        return told[times - 1] if times <= len(told) else None
