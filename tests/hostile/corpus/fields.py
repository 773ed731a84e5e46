"""Header fields that are none, come twice, are huge, or pretend to come from a proxy."""

from base64 import b64encode
from typing import Final

from tests.hostile.cases import HOST, KEY, VICTIM, Case, form, get, json, request

_TALK: Final = b"GET /?talktome HTTP/1.1"
_MAIL: Final = b"/?sendmail=" + VICTIM
_HOST: Final = "the header field Host"

FIELDS: Final = (
    Case("no Host", request(_TALK, host=b""), (400,), f"{_HOST} is missing"),
    Case("no Host, with HTTP/1.0", request(b"GET / HTTP/1.0", host=b""), (200,), "Messaging"),
    Case("an empty Host", request(_TALK, host=b"Host:"), (400,), _HOST),
    Case("two Hosts", request(_TALK, b"Host: evil.example"), (400,), _HOST),
    Case("the same Host twice", request(_TALK, HOST), (400,), _HOST),
    Case("two Hosts in one", request(_TALK, host=b"Host: a.example, b.example"), (400,), _HOST),
    Case("a Host with a path", request(_TALK, host=b"Host: a.example/?talktome"), (400,), _HOST),
    Case("a Host with a user", request(_TALK, host=b"Host: user@evil.example"), (400,), _HOST, (400,)),
    Case("a Host with markup", request(_TALK, host=b"Host: <script>"), (400,), _HOST, (400,)),
    Case("a space before the colon", request(_TALK, b"X-A : b"), (400,), "Invalid header"),
    Case("no colon", request(_TALK, b"nonsense"), (400,), "Invalid header", (200,)),
    Case("no name", request(_TALK, b": nonsense"), (400,), "Invalid header", (400,)),
    Case("a name with a space", request(_TALK, b"X A: b"), (400,), "Invalid header"),
    Case("a name beyond ASCII", request(_TALK, b"X-\xc3\xa9: b"), (400,), "Invalid header", (200,)),
    Case("a folded field", request(_TALK, b"X-A: b\r\n c"), (400,), "one line"),
    Case("a folded first field", _TALK + b"\r\n Host: a\r\n\r\n", (400,), "one line"),
    Case("a NUL", request(_TALK, b"X-A: b\0c"), (400,), "control characters"),
    Case("a control character", request(_TALK, b"X-A: \x1b[2Jb"), (400,), "control characters"),
    Case("a bare carriage return", request(_TALK, b"X-A: b\rX-Injected: yes"), (400,), "Bare CR"),
    Case("a bare line feed", request(_TALK, b"X-A: b\nX-Injected: yes"), (400,), "Bare CR", (200,)),
    Case("bytes that are not ASCII", get(b"/", b"User-Agent: \xff\xfe\xc3\xa9"), (200,)),
    Case("an id with markup", get(b"/nothing", b"X-Request-ID: <b>12345678</b>"), (404,)),
    Case("an id in two lines", get(b"/nothing", b"X-Request-ID: 12345678%0aX"), (404,)),
    Case("30 KB in one field", get(b"/?talktome", b"X-A: " + b"a" * 30_000), (200,), "logged", (431,)),
    Case("40 KB in one field", get(b"/?talktome", b"X-A: " + b"a" * 40_000), (431,), "exceeds"),
    Case("40 KB in ten", get(b"/?talktome", *[b"X-A: " + b"a" * 4_000] * 10), (431,), "exceeds"),
    Case(
        "a thousand fields", get(b"/?talktome", *[b"X-%d: b" % n for n in range(1000)]), (400,), "more than 100", (431,)
    ),
    Case("blanks that take Waitress 5 s", get(b"/", b"X-A:" + b" " * 30_000 + b"b"), (400,), "blanks", (431,)),
    Case("HTTP/2, please", get(b"/", b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c"), (200,)),
    Case("a socket, please", get(b"/", b"Connection: Upgrade", b"Upgrade: websocket"), (200,)),
    Case("another method, please", get(b"/nothing", b"X-HTTP-Method-Override: DELETE"), (404,)),
    Case("another path, please", get(b"/nothing", b"X-Original-URL: /?talktome", b"X-Rewrite-URL: /?talktome"), (404,)),
    Case("a range of it", get(b"/", b"Range: bytes=0-0,-1"), (200,)),
    Case("a key with a control character", get(_MAIL, b"X-API-Key: a\x01b"), (400,), "control characters"),
    Case("a key that is none", get(_MAIL, b"X-API-Key: msg_none"), (401,), "not known"),
    Case("an empty key", get(_MAIL, b"X-API-Key:"), (401,), "not known"),
    Case("two keys", get(_MAIL, b"X-API-Key: a", b"X-API-Key: b"), (401,), "not known"),
    Case("a key beyond ASCII", get(_MAIL, b"Authorization: Bearer \xc3\xa9"), (401,), "not known"),
    Case("a key of 7 KB", get(_MAIL, b"Authorization: Bearer " + b"a" * 7_000), (401,), "not known"),
    Case("a key without a word before it", get(_MAIL, b"Authorization: " + KEY), (401,), "behind the word Bearer"),
    Case("a key behind another word", get(_MAIL, b"Authorization: Token " + KEY), (401,), "behind the word Bearer"),
    Case("a wrong key behind another word", get(_MAIL, b"Authorization: Token abc"), (401,), "behind the word Bearer"),
    Case("a key for a user", get(_MAIL, b"Authorization: Basic " + b64encode(KEY + b":")), (401,), "behind the word"),
    Case("a wrong key beside talktome", get(b"/?talktome", b"X-API-Key: msg_none"), (401,), "not known"),
    Case("a wrong key beside talktome in the query", get(b"/?talktome&key=msg_none"), (401,), "not known"),
    Case(
        "a right key and a wrong one", get(_MAIL, b"X-API-Key: " + KEY, b"Authorization: Bearer a"), (401,), "not known"
    ),
    Case("a user and a password", get(_MAIL, b"Authorization: Basic Og=="), (202,), mails=(VICTIM,)),
    Case("a name with an underscore", get(_MAIL, b"X_API_Key: msg_none"), (202,), mails=(VICTIM,)),
    Case("a client that is none", get(_MAIL, b"X-Forwarded-For: ';--, <b>, 300.1.1.1"), (202,), mails=(VICTIM,)),
    Case("a client of 7 KB", get(_MAIL, b"X-Forwarded-For: " + b"1," * 3_500), (202,), mails=(VICTIM,)),
    Case("a prefetch", get(_MAIL + b"&talktome", b"Sec-Purpose: prefetch;prerender"), (403,), "a prefetch"),
    *(
        Case(
            f"{what} in a page elsewhere",
            get(
                _MAIL + b"&talktome",
                b"Sec-Fetch-Site: cross-site",
                b"Sec-Fetch-Mode: " + mode,
                b"Sec-Fetch-Dest: " + to,
            ),
            (403,),
            "a page elsewhere",
        )
        for what, mode, to in (
            ("a picture", b"no-cors", b"image"),
            ("a script's request", b"cors", b"empty"),
            ("a frame", b"navigate", b"iframe"),
        )
    ),
    Case(
        "a form that a page elsewhere sends by itself",
        form(b"talktome&sendmail=" + VICTIM, b"Sec-Fetch-Site: cross-site", b"Sec-Fetch-Mode: no-cors"),
        (403,),
        "a page elsewhere",
    ),
    Case(
        "a link that somebody follows",
        get(_MAIL, b"Sec-Fetch-Site: cross-site", b"Sec-Fetch-Mode: navigate", b"Sec-Fetch-Dest: document"),
        (202,),
        mails=(VICTIM,),
    ),
    Case(
        "an idempotency key for a GET",
        get(_MAIL + b"&talktome", b"Idempotency-Key: a"),
        (400,),
        "Idempotency-Key: is for POST",
    ),
    Case(
        "an idempotency key of 300 characters",
        json(b'{"to":"%s"}' % VICTIM, b"Idempotency-Key: " + b"a" * 300),
        (400,),
        "1 to 255",
    ),
    Case("a type that is too long", get(b"/", b"Accept: " + b"application/json;q=0," * 300), (200,), "Messaging"),
)
