"""Accepts mails, all that come at the same time in one transaction, on the terms that each of them came with."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from sqlalchemy import Connection, Dialect, insert

from messaging.outbox.enclosing import write_extras
from messaging.outbox.errors import LimitWasReachedError, TermsError
from messaging.outbox.records import NO_EXTRAS, Accepted, Extras, Mail
from messaging.outbox.repeats import Firsts, Once
from messaging.outbox.schema import mails
from messaging.outbox.uses import Counts, Use


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms a mail is accepted."""

    #: None if the same request again is another mail.
    once: Once | None = None
    #: What the mail counts against; a repeated request does not count.
    uses: tuple[Use, ...] = ()


NO_TERMS = Terms()


@dataclass(frozen=True, slots=True)
class Wanted:
    """A mail that is to be accepted together with others."""

    sender: str = field(repr=False)
    recipient: str = field(repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)
    test: bool = False
    terms: Terms = NO_TERMS
    extras: Extras = NO_EXTRAS


Wish = tuple[Mail, Terms, Extras]

#: Rows of one statement: there are as many texts of it as there are numbers of rows.
_MOST_ROWS: Final = 64


def accept(connection: Connection, wishes: Sequence[Wish], now: int) -> Sequence[Accepted | TermsError]:
    """Store mails; those that come without terms cost nothing but their own statement.

    Args:
        connection: in a transaction.
        wishes: the mails with their terms.
        now: the transaction's time, in milliseconds since 1970, UTC.
    """
    onces = [terms.once for _, terms, _ in wishes if terms.once]
    uses = [use for _, terms, _ in wishes for use in terms.uses]
    firsts = Firsts(connection, onces, now) if onces else None
    counts = Counts(connection, uses, now) if uses else None
    results = [_judge(mail, terms, firsts, counts) for mail, terms, _ in wishes]
    stored = [each.mail for each in results if isinstance(each, Accepted) and not each.repeated]
    for first in range(0, len(stored), _MOST_ROWS):
        _store(connection, stored[first : first + _MOST_ROWS])
    if any(mail.rich for mail in stored):
        of = {mail.id: extras for mail, _, extras in wishes}
        write_extras(connection, [(mail.id, of[mail.id]) for mail in stored if mail.rich])
    if firsts:
        firsts.write()
    if counts:
        counts.write()
    return results


def accept_together(
    connection: Connection, wishes: Sequence[Wish], once: Once | None, now: int
) -> Sequence[Accepted | TermsError]:
    """Store the mails of one request; one that comes again has its first answer, and stores none.

    Args:
        connection: in a transaction.
        wishes: the mails with their terms.
        once: says which request it is; one that asks for something else than the first one did gets nothing.
        now: the transaction's time, in milliseconds since 1970, UTC.
    """
    if once is None:
        return accept(connection, wishes, now)
    firsts = Firsts(connection, [once], now)
    answer = firsts.answer(once, wishes[0][0])
    if isinstance(answer, TermsError):
        return [answer] * len(wishes)
    if answer:
        return _answers(connection, wishes, now)
    results = accept(connection, wishes, now)
    accepted = next((result for result in results if isinstance(result, Accepted)), None)
    if accepted:
        firsts.add(once, accepted.mail)
        firsts.write()
    return results


def _answers(connection: Connection, wishes: Sequence[Wish], now: int) -> Sequence[Accepted | TermsError]:
    """What each mail of a request was answered when that came first: those that were accepted are remembered."""
    firsts = Firsts(connection, [terms.once for _, terms, _ in wishes if terms.once], now)
    answers = [firsts.answer(terms.once, mail) if terms.once else None for mail, terms, _ in wishes]
    return [answer or LimitWasReachedError() for answer in answers]


def _judge(mail: Mail, terms: Terms, firsts: Firsts | None, counts: Counts | None) -> Accepted | TermsError:
    answer = firsts.answer(terms.once, mail) if firsts and terms.once else None
    if answer:
        return answer
    refusal = counts.take(terms.uses) if counts and terms.uses else None
    if refusal:
        return refusal
    if firsts and terms.once:
        firsts.add(terms.once, mail)
    return Accepted(mail, repeated=False)


def _store(connection: Connection, accepted: Sequence[Mail]) -> None:
    statement = _insert(connection.dialect, len(accepted))
    values = [getattr(mail, name) for mail in accepted for name in Mail.__dataclass_fields__]
    connection.exec_driver_sql(statement, tuple(values))


@lru_cache(maxsize=_MOST_ROWS)
def _insert(dialect: Dialect, rows: int) -> str:
    """The text of one statement for so many mails.

    The driver lets go of the interpreter's lock for every statement that it runs, and has to wait for it again: of one
    for each mail, a thread that stores 32 of them would mostly wait.
    """
    return str(insert(mails).values([dict.fromkeys(Mail.__dataclass_fields__)] * rows).compile(dialect=dialect))
