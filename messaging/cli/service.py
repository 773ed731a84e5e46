"""What the commands want of the service, wherever it is; what they are told are the documents of its API."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

#: A JSON object as the API has it (`GET /openapi.json`).
Document = Mapping[str, Any]

#: What can be done to mails.
Deed = Literal["cancel", "retry"]


@dataclass(frozen=True, slots=True)
class Selection:
    """Some of the mails, as the API's parameters say it; with no more said, all of them."""

    state: str | None = None
    to: str | None = field(default=None, repr=False)
    before: str | None = None

    def parameters(self) -> dict[str, str]:
        named = {"state": self.state, "to": self.to, "before": self.before}
        return {name: value for name, value in named.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Some:
    """So many of a selection that one request may change them, the oldest first."""

    selection: Selection
    limit: int
    #: How many of them there are in all, as far as is known.
    among: int
    #: Of those, only the ones newer than the mail of this id.
    after: str | None = None


class Service(Protocol):
    """The service as an operator sees it.

    Every method raises `RefusedError` where what is asked for cannot be done, and `AwayError` where nobody is there to
    do it.
    """

    def send(self, mail: Document, key: str = "") -> Document:
        """Have a mail accepted.

        Args:
            mail: what would be POSTed to `/v1/emails`, but with the contents of attachments as bytes.
            key: tells it from every other mail of the last 24 h, if it can be told: over HTTP one that comes again
                under its key, from another process, makes no second mail.
        """

    def resend(self, mail_id: str) -> Document:
        """Have a mail accepted as another one was."""

    def read(self, mail_id: str) -> Document:
        """Tell all that is known of a mail."""

    def wait(self, mail_id: str, timeout_s: float) -> Document:
        """Tell the same as soon as the mail is final, or when the time is over, or a little earlier."""

    def page(self, selection: Selection, limit: int) -> Document:
        """Tell of the newest mails of a selection, 200 at the most, and in `next` whether there are more."""

    def overview(self) -> Document:
        """Tell how all of it stands."""

    def steer(self, deed: Deed, mail_id: str) -> Document:
        """Do a deed to a mail, and tell what is known of it then."""

    def count(self, deed: Deed, selection: Selection) -> Document:
        """Tell how many mails a deed can be done to (`left`), and an id that all of them are `before`."""

    def steer_all(self, deed: Deed, some: Some, told: Callable[[int], None]) -> Document:
        """Do a deed to many mails; tells how many were `changed` and are `left`, and which ones they are `after`.

        Where that was broken off, `left` is None, and `trouble` says why.

        Args:
            deed: what is done.
            some: to which of those that it can be done to.
            told: called now and then with how many mails were changed so far; may break it off.
        """
