"""Whatever bytes a file has, they are read as a mail as far as it goes."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from messaging.letter import Letter, read_fields, with_content

#: Pieces of what the library's parsers look for.
_PIECES = st.sampled_from(
    [
        *map(bytes, b'<>@[]():;,"\\'),
        *b"a \xff =?utf-8?q? ?= \n\t* ' %ff multipart/mixed boundary=x --x --x--".split(b" "),
    ]
)
_WORDS = st.lists(_PIECES, max_size=12).map(b"".join)
_NAMES = st.sampled_from(
    [b"From", b"To", b"Subject", b"Reply-To", b"Content-Type", b"Content-Disposition", b"Content-Transfer-Encoding"]
)
_HEADERS = st.lists(st.tuples(_NAMES, _WORDS).map(b": ".join), max_size=6).map(b"\n".join)


def read(file: bytes) -> Letter:
    return with_content(Letter("x", 0, len(file), read_fields(file)), file)


@given(_HEADERS, _WORDS)
@example(b"To: a@[", b"")
@example(b"To: <", b"")
@example(b'To: "', b"")
@example(b"Content-Type: a/b; c*", b"")
def test_no_header_and_no_content_is_too_odd(header: bytes, content: bytes) -> None:
    letter = read(header + b"\n\n" + content)
    assert list(letter.fields) == ["from", "to", "subject", "reply_to"]
    assert not any("\n" in value for value in letter.fields.values())


@given(st.binary())
def test_no_bytes_are(file: bytes) -> None:
    assert read(file).size == len(file)


@pytest.mark.parametrize("charset", ["idna", "undefined", "punycode", "utf-8\0", "hex", "no-such", "x" * 500])
def test_an_encoding_that_cannot_be_used_is_utf_8(charset: str) -> None:
    header = f'Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain; charset="{charset}"\n\n'
    letter = read(f"{header}Jörg..\n--x--".encode())
    assert letter.text == "Jörg.."


@pytest.mark.parametrize("piece", ['"', "\\", "a,", "(", "=?utf-8?q?a?= "])
@pytest.mark.parametrize("name", ["To", "Subject"])
def test_a_long_header_takes_no_longer_than_a_short_one(name: str, piece: str) -> None:
    began = time.process_time()
    read_fields(f"{name}: {piece * (60_000 // len(piece))}\n\n".encode())
    assert time.process_time() < began + 1


def test_parts_within_parts_that_never_end_are_shown_as_text() -> None:
    depth = 2000
    parts = "".join(f"Content-Type: multipart/mixed; boundary=b{number}\n\n--b{number}\n" for number in range(depth))
    letter = read(f"Subject: x\n{parts}\n\nJörg".encode())
    assert letter.fields["subject"] == "x"
    assert letter.text.endswith("Jörg")
