"""What a client sends becomes named texts, or an error that says what is wrong with it."""

import json
import time
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from messaging.errors import BadRequestError, InvalidError
from messaging.fields import MOST_FIELDS, parse_form, parse_json, take_texts
from tests.fixtures.refusals import refusal

#: All characters that UTF-8 has.
_TEXT = st.text(st.characters(codec="utf-8"))
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("encoded", "fields"),
    [
        ("", {}),
        ("&", {}),
        ("talktome", {"talktome": ""}),
        ("talktome=", {"talktome": ""}),
        ("talktome=1&", {"talktome": "1"}),
        ("a=1&&b=2", {"a": "1", "b": "2"}),
        ("text=a=b", {"text": "a=b"}),
        ("text=a%3Db%26c", {"text": "a=b&c"}),
        ("text=a+b%2Bc", {"text": "a b+c"}),
        ("text=a;b", {"text": "a;b"}),
        ("text=%C3%A9%F0%9F%98%80", {"text": "é😀"}),
        ("text=%00%0d%0a", {"text": "\0\r\n"}),
        ("%74ext=x", {"text": "x"}),
        ("text=%2541", {"text": "%41"}),
        ("=x", {"": "x"}),
    ],
)
def test_a_form_is_names_and_texts(encoded: str, fields: dict[str, str]) -> None:
    assert parse_form(encoded) == fields


def test_raw_utf_8_is_read_as_such() -> None:
    assert parse_form("text=é".encode().decode("latin-1")) == {"text": "é"}


@pytest.mark.parametrize(
    ("encoded", "fields"),
    [
        ("sendmail=me+tag@example.com", {"sendmail": "me+tag@example.com"}),
        ("sendmail=me%2Btag@example.com", {"sendmail": "me+tag@example.com"}),
        ("%73endmail=a+b&text=c+d", {"sendmail": "a+b", "text": "c d"}),
        ("text=c+d&sendmail=a%20b", {"sendmail": "a b", "text": "c d"}),
        ("send+mail=a+b", {"send mail": "a b"}),
    ],
)
def test_a_plus_is_a_plus_in_an_address_and_a_space_elsewhere(encoded: str, fields: dict[str, str]) -> None:
    assert parse_form(encoded, ("sendmail",)) == fields


@pytest.mark.parametrize(
    "encoded", ["text=%", "text=%4", "text=%zz", "text=%u0041", "%=x", "text=100%&a=b", "text=%%41"]
)
def test_a_broken_escape_is_refused(encoded: str) -> None:
    with pytest.raises(BadRequestError, match='a "%" must be followed by two hexadecimal digits'):
        parse_form(encoded)


@pytest.mark.parametrize(
    "encoded", ["text=%ff", "text=\xff", "text=%C3", "text=%ED%A0%80", "text=%C0%AF", "%ff=x", "text=Ā"]
)
def test_what_is_not_utf_8_is_refused(encoded: str) -> None:
    with pytest.raises(BadRequestError, match="the parameters are not UTF-8"):
        parse_form(encoded)
    with pytest.raises(BadRequestError, match="the parameters are not UTF-8"):
        parse_form(encoded + "&sendmail=a+b", ("sendmail",))


@pytest.mark.parametrize(
    "encoded", ["a=1&a=2", "a=1&a=1", "a&a", "a=1&%61=2", "a+b=1&a%20b=2", "sendmail=a&sendmail=b+c"]
)
def test_a_parameter_given_twice_is_refused(encoded: str) -> None:
    with pytest.raises(BadRequestError, match="a parameter was given twice"):
        parse_form(encoded, ("sendmail",))


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("sendmail", "sendmail"),
        ("reply_to", "reply_to"),
        ("SendMail", "SendMail"),
        ("", None),
        ("me@example.com", None),
        ("<script>", None),
        ("to:\r\nx", None),
        ("msg_1234567890", None),
        ("the-words-of-somebody", None),
        ("x" * 21, None),
    ],
)
def test_a_parameter_is_named_where_its_name_can_be_nothing_else(name: str, field: str | None) -> None:
    for refused in (
        lambda: parse_form(urlencode([("a", "1"), (name, "1"), (name, "2")])),
        lambda: parse_json(f'{{"a":1,{json.dumps(name)}:1,{json.dumps(name)}:2}}'.encode()),
        lambda: take_texts({"to": "1", name: "1"}, ("to",)),
    ):
        with pytest.raises(BadRequestError) as caught:
            refused()
        assert caught.value.field == field
        assert not name or name not in caught.value.detail


def test_finding_out_which_of_many_was_given_twice_takes_no_time() -> None:
    members = ",".join([*(f'"a{number}":1' for number in range(30_000)), '"a":1', '"a":2'])
    began = time.process_time()
    assert refusal(BadRequestError, parse_json, f"{{{members}}}".encode()).startswith("a: ")
    assert time.process_time() - began < 1


def test_there_may_be_so_many_parameters_and_no_more() -> None:
    assert len(parse_form("&".join(f"a{number}=" for number in range(MOST_FIELDS)))) == MOST_FIELDS
    for encoded in ("&".join(f"a{number}=" for number in range(MOST_FIELDS + 1)), "&" * 100_000, "a&" * 100_000):
        with pytest.raises(BadRequestError, match="more than 20 parameters"):
            parse_form(encoded)


@given(st.dictionaries(_TEXT, _TEXT, max_size=MOST_FIELDS))
@example({"sendmail": "a+b c", "text": "a+b c"})
def test_what_the_standard_library_encodes_is_read_back(fields: dict[str, str]) -> None:
    assert parse_form(urlencode(fields)) == fields
    # Where a plus is a plus, a space must not be written as one.
    assert parse_form(urlencode(fields, quote_via=quote), ("sendmail",)) == fields


_BYTES = (
    st.binary()
    | _TEXT.map(str.encode)
    | st.lists(
        st.sampled_from(
            [b"a", b"=", b"&", b"%41", b"%26", b"%3d", b"%25", b"+", b"%C3", b"%a9", b"\xc3\xa9", b"\r\n", b" "]
        )
    ).map(b"".join)
)


@given(_BYTES)
@example(b"a=\r\n=\n==%3D%0A=")
@example(b"a= \t\r\n_ ")
def test_it_is_read_as_the_standard_library_reads_it(sent: bytes) -> None:
    try:
        pairs = parse_qsl(sent.decode(), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        pairs = None
    expected = None if pairs is None or len(dict(pairs)) < len(pairs) else dict(pairs)
    said = refusal(BadRequestError, parse_form, sent.decode("latin-1"))
    if said:
        assert expected is None or '"%" must be followed' in said
    else:
        assert parse_form(sent.decode("latin-1")) == expected


@pytest.mark.parametrize("repeated", ["%41", "%C3%A9", "%41+", "=", "+", "%26"])
def test_a_body_of_escapes_takes_no_time(repeated: str) -> None:
    encoded = "text=" + repeated * (262_144 // len(repeated))
    began = time.thread_time()
    for _ in range(5):
        parse_form(encoded, ("sendmail",))
    assert time.thread_time() - began < 0.06


@given(
    st.binary()
    | _TEXT.map(str.encode)
    | st.lists(st.sampled_from([b"a", b"=", b"&", b"%", b"+", b"C3", b"\xc3"])).map(b"".join)
)
def test_any_bytes_are_a_form_or_refused(sent: bytes) -> None:
    said = refusal(BadRequestError, parse_form, sent.decode("latin-1"), ("a", "sendmail"))
    assert said.isprintable()
    if not said:
        fields = parse_form(sent.decode("latin-1"), ("a", "sendmail"))
        assert all(isinstance(value, str) for value in fields.values())
        "".join([*fields.keys(), *fields.values()]).encode()


@pytest.mark.parametrize(
    ("body", "document"),
    [
        (b"{}", {}),
        (b' {"to": "me@example.com"}\r\n', {"to": "me@example.com"}),
        (b'{"a": null, "b": [1, 2.5, true], "c": {"d": ""}}', {"a": None, "b": [1, 2.5, True], "c": {"d": ""}}),
        ('{"a": "é😀"}'.encode(), {"a": "é😀"}),
        (rb'{"a": "\u00e9\ud83d\ude00\n"}', {"a": "é😀\n"}),
    ],
)
def test_a_body_is_one_json_object(body: bytes, document: dict[str, Any]) -> None:
    assert parse_json(body) == document


def test_a_lone_surrogate_is_left_to_who_knows_the_member() -> None:
    assert parse_json(rb'{"text": "\ud800"}') == {"text": "\ud800"}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "the body is not JSON (line 1, column 1)"),
        (b'{\n"a": }', "the body is not JSON (line 2, column 6)"),
        (b"{} {}", "the body is not JSON (line 1, column 4)"),
        (b"{'a': 1}", "the body is not JSON (line 1, column 2)"),
        (b'{"a": 1,}', "the body is not JSON"),
        (b'{"a": "\x00"}', "the body is not JSON"),
        (b'{"a": "x\ny"}', "the body is not JSON"),
        (b'{"a": 01}', "the body is not JSON"),
        (b"\xef\xbb\xbf{}", "the body is not JSON"),
        ('{"a": 1}'.encode("utf-16"), "the body is not UTF-8"),
        ('{"a": 1}'.encode("utf-16-le"), "the body is not JSON"),
        ('{"a": 1}'.encode("utf-32-be"), "the body is not JSON"),
        (b'{"a": "\xff"}', "the body is not UTF-8"),
        (b'{"a": "\xed\xa0\x80"}', "the body is not UTF-8"),
        (b"[]", "the body must be a JSON object"),
        (b'"to"', "the body must be a JSON object"),
        (b"null", "the body must be a JSON object"),
        (b"42", "the body must be a JSON object"),
        (b'{"a": 1, "a": 1}', "a: a member of the body was given twice"),
        (rb'{"a": 1, "\u0061": 2}', "a: a member of the body was given twice"),
        (b'{"a": {"b": 1, "b": 2}}', "b: a member of the body was given twice"),
        (b'{"a": NaN}', "NaN is not JSON"),
        (b'{"a": [Infinity]}', "Infinity is not JSON"),
        (b'{"a": -Infinity}', "-Infinity is not JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "the body has a number that is too long"),
        (b'{"a": ' * 100_000, "the body is nested too deeply"),
        (b"[" * 200_000, "the body is nested too deeply"),
        (b'{"a": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", "the body is nested too deeply"),
    ],
)
def test_anything_else_is_refused_with_the_reason(body: bytes, reason: str) -> None:
    assert refusal(BadRequestError, parse_json, body).startswith(reason)


@given(st.dictionaries(_TEXT, _JSON, max_size=5), st.booleans())
def test_what_the_standard_library_writes_is_read_back(document: dict[str, Any], ascii_only: bool) -> None:
    assert parse_json(json.dumps(document, ensure_ascii=ascii_only).encode()) == document


@given(st.binary() | _TEXT.map(str.encode) | st.text(st.sampled_from('{}[]",:1eE.-+ \\undN')).map(str.encode))
@example(b'{"a":' + b"-" + b"9" * 5000 + b"}")
@example(b'{"a":1e99999}')
def test_any_bytes_are_a_json_object_or_refused(sent: bytes) -> None:
    said = refusal(BadRequestError, parse_json, sent)
    assert said.isprintable()
    assert said or isinstance(parse_json(sent), dict)


def test_known_texts_are_taken() -> None:
    fields = {"to": "me@example.com", "text": ""}
    assert take_texts(fields, ("to", "subject", "text")) == fields
    assert take_texts({}, ()) == {}


@pytest.mark.parametrize(("known", "said"), [(("to", "text"), "known here: to, text"), ((), "known here: none")])
def test_an_unknown_field_is_refused_with_the_known_ones_and_without_its_name(
    known: tuple[str, ...], said: str
) -> None:
    with pytest.raises(BadRequestError, match=f"^unknown parameter; {said}$"):
        take_texts({"<script>": "x"}, known)


@pytest.mark.parametrize("value", [None, True, 1, 1.5, float("inf"), [], ["a"], {}, {"a": "b"}])
def test_a_field_that_is_not_a_text_is_named(value: object) -> None:
    with pytest.raises(InvalidError, match=r"^text: must be a text$") as caught:
        take_texts({"text": value}, ("text",))
    assert caught.value.field == "text"
