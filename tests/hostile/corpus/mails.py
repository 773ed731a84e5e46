"""Lists of mails, what a mail has beside its words, and what is asked of and done to mails that are there."""

from typing import Final

from tests.hostile.cases import KEY, VICTIM, Case, form, get, json, keyed, request

_TO: Final = b'"to":"%s"' % VICTIM
_AUTHORIZED: Final = b"Authorization: Bearer " + KEY
_NOBODY: Final = b"0190a000-0000-7000-8000-000000000000"


def _with(members: bytes) -> bytes:
    return keyed(b"{%s,%s}" % (_TO, members))


def _file(members: bytes) -> bytes:
    return _with(b'"attachments":[{%s}]' % members)


def _parts(*parts: bytes, boundary: bytes = b"x", end: bytes = b"--x--\r\n") -> bytes:
    kind = b"Content-Type: multipart/form-data; boundary=" + boundary
    return request(b"POST /v1/emails HTTP/1.1", kind, _AUTHORIZED, body=b"".join(parts) + end)


def _part(disposition: bytes, content: bytes = b"") -> bytes:
    return b"--x\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n" % (disposition, content)


def _asked(target: bytes) -> bytes:
    return get(target, _AUTHORIZED)


def _done(path: bytes, body: bytes = b"{}") -> bytes:
    return keyed(body, b"/v1/emails/" + path)


_LISTS: Final = (
    Case("a list of two", keyed(b"[{%s},{%s}]" % (_TO, _TO)), (202,), '"accepted":2', mails=(VICTIM, VICTIM)),
    Case("a list of a stranger", json(b"[{%s}]" % _TO), (401,), "needs a key"),
    Case("a list with a key inside", json(b'[{%s,"key":"%s"}]' % (_TO, KEY)), (401,), "needs a key"),
    Case("a list with a sender", keyed(b'[{%s,"from":"a@b.c"}]' % _TO), (400,), '"field":"from"'),
    Case("a list of 501", keyed(b"[%s]" % b",".join([b"1"] * 501)), (422,), "a list has 1 to 500 mails"),
    Case("a list of everything but mails", keyed(b'[null,1,"a",[],true]'), (422,), '"accepted":0'),
    Case("a list of one that is two", keyed(b'[{%s,"to":"a@b.c"}]' % _TO), (400,), "given twice"),
    Case("a list that waits", keyed(b"[{%s}]" % _TO, b"/v1/emails?wait=1s"), (400,), '"field":"wait"'),
    Case("a list in a list in a list", keyed(b"[" * 9 + b"]" * 9), (422,), "must be an object"),
    Case("a list for a task", keyed(b"[{%s}]" % _TO, b"/notify/"), (400,), "must be a JSON object"),
)

_EXTRAS: Final = (
    Case("HTML of a stranger", json(b'{%s,"html":"<b>Buy</b>"}' % _TO), (401,), "needs a key"),
    Case("a file of a stranger", json(b'{%s,"attachments":[]}' % _TO), (401,), "needs a key"),
    Case("HTML that is a number", _with(b'"html":1'), (422,), '"field":"html"'),
    Case("HTML with a NUL", _with(rb'"html":"a\u0000"'), (422,), '"field":"html"'),
    Case("HTML with a lone surrogate", _with(rb'"html":"\ud800"'), (422,), '"field":"html"'),
    Case("answers to two", _with(b'"reply_to":"a@example.com,b@example.com"'), (422,), '"field":"reply_to"'),
    Case("answers to a header", _with(rb'"reply_to":"a@example.com\r\nBcc: b@c.de"'), (422,), '"field":"reply_to"'),
    Case("answers to an encoded word", _with(b'"reply_to":"=?utf-8?q?a?=@example.com"'), (422,), '"field":"reply_to"'),
    Case("files that are none", _with(b'"attachments":"a"'), (422,), '"field":"attachments"'),
    Case("files that are an object", _with(b'"attachments":{"name":"a"}'), (422,), '"field":"attachments"'),
    Case("a file that is a text", _with(b'"attachments":["a"]'), (422,), "attachments[0]"),
    Case("21 files", _with(b'"attachments":[%s]' % b",".join([b"{}"] * 21)), (422,), "at most 20 files"),
    Case("a file without a name", _file(b'"content":""'), (422,), "attachments[0].name"),
    Case("a file with a path", _file(b'"name":"../../etc/passwd","content":""'), (422,), "attachments[0].name"),
    Case("a file with a path of Windows", _file(rb'"name":"..\\a","content":""'), (422,), "attachments[0].name"),
    Case("a file's name with a header", _file(rb'"name":"a\r\nBcc: b@c.de","content":""'), (422,), "[0].name"),
    Case("a file's name in an encoded word", _file(b'"name":"=?utf-8?q?a?=","content":""'), (422,), "[0].name"),
    Case("a file's name that ends on the left", _file(rb'"name":"a\u202etxt.exe","content":""'), (422,), "[0].name"),
    Case("a file's type with a header", _file(rb'"name":"a","type":"a/b\r\nX: y","content":""'), (422,), "[0].type"),
    Case(
        "a file's type with parameters", _file(b'"name":"a","type":"text/html; x=y","content":""'), (422,), "[0].type"
    ),
    Case("a file of many parts", _file(b'"name":"a","type":"multipart/mixed","content":""'), (422,), "[0].type"),
    Case("a file that is a message", _file(b'"name":"a","type":"message/rfc822","content":""'), (422,), "[0].type"),
    Case("a file that is not base64", _file(b'"name":"a","content":"%%%"'), (422,), "must be base64"),
    Case("a file that is a URL", _file(b'"name":"a","url":"file:///etc/passwd"'), (400,), "unknown member"),
)

_FORMS: Final = (
    Case("a form in parts", _parts(_part(b'name="to"', VICTIM)), (202,), mails=(VICTIM,)),
    Case("parts of a stranger with a file", _parts(_part(b'name="attachments"; filename="a"', b"a")), (422,), "to: "),
    Case(
        "two recipients in parts", _parts(_part(b'name="to"', VICTIM), _part(b'name="to"', b"a@b.c")), (400,), "twice"
    ),
    Case("a copy in parts", _parts(_part(b'name="to"', VICTIM), _part(b'name="cc"', b"a@b.c")), (400,), "cc: "),
    Case("a file for a recipient", _parts(_part(b'name="to"; filename="a"', VICTIM)), (400,), "files belong into"),
    Case("a part without a name", _parts(_part(b'filename="a"')), (400,), "not a form"),
    Case("a part without a header", _parts(b"--x\r\n\r\na\r\n"), (400,), "not a form"),
    Case("parts without an end", _parts(_part(b'name="to"', VICTIM), end=b""), (400,), "not a form"),
    Case("parts without a boundary", _parts(_part(b'name="to"', VICTIM), boundary=b""), (400,), "boundary"),
    Case("parts with another boundary", _parts(_part(b'name="to"', VICTIM), boundary=b"y"), (400,), "not a form"),
    Case("41 parts", _parts(*[_part(b'name="a%d"' % number) for number in range(41)]), (400,), "more than 40"),
    Case("a part with a header of 10 KB", _parts(b"--x\r\nX: %s\r\n\r\n\r\n" % (b"a" * 10_000)), (400,), "too long"),
    Case("bytes that are not UTF-8 in a part", _parts(_part(b'name="to"', b"\xff\xfe")), (400,), "not UTF-8"),
    Case(
        "a file's name with a path in a part",
        _parts(_part(b'name="to"', VICTIM), _part(b'name="attachments"; filename="a/../=?b"', b"a")),
        (422,),
        "name",
    ),
)

_ASKED: Final = (
    Case("the list for a stranger", get(b"/v1/emails"), (401,), "needs a key"),
    Case("the list with a wrong key", get(b"/v1/emails", b"X-API-Key: msg_none"), (401,), "not known"),
    Case("the list of a state that is none", _asked(b"/v1/emails?state=lost"), (422,), "state: "),
    Case("the list by SQL", _asked(b"/v1/emails?state=sent'%20OR%201=1--"), (422,), "state: "),
    Case("the list of a pattern", _asked(b"/v1/emails?to=%25@example.com"), (200,), "0 mails"),
    Case("the list of a domain that is none", _asked(b"/v1/emails?to=@"), (422,), "to: "),
    Case("the list before nothing", _asked(b"/v1/emails?before=0"), (422,), "before: "),
    Case("the list before SQL", _asked(b"/v1/emails?before=" + _NOBODY + b"'--"), (422,), "before: "),
    *(
        Case(f"a list of {limit.decode()} mails", _asked(b"/v1/emails?limit=" + limit), (422,), "limit: ")
        for limit in (b"0", b"-1", b"201", b"1e2", b"99999999999999999999", b"%D9%A3", b"", b"NaN")
    ),
    Case("a list by another name", _asked(b"/v1/emails?offset=1"), (400,), "offset: unknown parameter"),
    Case("a source for a stranger", get(b"/v1/emails/" + _NOBODY + b"/source"), (401,), "needs a key"),
    Case("a source of no mail", _asked(b"/v1/emails/" + _NOBODY + b"/source"), (404,), "no mail of this id"),
    Case("a source by a path", _asked(b"/v1/emails/..%2f..%2fetc/source"), (404,)),
    Case("an overview for a stranger", get(b"/v1/overview"), (401,), "needs a key"),
    Case("a wait of a stranger", get(b"/v1/emails/" + _NOBODY + b"?wait=1s"), (401,), "waiting needs a key"),
    *(
        Case(f"a wait of {wait.decode()}", _asked(b"/v1/emails/" + _NOBODY + b"?wait=" + wait), (422,), "wait: ")
        for wait in (b"26s", b"1h", b"-1s", b"99999999s", b"1", b"1s,1s", b"%D9%A3s", b"nan")
    ),
)

_STEERED: Final = (
    *(
        case
        for deed in (b"cancel", b"retry")
        for case in (
            Case(f"a {deed.decode()} of a stranger", json(b"{}", path=b"/v1/emails/%s" % deed), (401,), "needs a key"),
            Case(f"a {deed.decode()} by GET", _asked(b"/v1/emails/" + _NOBODY + b"/" + deed), (405,), "answers"),
            Case(f"a {deed.decode()} of no mail", _done(_NOBODY + b"/" + deed), (404,), "no mail of this id"),
            Case(f"a {deed.decode()} by a list", _done(deed, b"[]"), (400,), "must be a JSON object"),
            Case(
                f"a {deed.decode()} of a state that is none", _done(deed, b'{"state":"all"}'), (422,), '"field":"state"'
            ),
            Case(f"a {deed.decode()} of what was sent", _done(deed, b'{"state":"sent"}'), (422,), '"field":"state"'),
            Case(f"a {deed.decode()} of a pattern", _done(deed, b'{"to":"*"}'), (422,), '"field":"to"'),
            Case(
                f"a {deed.decode()} of all but in words", _done(deed, b'{"dry_run":"no"}'), (422,), '"field":"dry_run"'
            ),
            Case(f"a {deed.decode()} with a misspelt filter", _done(deed, b'{"too":"a@b.c"}'), (400,), '"field":"too"'),
            Case(f"a {deed.decode()} with a filter in the query", _done(deed + b"?to=a@b.c"), (400,), '"field":"to"'),
        )
    ),
    Case("a mail again of a stranger", form(b"", path=b"/v1/emails/" + _NOBODY + b"/resend"), (401,), "needs a key"),
    Case("a mail again to somebody else", _done(_NOBODY + b"/resend", b'{"to":"a@b.c"}'), (400,), '"field":"to"'),
)

MAILS: Final = (*_LISTS, *_EXTRAS, *_FORMS, *_ASKED, *_STEERED)
