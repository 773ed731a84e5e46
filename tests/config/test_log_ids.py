"""Which ids a log line carries in fields of their own."""

import logging

import pytest

from config.log_ids import ids_of


@pytest.mark.parametrize(
    ("message", "args", "ids"),
    [
        ("mail %s sent", ("m1",), {"mail_id": "m1"}),
        ("mail %s is tried again in %.0f s: %s", ("m1", 2.5, "451"), {"mail_id": "m1"}),
        ("%d of them, mail %s (request %s)", (3, "m1", "r1"), {"mail_id": "m1", "request_id": "r1"}),
        ("50 %% of mail %s", ("m1",), {"mail_id": "m1"}),
        ("request %s: a bug", ("r1",), {"request_id": "r1"}),
        ("e-mails %s", ("m1",), {}),
        ("nothing", (), {}),
        ("mail %s", (), {}),
    ],
)
def test_the_ids_are_the_arguments_behind_their_names(
    message: str, args: tuple[object, ...], ids: dict[str, str]
) -> None:
    assert ids_of(logging.makeLogRecord({"msg": message, "args": args})) == ids


def test_what_stands_in_the_arguments_is_never_taken_for_an_id() -> None:
    record = logging.makeLogRecord({"msg": "mail %s failed: %s", "args": ("m1", "see mail %s, request r9")})
    assert ids_of(record) == {"mail_id": "m1"}


def test_named_arguments_carry_no_ids() -> None:
    assert ids_of(logging.makeLogRecord({"msg": "mail %(id)s", "args": {"id": "m1"}})) == {}
