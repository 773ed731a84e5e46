"""What is shown of a mail, and to whom."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.order import Sent
from messaging.outbox.records import Attempt, Mail, Outcome
from messaging.outbox.states import FINAL, State
from messaging.timestamps import timestamp
from messaging.views import (
    accepted_document,
    accepted_line,
    full_document,
    public_document,
    status_line,
    status_url,
)

#: 2026-03-01 12:00:00.042 UTC.
_NOON_MS = 1_772_366_400_042

_MAIL = Mail(
    id="0190a000-0000-7000-8000-000000000000",
    state=State.QUEUED,
    due_at=_NOON_MS + 5000,
    attempts=0,
    created_at=_NOON_MS,
    finished_at=None,
    sender="messaging@localhost",
    recipient="me@example.com",
    subject="A subject",
    text="A text that nobody is shown.",
    test=False,
)
_ACCEPTED = Sent(_MAIL, repeated=False, replayed=False)
_SENT = replace(_MAIL, state=State.SENT, due_at=None, attempts=2, finished_at=_NOON_MS + 60_000)
_ATTEMPTS = [
    Attempt(1, _NOON_MS + 10, 120, 30, Outcome.BUSY, 451, "4.7.1 Greylisted"),
    Attempt(2, _NOON_MS + 60_000, 0, 25, Outcome.SENT, 250, "2.0.0 Ok: queued as 1"),
]


def test_a_time_is_rfc_3339_in_utc_with_milliseconds() -> None:
    assert timestamp(_NOON_MS) == "2026-03-01T12:00:00.042Z"
    assert timestamp(0) == "1970-01-01T00:00:00.000Z"


@given(st.integers(0, 4_102_444_800_000))
def test_no_millisecond_is_lost(milliseconds: int) -> None:
    shown = datetime.fromisoformat(timestamp(milliseconds))
    assert shown - datetime.fromtimestamp(0, UTC) == milliseconds * (datetime.resolution * 1000)


def test_who_sent_a_mail_is_told_where_to_ask_about_it() -> None:
    assert status_url(_MAIL) == "/v1/emails/0190a000-0000-7000-8000-000000000000"
    assert accepted_line(_ACCEPTED, "") == f"accepted for me@example.com, status: {status_url(_MAIL)}"
    assert accepted_document(_ACCEPTED, "") == {
        "id": _MAIL.id,
        "state": "queued",
        "to": "me@example.com",
        "created_at": "2026-03-01T12:00:00.042Z",
        "status_url": status_url(_MAIL),
    }


def test_a_stranger_sees_the_state_and_the_times() -> None:
    assert public_document(_SENT, _NOON_MS + 7, "") == {
        "id": _SENT.id,
        "state": "sent",
        "final": True,
        "to": "m***@example.com",
        "created_at": "2026-03-01T12:00:00.042Z",
        "published_at": "2026-03-01T12:00:00.049Z",
        "due_at": None,
        "finished_at": "2026-03-01T12:01:00.042Z",
        "status_url": status_url(_SENT),
    }


def test_a_stranger_sees_nothing_else() -> None:
    shown = f"{public_document(_SENT, None, '')} {status_line(_SENT)}"
    for hidden in (_MAIL.recipient, _MAIL.sender, _MAIL.subject, _MAIL.text, "Greylisted", "queued as"):
        assert hidden not in shown


def test_a_caller_with_a_key_sees_the_attempts_and_the_relay_s_words() -> None:
    document = full_document(_SENT, None, _ATTEMPTS, "")
    assert document.items() >= {"to": "me@example.com", "from": "messaging@localhost", "subject": "A subject"}.items()
    assert document["attempts"][0] == {
        "number": 1,
        "started_at": "2026-03-01T12:00:00.052Z",
        "connect_ms": 120,
        "transfer_ms": 30,
        "outcome": "busy",
        "code": 451,
        "reply": "4.7.1 Greylisted",
    }
    assert [attempt["number"] for attempt in document["attempts"]] == [1, 2]
    assert _MAIL.text not in str(document)


@pytest.mark.parametrize(
    ("mail", "line"),
    [
        (_MAIL, "queued"),
        (replace(_MAIL, state=State.SENDING), "sending"),
        (replace(_MAIL, state=State.RETRYING), "retrying until 2026-03-01T12:00:05.042Z"),
        (replace(_MAIL, state=State.SCHEDULED), "scheduled until 2026-03-01T12:00:05.042Z"),
        (_SENT, "sent at 2026-03-01T12:01:00.042Z"),
        (replace(_SENT, state=State.FAILED), "failed at 2026-03-01T12:01:00.042Z"),
        (replace(_SENT, state=State.CANCELED), "canceled at 2026-03-01T12:01:00.042Z"),
    ],
)
def test_the_status_is_the_state_and_since_or_until_when(mail: Mail, line: str) -> None:
    assert status_line(mail) == line
    assert mail.final is (mail.state in FINAL)


def test_the_status_ends_with_the_relay_s_last_words() -> None:
    assert status_line(_SENT, _ATTEMPTS).endswith("Z, attempt 2: 250 2.0.0 Ok: queued as 1")
    unanswered = replace(_ATTEMPTS[0], code=None, reply="no answer at RCPT: timed out")
    assert status_line(_MAIL, [unanswered]) == "queued, attempt 1: no answer at RCPT: timed out"


def test_a_remark_stands_at_the_end_of_every_form() -> None:
    remark = "the relay is held"
    assert accepted_line(_ACCEPTED, remark) == f"accepted for me@example.com, status: {status_url(_MAIL)} ({remark})"
    assert status_line(_MAIL, remark=remark) == f"queued ({remark})"
    assert status_line(_MAIL, _ATTEMPTS[:1], remark) == f"queued, attempt 1: 451 4.7.1 Greylisted ({remark})"
    for document in (
        accepted_document(_ACCEPTED, remark),
        public_document(_MAIL, None, remark),
        full_document(_MAIL, None, [], remark),
    ):
        assert document["remark"] == remark


@pytest.mark.parametrize("state", sorted(FINAL))
def test_a_mail_that_is_final_waits_for_nothing(state: State) -> None:
    final = replace(_SENT, state=state)
    assert status_line(final, _ATTEMPTS, "the relay is held") == status_line(final, _ATTEMPTS)
    assert public_document(final, None, "the relay is held") == public_document(final, None, "")
    assert full_document(final, None, [], "the relay is held") == full_document(final, None, [], "")
