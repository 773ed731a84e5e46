"""The service of this machine: its functions, on the database of its settings."""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Final

from sqlalchemy import make_url

from config.settings import Settings
from messaging.addresses import is_among, parse_recipient
from messaging.cli.errors import AwayError, RefusedError
from messaging.cli.service import Deed, Document, Selection, Some
from messaging.draft import Draft
from messaging.enclosures import ATTACHMENTS
from messaging.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError, RequestError, TooLargeError
from messaging.filtering import next_url, parse_filter
from messaging.greeting import Greeting, Names
from messaging.intake import Intake
from messaging.order import Sent
from messaging.outbox import steering
from messaging.outbox.accepting import NO_TERMS
from messaging.outbox.database import Database
from messaging.outbox.errors import OutboxUnavailableError, SchemaTooNewError, StateForbidsError
from messaging.outbox.filters import EVERYTHING, Filter
from messaging.outbox.heartbeats import Heartbeats
from messaging.outbox.ids import is_id
from messaging.outbox.listing import Listing
from messaging.outbox.outbox import Outbox
from messaging.outbox.records import Mail
from messaging.outbox.relay_hold import RelayHold
from messaging.outlook import Outlook
from messaging.submission import submission
from messaging.views import accepted_document, full_document, page_document

#: How often the database is asked for a mail that is waited for, in seconds.
_LOOK_EVERY_S: Final = 0.05

_NAMES: Final = Names("to")

_DEEDS: Final = {"cancel": steering.CANCEL, "retry": steering.RETRY}


class Nobody:
    """Stands where ids are published: here nobody does so, and what is accepted is due at once."""

    def publish(self, mail_id: str) -> None:
        """Leave it to the dispatchers, which look every second."""


@contextmanager
def opened(settings: Settings) -> Iterator[Database]:
    """The database, made or brought up to date; what goes wrong with it is an error of the command.

    Raises:
        AwayError, RefusedError: in place of the outbox's errors, also within the block.
    """
    database = Database(settings.database_url)
    try:
        database.upgrade()
        yield database
    except OutboxUnavailableError as error:
        raise AwayError(str(error)) from error
    except SchemaTooNewError as error:
        raise RefusedError(str(error), 0) from error
    finally:
        database.close()


@contextmanager
def found(settings: Settings) -> Iterator[Database]:
    """The same where there is one; for whoever looks at mails, or does something to them, an empty one is a mistake.

    Raises:
        AwayError: also where there is none.
    """
    path = Path(make_url(settings.database_url.reveal()).database or "")
    if not path.exists():
        raise AwayError(
            f"DATABASE_URL: there is no database at {path}; the service makes it: python -m messaging serve"
        )
    with opened(settings) as database:
        yield database


@contextmanager
def _told() -> Iterator[None]:
    """Turn what a client would be told into an error of the command."""
    try:
        yield
    except RequestError as error:
        raise RefusedError(str(error), error.status) from None
    except OutboxUnavailableError as error:
        raise AwayError(str(error)) from error


class LocalService:
    """What the web process does for a key that sees all mails, without one.

    Args:
        settings: the service's.
        database: its database.
    """

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._outbox = Outbox(database, publish_within_ms=0)

    @_told()
    def send(self, mail: Document, key: str = "") -> Document:  # noqa: ARG002 (what is stored here is known to be)
        settings = self._settings
        wanted = submission(dict(mail), _NAMES)
        recipient = parse_recipient(wanted.texts["to"], "to")
        self._check_recipient(recipient)
        self._check_size(mail)
        greeting = Greeting(settings.greeting_subject, settings.greeting_text)
        subject, text = wanted.texts.get("subject"), wanted.texts.get("text")
        draft = greeting.draft(recipient, subject, text, wanted.extras, _NAMES)
        return self._accept(draft, test=False)

    @_told()
    def resend(self, mail_id: str) -> Document:
        mail = self._find(mail_id)
        self._check_recipient(mail.recipient)
        extras = self._outbox.extras(mail)
        return self._accept(Draft(mail.recipient, mail.subject, mail.text, extras), test=mail.test)

    @_told()
    def read(self, mail_id: str) -> Document:
        mail = self._find(mail_id)
        return full_document(mail, self._outbox.published_at(mail.id), self._outbox.attempts(mail.id), self._remark())

    @_told()
    def wait(self, mail_id: str, timeout_s: float) -> Document:
        ends_at = time.monotonic() + timeout_s
        while not self._outbox.finished([mail_id]) and time.monotonic() < ends_at:
            time.sleep(_LOOK_EVERY_S)
        return self.read(mail_id)

    @_told()
    def page(self, selection: Selection, limit: int) -> Document:
        wanted = self._filter(selection)
        listing = Listing(self._database)
        page = listing.page(wanted, limit)
        following = next_url(wanted, page.before, limit) if page.before else None
        return page_document(page.mails, listing.last_attempts(page.mails), following)

    @_told()
    def overview(self) -> Document:
        from messaging.cli.local_overview import overview  # it needs the broker's client, and nothing else does

        return overview(self._settings, self._database)

    @_told()
    def steer(self, deed: Deed, mail_id: str) -> Document:
        try:
            history = self._steering.do(_DEEDS[deed], mail_id)
        except StateForbidsError as error:
            raise ConflictError(error.state) from None
        if history is None:
            raise NotFoundError("there is no mail of this id")
        return full_document(history.mail, history.published_at, history.attempts, "")

    @_told()
    def count(self, deed: Deed, selection: Selection) -> Document:
        count = self._steering.count(_DEEDS[deed], self._filter(selection, deed))
        return {"left": count.mails, "before": count.before}

    @_told()
    def steer_all(self, deed: Deed, some: Some, told: Callable[[int], None]) -> Document:
        wanted = self._filter(some.selection, deed)
        return asdict(self._steering.do_all(_DEEDS[deed], wanted, some.after, some.limit, told))

    @property
    def _steering(self) -> steering.Steering:
        return steering.Steering(self._database)

    def _filter(self, selection: Selection, deed: Deed | None = None) -> Filter:
        wanted = parse_filter(selection.parameters(), EVERYTHING)
        if deed and wanted.state not in (None, *_DEEDS[deed].states):
            raise InvalidError(f"must be one of {', '.join(_DEEDS[deed].states)}", field="state")
        return wanted

    def _find(self, mail_id: str) -> Mail:
        mail = self._outbox.read(mail_id) if is_id(mail_id) else None
        if mail is None:
            raise NotFoundError("there is no mail of this id")
        return mail

    def _remark(self) -> str:
        hold = RelayHold(self._database, self._settings.hold_probe_s)
        return Outlook(hold, Heartbeats(self._database)).remark(in_full=True)

    def _accept(self, draft: Draft, *, test: bool) -> Document:
        intake = Intake(self._outbox, Nobody(), self._settings.mail_from)
        accepted = intake.accept(draft, uuid.uuid4().hex, test=test, terms=NO_TERMS)
        return accepted_document(Sent(accepted.mail, repeated=False, replayed=False), self._remark())

    def _check_recipient(self, recipient: str) -> None:
        if not is_among(recipient, self._settings.allowed_recipients):
            raise ForbiddenError("mail to this address is not allowed here", field="to")

    def _check_size(self, mail: Document) -> None:
        """Refuse what is larger than a request may be."""
        texts = sum(len(value.encode(errors="replace")) for value in mail.values() if isinstance(value, str))
        size = texts + sum(len(each["content"]) for each in mail.get(ATTACHMENTS, ()))
        if size > self._settings.max_body_bytes:
            raise TooLargeError(f"the mail has {size} bytes, MAX_BODY_BYTES are {self._settings.max_body_bytes}")
