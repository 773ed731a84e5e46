"""What the line and the header fields of a request must look like, checked before Waitress reads them.

Waitress is more tolerant than a server can be that others stand in front of: where two read one request differently,
somebody's request ends up inside another's. And some of its regular expressions take time with the square of what they
read, seconds for 8 KB, in the thread that serves all connections. Everything here is linear.
"""

import re
from collections.abc import Mapping
from typing import Final

#: Header fields of one request.
MOST_FIELDS: Final = 100

#: RFC 9110, section 5.5: "Field values containing CR, LF, or NUL characters are invalid and dangerous"; other control
#: characters have no use either.
_ALLOWED: Final = bytes([*b"\t\r\n", *range(0x20, 0x7F), *range(0x80, 0x100)])

#: RFC 9112, section 3: request-line = method SP request-target SP HTTP-version. None of them has a space in it, so that
#: there is one way to read it. Methods are in capitals, and in this syntax nobody speaks another version.
_LINE: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Z-]+ [\x21-\x7e]+ HTTP/1\.[01]\r\n")

_NOT_ENCODED: Final = "the URL must be in ASCII, and all else percent-encoded, as curl -G --data-urlencode does it"

#: More blanks in a row than anybody means.
_BLANKS: Final = b" " * 64

_CODING: Final = b"\r\ntransfer-encoding:"

#: RFC 9110, section 7.2: Host = uri-host [ ":" port ].
_HOST: Final = re.compile(r"[A-Za-z0-9._~!$&'()*+;=%:\[\]-]+", re.ASCII)


class HeadError(ValueError):
    """Raised when a request is refused for its first line or a header field; the text says what is wrong with it.

    It has nothing in it of what the client sent.
    """


def check_head(head: bytes) -> bytes:
    """Let through what can be read in one way only, and return it with its tabs as spaces.

    Args:
        head: from the method to the empty line.

    Raises:
        HeadError: if it cannot.
    """
    if head.translate(None, _ALLOWED):
        raise HeadError("control characters in the header")
    if not _LINE.match(head):
        if not head.partition(b"\r\n")[0].isascii():
            # RFC 3986, section 2.1: what is not of the allowed characters is percent-encoded.
            raise HeadError(
                "the URL must be in ASCII, and all else percent-encoded, as curl -G --data-urlencode does it"
            )
        raise HeadError("the first line must be a method in capitals, a URL without spaces, and a version")
    head = head.replace(b"\t", b" ")
    if b"\r\n " in head:
        # RFC 9112, section 5.2: a server "MUST either reject the message" or unfold it.
        raise HeadError("a header field must be one line")
    if _BLANKS in head:
        raise HeadError("too many blanks in the header")
    if head.count(b"\r\n") > MOST_FIELDS + 2:
        raise HeadError(f"more than {MOST_FIELDS} header fields")
    return head


def check_framing(head: bytes, version: str, fields: Mapping[str, str]) -> None:
    """Let through where it is beyond doubt which request this is, and where its body ends.

    Args:
        head: as `check_head` returns it.
        version: of HTTP, such as `1.1`.
        fields: the header fields, their names as they stand in the environ; what came twice is joined with a comma.

    Raises:
        HeadError: if there is a doubt.
    """
    host = fields.get("HOST")
    # RFC 9112, section 3.2: 400 "to any HTTP/1.1 request message that lacks a Host header field and to any request
    # message that contains more than one Host header field line or a Host header field with an invalid field value".
    if host is None:
        if version != "1.0":
            raise HeadError("the header field Host is missing")
    elif not _HOST.fullmatch(host):
        raise HeadError("the header field Host must be given once, and be a host")
    folded = head.lower()
    if _CODING not in folded:
        return
    # RFC 9112, section 6.1: with HTTP/1.0 "the framing is faulty"; with a Content-Length "it ought to be handled as an
    # error"; chunked is not applied twice, and we know no other coding.
    if version == "1.0" or "CONTENT_LENGTH" in fields:
        raise HeadError("Transfer-Encoding goes with neither a Content-Length nor this version of HTTP")
    _, _, after = folded.partition(_CODING)
    if after.partition(b"\r\n")[0].strip() != b"chunked" or _CODING in after:
        raise HeadError("Transfer-Encoding must be chunked")
