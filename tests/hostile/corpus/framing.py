"""Requests whose end is not clear, and requests hidden in the bodies of others."""

from typing import Final

from tests.hostile.cases import HOST, VICTIM, WAITS, Case, form, get, request

_POST: Final = b"POST / HTTP/1.1"
_FORM: Final = b"Content-Type: application/x-www-form-urlencoded"
_CHUNKED: Final = b"Transfer-Encoding: chunked"
_CODING: Final = "Transfer-Encoding"

#: What would be smuggled: if anybody took it for a request, it would write a line and send a mail.
_HIDDEN: Final = get(b"/?talktome&sendmail=" + VICTIM)


def _head(*fields: bytes, line: bytes = _POST) -> bytes:
    return b"\r\n".join([line, HOST, _FORM, *fields, b"", b""])


def _chunked(chunks: bytes, *fields: bytes) -> bytes:
    return _head(_CHUNKED, *fields) + chunks


FRAMING: Final = (
    Case("two requests at once", get(b"/") + get(b"/nothing"), (200, 404)),
    Case("a length that is no number", _head(b"Content-Length: ten"), (400,), "Content-Length"),
    Case("a negative length", _head(b"Content-Length: -1"), (400,), "Content-Length"),
    Case("a length with a sign", _head(b"Content-Length: +5") + b"a=bcd", (400,), "Content-Length"),
    Case("a length in hexadecimal", _head(b"Content-Length: 0x5") + b"a=bcd", (400,), "Content-Length"),
    Case("a length with an underscore", _head(b"Content-Length: 1_0") + b"a=bcdefghi", (400,), "Content-Length"),
    Case("a length of thousands of digits", _head(b"Content-Length: " + b"9" * 5000), (400,), "Content-Length"),
    Case("a length in other digits", _head("Content-Length: ٥".encode()), (400,), "Content-Length"),
    Case("an empty length", _head(b"Content-Length:"), (400,), "Content-Length"),
    Case("two lengths", _head(b"Content-Length: 0", b"Content-Length: 9") + _HIDDEN, (400,), "Content-Length"),
    Case("two lengths in one", _head(b"Content-Length: 0, 9") + _HIDDEN, (400,), "Content-Length"),
    Case("the same length twice", _head(b"Content-Length: 8", b"Content-Length: 8") + b"a=bcdefg", (400,)),
    Case("a length far above the limit", _head(b"Content-Length: 99999999999999999999"), (413,), "at most", (400,)),
    Case("a length just above the limit", _head(b"Content-Length: 262145"), (413,), "at most 262144 bytes"),
    Case("a body of a megabyte", form(b"sendmail=" + b"x" * 1_000_000), (413,), "at most 262144 bytes"),
    Case("a megabyte in chunks", _chunked(b"100000\r\n" + b"x" * 0x100000 + b"\r\n0\r\n\r\n"), (413,), "at most"),
    Case("a length and chunks", _chunked(b"0\r\n\r\n" + _HIDDEN, b"Content-Length: 6"), (400,), _CODING),
    Case("chunks and a length", _head(b"Content-Length: 6", _CHUNKED) + b"0\r\n\r\n" + _HIDDEN, (400,), _CODING),
    Case("chunks twice", _head(_CHUNKED, _CHUNKED) + b"0\r\n\r\n" + _HIDDEN, (400,), _CODING),
    Case("chunks in chunks", _head(b"Transfer-Encoding: chunked, chunked") + b"0\r\n\r\n", (400,), _CODING),
    Case("chunks, and something else", _head(_CHUNKED, b"Transfer-Encoding: x") + b"0\r\n\r\n", (400,), _CODING),
    Case("a coding that nobody knows", _head(b"Transfer-Encoding: gzip") + _HIDDEN, (400,), _CODING),
    Case("an empty coding", _head(b"Transfer-Encoding:") + _HIDDEN, (400,), _CODING),
    Case("a coding that looks like chunks", _head(b"Transfer-Encoding: xchunked") + _HIDDEN, (400,), _CODING),
    Case("chunks behind a blank that is none", _head(b"Transfer-Encoding: \x85chunked") + _HIDDEN, (400,), _CODING),
    Case("chunks behind a tab", _head(b"Transfer-Encoding:\x0bchunked") + _HIDDEN, (400,), "control characters"),
    Case("chunks in quotes", _head(b'Transfer-Encoding: "chunked"') + _HIDDEN, (400,), _CODING),
    Case("chunks, before a colon with a space", _head(b"Transfer-Encoding : chunked") + _HIDDEN, (400,)),
    Case("chunks, with HTTP/1.0", _head(_CHUNKED, line=b"POST / HTTP/1.0") + b"0\r\n\r\n", (400,), _CODING),
    Case("chunks, folded", _head(b"Transfer-Encoding:\r\n chunked") + _HIDDEN, (400,), "one line"),
    Case("a chunk without a size", _chunked(b"xyz\r\na=b\r\n0\r\n\r\n"), (400,), "chunk size"),
    Case("a chunk of a negative size", _chunked(b"-1\r\na=b\r\n0\r\n\r\n"), (400,), "chunk size"),
    Case("a chunk of a size with a prefix", _chunked(b"0x3\r\na=b\r\n0\r\n\r\n"), (400,), "chunk size"),
    Case("a chunk longer than it says", _chunked(b"2\r\na=b\r\n0\r\n\r\n"), (400,), "Chunk not properly"),
    Case("a chunk of a huge size", _chunked(b"f" * 100 + b"\r\na=b"), WAITS, edge=(400,)),
    Case("a chunk's line without an end", _chunked(b"3;" + b"a" * 5_000), (400,), "too long", WAITS),
    Case("a trailer without an end", _chunked(b"0\r\nX: " + b"a" * 5_000), (400,), "too long", WAITS),
    Case("a chunk in lines of bare line feeds", _chunked(b"3\na=b\n0\n\n"), WAITS, edge=(400,)),
    Case(
        "a trailer with a key",
        _chunked(b"a\r\nsendmail=a\r\n0\r\nX-API-Key: a\r\n\r\n"),
        (422,),
        "sendmail",
    ),
    Case(
        "a request in a body",
        form(_HIDDEN),
        (400,),
    ),
    Case("a request after a GET's body", request(b"GET /nothing HTTP/1.1", body=_HIDDEN), (404,), "nothing here"),
    Case(
        "a body that a HEAD has",
        request(b"HEAD / HTTP/1.1", body=_HIDDEN),
        (200,),
    ),
    Case("a line feed between requests", get(b"/") + b"\r\n\r\n" + get(b"/nothing"), (200, 404)),
    Case("asked whether to go on with nothing", get(b"/", b"Expect: 100-continue"), (200,), "Messaging"),
    Case(
        "asked whether to go on with too much",
        _head(b"Expect: 100-continue", b"Content-Length: 999999"),
        (413,),
        "at most",
    ),
    Case("something else is expected", get(b"/", b"Expect: nonsense"), (200,), "Messaging"),
    Case("a body that does not end", _head(b"Content-Length: 100") + b"sendmail=" + VICTIM, WAITS),
)
