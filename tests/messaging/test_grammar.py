"""What a request must look like before it is read: there is one way to read it, and that is found in no time."""

import time
from collections.abc import Callable, Mapping

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from messaging.grammar import MOST_FIELDS, HeadError, check_framing, check_head

HOST: Mapping[str, str] = {"HOST": "localhost"}


def head(*lines: bytes, line: bytes = b"GET / HTTP/1.1") -> bytes:
    return b"\r\n".join([line, *lines, b"", b""])


@pytest.mark.parametrize(
    "line",
    [
        b"GET / HTTP/1.1",
        b"POST /v1/emails HTTP/1.0",
        b"GET /?sendmail=me+tag@example.com&text=%C3%A9 HTTP/1.1",
        b"GET http://example.com/?talktome HTTP/1.1",
        b"OPTIONS * HTTP/1.1",
        b"M-SEARCH / HTTP/1.1",
    ],
)
def test_a_line_of_three_parts_is_one(line: bytes) -> None:
    whole = head(b"Host: localhost", b"User-Agent: curl/8 (caf\xe9)", line=line)
    assert check_head(whole) == whole


@pytest.mark.parametrize(
    "line",
    [
        b"GET /",
        b"GET  / HTTP/1.1",
        b"GET / HTTP/1.1 ",
        b"GET /a b HTTP/1.1",
        b"GET\t/ HTTP/1.1",
        b"get / HTTP/1.1",
        b"GET / HTTP/0.9",
        b"GET / HTTP/1.2",
        b"GET / HTTP/2.0",
        b"GET / HTTP/11",
        b"GET / http/1.1",
        b"GET /\xc3\xa9 HTTP/1.1",
        b"GET /\x7f HTTP/1.1",
        b"G\xc9T / HTTP/1.1",
        b"G(T / HTTP/1.1",
        b" / HTTP/1.1",
        b"",
    ],
)
def test_any_other_line_is_refused(line: bytes) -> None:
    with pytest.raises(HeadError):
        check_head(head(line=line))


def test_who_writes_letters_into_a_url_is_told_what_to_do_instead() -> None:
    for line, words in (("GET /?subject=Grüße HTTP/1.1", "percent-encoded, as curl"), ("GET /a b HTTP/1.1", "spaces")):
        with pytest.raises(HeadError, match=words):
            check_head(head(line=line.encode()))


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        (b"X: a\x00b", "control characters"),
        (b"X: a\x1bb", "control characters"),
        (b"X: a\x7fb", "control characters"),
        (b"X: a\r\n folded", "one line"),
        (b"X: a\r\n\tfolded", "one line"),
        (b"X:" + b" " * 64 + b"a", "too many blanks"),
        (b"X:" + b"\t " * 32 + b"a", "too many blanks"),
    ],
)
def test_a_field_that_could_be_read_otherwise_is_refused(field: bytes, reason: str) -> None:
    with pytest.raises(HeadError, match=reason):
        check_head(head(field))


def test_there_may_be_so_many_fields_and_no_more() -> None:
    assert check_head(head(*[b"X: a"] * MOST_FIELDS))
    with pytest.raises(HeadError, match="more than 100 header fields"):
        check_head(head(*[b"X: a"] * (MOST_FIELDS + 1)))


def test_a_tab_is_a_space() -> None:
    assert check_head(head(b"X:\ta\tb")) == head(b"X: a b")


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8080", "[::1]:80", "xn--bcher-kva.example", "a_b.example", "127.0.0.1"]
)
def test_a_host_is_a_host(host: str) -> None:
    check_framing(head(), "1.1", {"HOST": host})


@pytest.mark.parametrize("host", ["", "a, b", "a,b", "a b", "a/b", "user@a", "<script>", "a\\b", "é", "a?b", "a#b"])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_anything_else_is_not(host: str, version: str) -> None:
    with pytest.raises(HeadError, match="Host must be given once"):
        check_framing(head(), version, {"HOST": host})


def test_only_http_1_0_may_do_without_one() -> None:
    check_framing(head(), "1.0", {})
    with pytest.raises(HeadError, match="Host is missing"):
        check_framing(head(), "1.1", {})


@pytest.mark.parametrize("coding", [b"chunked", b"Chunked", b"  chunked  "])
def test_a_body_may_come_in_chunks(coding: bytes) -> None:
    check_framing(head(b"Transfer-Encoding: " + coding), "1.1", HOST)


@pytest.mark.parametrize(
    "fields",
    [
        [b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"],
        [b"Transfer-Encoding: chunked", b"transfer-encoding: identity"],
        [b"Transfer-Encoding: chunked, chunked"],
        [b"Transfer-Encoding: gzip, chunked"],
        [b"Transfer-Encoding: chunked,"],
        [b"Transfer-Encoding: identity"],
        [b"Transfer-Encoding: \x85chunked"],
        [b"Transfer-Encoding: xchunked"],
        [b"Transfer-Encoding:"],
    ],
)
def test_no_other_coding_is_one(fields: list[bytes]) -> None:
    with pytest.raises(HeadError, match="must be chunked"):
        check_framing(head(*fields), "1.1", HOST)


def test_a_body_has_one_end() -> None:
    chunked = head(b"Transfer-Encoding: chunked")
    for version, fields in [("1.1", {**HOST, "CONTENT_LENGTH": "5"}), ("1.0", HOST)]:
        with pytest.raises(HeadError, match="goes with neither a Content-Length nor"):
            check_framing(chunked, version, fields)


def refused(check: Callable[[], object]) -> bool:
    try:
        check()
    except HeadError as error:
        return str(error).isprintable()
    return False


@given(
    st.binary()
    | st.lists(st.sampled_from([b"GET", b" ", b"/", b" HTTP/1.1", b"\r\n", b"X:", b"\t", b"\0"])).map(b"".join)
)
@example(b"GET / HTTP/1.1\r\n")
def test_whatever_it_is_it_has_one_line_and_no_control_characters_or_is_refused(sent: bytes) -> None:
    if refused(lambda: check_head(sent)):
        return
    checked = check_head(sent)
    assert not set(checked) & {*range(10), 11, 12, *range(14, 32), 127}
    assert len(checked.partition(b"\r\n")[0].split(b" ")) == 3


@given(
    st.binary() | st.lists(st.sampled_from([b"\r\nTransfer-Encoding:", b"chunked", b",", b" "])).map(b"".join),
    st.sampled_from(["1.0", "1.1"]),
    st.dictionaries(st.sampled_from(["HOST", "CONTENT_LENGTH"]), st.text() | st.just("localhost")),
)
def test_whatever_they_are_they_frame_one_request_or_are_refused(
    sent: bytes, version: str, fields: dict[str, str]
) -> None:
    if not refused(lambda: check_framing(sent, version, fields)):
        assert sent.lower().count(b"\r\ntransfer-encoding:") < 2


@pytest.mark.parametrize(
    "whole",
    [
        head(line=b"GET a://" + b"1" * 30_000 + b" HTTP/9"),
        head(line=b"GET " + b"a://" * 8_000 + b" HTTP/1.1 "),
        head(b"X:" + b" " * 30_000 + b"a"),
        head(b"X:" + b" \t" * 15_000 + b"\x01"),
        head(b"X: " + b"a " * 15_000 + b"\x01"),
        head(*[b"Transfer-Encoding: chunked"] * 1_000),
        b" " * 32_000,
    ],
)
def test_32_kilobytes_take_no_time_whatever_they_are(whole: bytes) -> None:
    began = time.thread_time()
    for _ in range(10):
        with pytest.raises(HeadError):
            check_head(whole)
    assert time.thread_time() - began < 0.05
