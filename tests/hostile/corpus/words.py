"""Subjects and texts of somebody with a key that try to be more than a subject and a text."""

from typing import Final

from tests.hostile.cases import VICTIM, Case, keyed

_SUBJECT: Final = '"field":"subject"'
_TEXT: Final = '"field":"text"'


def _subject(subject: bytes) -> bytes:
    return keyed(b'{"to":"%s","subject":"%s"}' % (VICTIM, subject))


def _text(text: bytes) -> bytes:
    return keyed(b'{"to":"%s","subject":"Hi","text":"%s"}' % (VICTIM, text))


_REFUSED: Final = {
    "a line's end and a header": rb"a\r\nBcc: you@example.com",
    "a bare line feed and a header": rb"a\nBcc: you@example.com",
    "a bare carriage return": rb"a\rBcc: you@example.com",
    "an empty line and a body": rb"a\r\n\r\nThe body",
    "a NUL": rb"a\u0000b",
    "an escape character": rb"a\u001b[2J",
    "a vertical tab": rb"a\u000bBcc: you@example.com",
    "a form feed": rb"a\u000cBcc: you@example.com",
    "a separator of files": rb"a\u001cBcc: you@example.com",
    "a next line": rb"a\u0085Bcc: you@example.com",
    "a separator of lines": rb"a\u2028Bcc: you@example.com",
    "a separator of paragraphs": rb"a\u2029Bcc: you@example.com",
    "a lone surrogate": rb"a\ud800",
    "surrogates in the wrong order": rb"\udc00\ud800",
    "an encoded word with a line's end": b"=?utf-8?q?a=0d=0aBcc=3A_you=40example.com?=",
    "an encoded word in base64": b"=?utf-8?b?YQ0KQmNjOiB5b3VAZXhhbXBsZS5jb20=?=",
    "501 characters": b"a" * 501,
}

_TAKEN: Final = {
    "markup": b"<script>alert(1)</script>",
    "a header field": b"Bcc: you@example.com",
    "a percent sign of Python": b"%s%n%(secret)s",
    "a brace of Python": b"{0.__class__}",
    "a dollar": b"${SECRET} $(id)",
    "another script": "Ünïcödé 書 🎈".encode(),
    "500 characters": b"a" * 500,
}

WORDS: Final = (
    *(Case(f"{what} in a subject", _subject(words), (422,), _SUBJECT) for what, words in _REFUSED.items()),
    *(Case(f"{what} for a subject", _subject(words), (202,), mails=(VICTIM,)) for what, words in _TAKEN.items()),
    Case("a NUL in a text", _text(rb"a\u0000b"), (422,), _TEXT),
    Case("a lone surrogate in a text", _text(rb"a\ud800"), (422,), _TEXT),
    *(
        Case(f"{what} in a text", _text(words), (202,), mails=(VICTIM,))
        for what, words in {
            "the end of a mail": rb"a\r\n.\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<you@example.com>\r\nDATA\r\n",
            "the end of a mail in bare line feeds": rb"a\n.\nMAIL FROM:<a@b.c>\nRCPT TO:<you@example.com>\n",
            "the end of a mail in bare carriage returns": rb"a\r.\rMAIL FROM:<a@b.c>\r",
            "a header": rb"Bcc: you@example.com\r\n\r\n",
            "the beginning of a mailbox": rb"a\nFrom you@example.com\n",
            "control characters": rb"\u0001\u001b[2J\u007f\u0085\u2028",
            "a line of 100,000 characters": b"a" * 100_000,
        }.items()
    ),
)
