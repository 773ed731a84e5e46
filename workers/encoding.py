"""Encodes a text for its way through relays of any kind."""

import base64
import quopri
from typing import Final

#: RFC 5322, section 2.1.1: the characters that a line should keep to, its CRLF not counted. Above that `EmailMessage`
#: folds a field and encodes a text.
MOST_IN_A_LINE: Final = 78


def encoded(text: str) -> tuple[str, bytes]:
    """The name of a transfer encoding that every relay can take, also one that never offered 8BITMIME, and the body.

    RFC 2045, section 2.7: seven bits need no encoding if the lines are short and end with CRLF and there is no NUL.
    """
    lines = text.encode().splitlines()  # unlike a text's, those of bytes end at CRLF, CR and LF alone
    body = b"\r\n".join(lines) + b"\r\n"
    if text.isascii() and "\0" not in text and max(map(len, lines), default=0) <= MOST_IN_A_LINE:
        return "7bit", body
    quoted = quopri.encodestring(body)
    in_base64 = base64.encodebytes(body).replace(b"\n", b"\r\n")
    return ("quoted-printable", quoted) if len(quoted) <= len(in_base64) else ("base64", in_base64)
