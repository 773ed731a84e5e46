"""Who may do what: a caller with a key, or a stranger."""

from base64 import b64encode
from dataclasses import replace

import pytest

from messaging.errors import ForbiddenError, UnauthorizedError
from messaging.gate import STRANGER, Caller, Gate
from messaging.keys import Key, Keys
from tests.fixtures.clock import NOON_MS
from tests.messaging.wsgi import request

_BACKUP = Key("digest", "backup", NOON_MS)
_KNOWN = Caller(_BACKUP)


class OneKey(Keys):
    """Knows one key, by two names, and remembers which ones it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def find(self, key: str) -> Key | None:
        self.asked.append(key)
        return _BACKUP if key in ("msg_1", "msg_also") else None


@pytest.fixture
def keys() -> OneKey:
    return OneKey()


@pytest.fixture
def gate(keys: OneKey) -> Gate:
    return Gate(keys, open_sendmail=True, allowed_recipients=())


def _closed(*allowed: str) -> Gate:
    return Gate(OneKey(), open_sendmail=False, allowed_recipients=allowed)


def test_a_caller_without_a_key_is_a_stranger(gate: Gate, keys: OneKey) -> None:
    assert gate.identify(request(), None) == STRANGER
    assert not STRANGER.known
    assert keys.asked == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer msg_1"},
        {"Authorization": "bearer  msg_1 "},
        {"X-API-Key": "msg_1"},
        {"X-API-Key": "msg_1", "Authorization": "Basic dXNlcjpwYXNz"},
    ],
)
def test_a_key_in_a_header_field_names_the_caller(gate: Gate, headers: dict[str, str]) -> None:
    assert gate.identify(request(headers=headers), None) == _KNOWN
    assert _KNOWN.known


def test_a_key_among_the_parameters_names_the_caller(gate: Gate) -> None:
    assert gate.identify(request(), "msg_1") == _KNOWN


@pytest.mark.parametrize(
    "authorization",
    ["Basic dXNlcjpwYXNz", "Basic", "Basic é", "bASIC  bWU6eA==", "Negotiate YII=", 'Digest username="me", uri="/"'],
)
def test_what_is_said_to_a_proxy_says_nothing_here(gate: Gate, authorization: str) -> None:
    assert gate.identify(request(headers={"Authorization": authorization}), None) == STRANGER


@pytest.mark.parametrize(
    "authorization",
    [
        "msg_1",
        # A wrong key may be any text.
        "abc",
        "Token abc",
        "Bearer: abc",
        "Bearer:abc",
        "Bearer\tabc",
        "Bearer\xa0abc",
        '"Bearer abc"',
        "ApiKey abc",
        "Key abc",
        "Basic dXNlcjpwYXNz, Bearer abc",
        "Basic, bearer abc",
        "Basic:dXNlcjpwYXNz",
        "",
        " ",
        "Bearermsg_1",
        "Bearer:msg_1",
        "Token msg_1",
        "Digest Bearer msg_1",
        "Basic dXNlcjpwYXNz, Bearer msg_1",
        "Basic msg_1",
        f"Basic {b64encode(b'msg_1:').decode()}",
        f"basic {b64encode(b'me:msg_1').decode()}",
        f"Basic {b64encode(b'me:msg_1').decode().rstrip('=')}",
    ],
)
def test_a_key_that_stands_where_none_is_looked_for_is_refused_and_its_caller_not_taken_for_a_stranger(
    gate: Gate, authorization: str
) -> None:
    with pytest.raises(UnauthorizedError, match=r"^a key in Authorization goes behind the word Bearer$"):
        gate.identify(request(headers={"Authorization": authorization}), None)


def test_the_same_key_in_two_places_is_one(gate: Gate) -> None:
    headers = {"X-API-Key": "msg_1", "Authorization": "Bearer msg_1"}
    assert gate.identify(request(headers=headers), "msg_1") == _KNOWN


def test_two_keys_are_two_callers_and_neither_is_let_in(gate: Gate) -> None:
    with pytest.raises(UnauthorizedError, match=r"^two keys were given, and may be two callers$"):
        gate.identify(request(headers={"X-API-Key": "msg_1"}), "msg_also")


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ({"Authorization": "Bearer msg_2"}, None),
        ({"X-API-Key": "msg_2"}, None),
        ({"X-API-Key": "msg_2", "Authorization": "Bearer msg_1"}, None),
        ({"X-API-Key": "msg_1", "Authorization": "Bearer msg_2"}, None),
        ({"X-API-Key": "msg_1", "Authorization": "Bearer"}, None),
        ({"X-API-Key": "msg_2"}, "msg_1"),
        ({"Authorization": "Bearer msg_1, Bearer msg_1"}, None),
        ({"Authorization": "Bearer msg_1"}, "msg_2"),
        ({"X-API-Key": "msg_1"}, "msg_2"),
        ({}, "msg_2"),
        ({}, "MSG_1"),
        ({}, "\ud800"),
        # A script whose variable is not set must not be taken for a stranger's.
        ({}, ""),
        ({"X-API-Key": ""}, None),
        ({"Authorization": "Bearer "}, None),
        ({"Authorization": "Bearer"}, None),
        ({"X-API-Key": "msg_1"}, ""),
        ({"Authorization": "Bearer msg_1", "X-API-Key": ""}, None),
    ],
)
def test_a_wrong_key_is_refused_and_its_caller_not_taken_for_a_stranger(
    gate: Gate, headers: dict[str, str], key: str | None
) -> None:
    with pytest.raises(UnauthorizedError, match=r"^this key is not known here$"):
        gate.identify(request(headers=headers), key)


def test_everybody_may_send_the_greeting_while_that_is_open(gate: Gate) -> None:
    gate.check_greeting(STRANGER)
    gate.check_greeting(_KNOWN)


def test_only_keys_may_where_it_is_not() -> None:
    _closed().check_greeting(_KNOWN)
    with pytest.raises(UnauthorizedError, match=r"^sending needs a key here$"):
        _closed().check_greeting(STRANGER)


def test_words_of_ones_own_need_a_key_whether_open_or_not(gate: Gate) -> None:
    for each in (gate, _closed()):
        each.check_own_words(_KNOWN)
        with pytest.raises(UnauthorizedError, match="needs a key; without one the greeting is sent"):
            each.check_own_words(STRANGER)


def test_mail_may_go_anywhere_where_no_list_says_otherwise(gate: Gate) -> None:
    gate.check_recipient(STRANGER, "anybody@example.com", "to")
    gate.check_recipient(_KNOWN, "anybody@example.com", "to")


@pytest.mark.parametrize(
    "recipient", ["me@example.com", "ME@example.com", "anybody@example.org", "Any.Body+x@example.org"]
)
def test_mail_may_go_to_whom_the_list_has(recipient: str) -> None:
    for caller in (STRANGER, _KNOWN):
        _closed("me@example.com", "@example.org").check_recipient(caller, recipient, "to")


@pytest.mark.parametrize(
    "recipient",
    [
        "you@example.com",
        "notme@example.com",
        "me@example.com.evil.org",
        "a@sub.example.org",
        "a@notexample.org",
        "example.org@evil.org",
    ],
)
def test_mail_to_anybody_else_is_forbidden(recipient: str) -> None:
    for caller in (STRANGER, _KNOWN):
        with pytest.raises(ForbiddenError, match=r"^to: mail to this address is not allowed here$") as caught:
            _closed("me@example.com", "@example.org").check_recipient(caller, recipient, "to")
        assert caught.value.field == "to"


_TO_ME = Caller(replace(_BACKUP, recipients=("me@example.com", "@example.org")))


def test_a_key_s_own_list_is_the_key_s_alone(gate: Gate) -> None:
    for recipient in ("me@example.com", "Anybody@example.org"):
        gate.check_recipient(_TO_ME, recipient, "to")
    with pytest.raises(ForbiddenError, match=r"^to: mail to this address is not allowed with this key$"):
        gate.check_recipient(_TO_ME, "you@example.com", "to")
    gate.check_recipient(_KNOWN, "you@example.com", "to")


def test_a_key_s_list_opens_nothing_that_the_operator_s_closes() -> None:
    gate = _closed("@example.com")
    gate.check_recipient(_TO_ME, "me@example.com", "to")
    with pytest.raises(ForbiddenError, match=r"^to: mail to this address is not allowed here$"):
        gate.check_recipient(_TO_ME, "anybody@example.org", "to")
