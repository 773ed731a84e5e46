"""What came of looking at one part."""

from collections.abc import Callable
from dataclasses import dataclass

from config.errors import MessagingError
from messaging.outbox.errors import OutboxUnavailableError

#: Looks at a part, and says in a few words what it saw; raises `TroubleError` where something is wrong.
Check = Callable[[], str]


class TroubleError(MessagingError):
    """Raised when a part is not in order."""

    def __init__(self, words: str, advice: str) -> None:
        super().__init__(words)
        #: What to do, so that it can be done as it is written.
        self.advice = advice


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's."""

    part: str
    ok: bool
    words: str
    #: Empty where nothing has to be done.
    advice: str = ""

    def __str__(self) -> str:
        line = f"{'✓' if self.ok else '✗'} {self.part}: {self.words}"
        line = f"{line}. {self.advice}" if self.advice else line
        # Words that came from elsewhere, such as a relay's, must not make two lines of one.
        return "".join(each if each.isprintable() else " " for each in line)


def find(part: str, check: Check) -> Finding:
    """Look at a part; never fails."""
    try:
        return Finding(part, ok=True, words=check())
    except TroubleError as error:
        return Finding(part, ok=False, words=str(error), advice=error.advice)
    except OutboxUnavailableError as error:
        return Finding(part, ok=False, words=f"cannot be known: {error}", advice="Set the database right, above")
    except Exception as error:
        words = f"could not be looked at: {type(error).__name__}: {error}"
        return Finding(part, ok=False, words=words, advice="Nobody thought of this: please report it")
