"""Accepts mails, all that come at the same time in one transaction, on the terms that each of them came with."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import Connection, Dialect, insert

from messaging.outbox.errors import TermsError
from messaging.outbox.records import Accepted, Mail
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

Wish = tuple[Mail, Terms]


def accept(connection: Connection, wishes: Sequence[Wish], now: int) -> Sequence[Accepted | TermsError]:
    """Store mails; those that come without terms cost nothing but their own statement.

    Args:
        connection: in a transaction.
        wishes: the mails with their terms.
        now: the transaction's time, in milliseconds since 1970, UTC.
    """
    onces = [terms.once for _, terms in wishes if terms.once]
    uses = [use for _, terms in wishes for use in terms.uses]
    firsts = Firsts(connection, onces, now) if onces else None
    counts = Counts(connection, uses, now) if uses else None
    results = [_judge(mail, terms, firsts, counts) for mail, terms in wishes]
    _store(connection, [each.mail for each in results if isinstance(each, Accepted) and not each.repeated])
    if firsts:
        firsts.write()
    if counts:
        counts.write()
    return results


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
    if accepted:
        statement = _insert(connection.dialect, len(accepted))
        values = [getattr(mail, name) for mail in accepted for name in Mail.__dataclass_fields__]
        connection.exec_driver_sql(statement, tuple(values))


@lru_cache(maxsize=512)
def _insert(dialect: Dialect, rows: int) -> str:
    """The text of one statement for so many mails.

    The driver lets go of the interpreter's lock for every statement that it runs, and has to wait for it again: of one
    for each mail, a thread that stores 32 of them would mostly wait.
    """
    return str(insert(mails).values([dict.fromkeys(Mail.__dataclass_fields__)] * rows).compile(dialect=dialect))
