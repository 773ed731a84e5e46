"""JSON that is none, says things twice, nests, or holds what belongs nowhere; with a key that would open all doors."""

from typing import Final

from tests.hostile.cases import KEY, VICTIM, Case, json, keyed, request

_TO: Final = b'"to":"%s"' % VICTIM
_NO_JSON: Final = "the body is not JSON"
_AUTHORIZED: Final = b"Authorization: Bearer " + KEY


def _typed(kind: bytes, body: bytes = b"{" + _TO + b"}") -> bytes:
    return request(b"POST /v1/emails HTTP/1.1", b"Content-Type: " + kind, _AUTHORIZED, body=body)


DOCUMENTS: Final = (
    Case("a document, to see that the key works", keyed(b'{%s,"subject":"Hi"}' % _TO), (202,), mails=(VICTIM,)),
    Case("no body", keyed(b""), (400,), _NO_JSON),
    Case("no JSON", keyed(b"hello"), (400,), _NO_JSON),
    Case("half of a document", keyed(b"{" + _TO), (400,), _NO_JSON),
    Case("two documents", keyed(b"{%s}{%s}" % (_TO, _TO)), (400,), _NO_JSON),
    Case("a comma too many", keyed(b"{%s,}" % _TO), (400,), _NO_JSON),
    Case("a comment", keyed(b"{%s/*,*/}" % _TO), (400,), _NO_JSON),
    Case("single quotes", keyed(b"{'to':'%s'}" % VICTIM), (400,), _NO_JSON),
    Case("a line's end in a text", keyed(b'{"to":"%s\n"}' % VICTIM), (400,), _NO_JSON),
    Case("a NUL after the document", keyed(b"{%s}\0" % _TO), (400,), _NO_JSON),
    Case("a mark of the byte order", keyed(b"\xef\xbb\xbf{%s}" % _TO), (400,), _NO_JSON),
    Case("UTF-16", keyed("{}".encode("utf-16")), (400,), "not UTF-8"),
    Case("UTF-16 without a mark", keyed('{"to":"a@b.c"}'.encode("utf-16-le")), (400,), _NO_JSON),
    Case("UTF-7", keyed(b"+AHs-+AH0-"), (400,), _NO_JSON),
    Case("an overlong encoding", keyed(b'{"to":"\xc0\x80%s"}' % VICTIM), (400,), "not UTF-8"),
    Case("bytes that are not UTF-8", keyed(b'{"to":"\xff\xfe"}'), (400,), "not UTF-8"),
    Case("a list in a list", keyed(b"[[{%s}]]" % _TO), (422,), "each mail must be an object"),
    Case("a list of nothing", keyed(b"[]"), (422,), "a list has 1 to 500 mails"),
    Case(
        "a list of one that names two", keyed(b'[{"to":["%s","you@example.com"]}]' % VICTIM), (422,), "must be a text"
    ),
    Case("a text", keyed(b'"%s"' % VICTIM), (400,), "must be a JSON object"),
    Case("a number", keyed(b"1e999"), (400,), "must be a JSON object"),
    Case("nothing", keyed(b"null"), (400,), "must be a JSON object"),
    Case("not a number", keyed(b'{%s,"text":NaN}' % _TO), (400,), "is not JSON"),
    Case("infinity", keyed(b'{%s,"text":-Infinity}' % _TO), (400,), "is not JSON"),
    Case("a number of 10,000 digits", keyed(b'{%s,"text":%s}' % (_TO, b"9" * 10_000)), (400,), "number"),
    Case("a number that is no double", keyed(b'{%s,"text":1e999999}' % _TO), (422,), '"field":"text"'),
    Case("two recipients", keyed(b'{%s,"to":"you@example.com"}' % _TO), (400,), "given twice"),
    Case("two recipients, one escaped", keyed(rb'{%s,"\u0074o":"you@example.com"}' % _TO), (400,), "given twice"),
    Case("two members inside", keyed(b'{%s,"text":{"a":1,"a":2}}' % _TO), (400,), "given twice"),
    Case("a copy", keyed(b'{%s,"cc":"you@example.com"}' % _TO), (400,), "unknown parameter"),
    Case("a sender", keyed(b'{%s,"from":"you@example.com"}' % _TO), (400,), "unknown parameter"),
    Case("header fields", keyed(b'{%s,"headers":{"Bcc":"you@example.com"}}' % _TO), (400,), "unknown parameter"),
    Case("a prototype", keyed(b'{%s,"__proto__":{"admin":true}}' % _TO), (400,), "unknown parameter"),
    Case("markup for a name", keyed(b'{%s,"<script>":"1"}' % _TO), (400,), "unknown parameter"),
    Case("no recipient", keyed(b'{"subject":"Hi"}'), (422,), '"field":"to"'),
    Case("nobody", keyed(b'{"to":null}'), (422,), '"field":"to"'),
    Case("a number for a recipient", keyed(b'{"to":1}'), (422,), '"field":"to"'),
    Case("yes for a recipient", keyed(b'{"to":true}'), (422,), '"field":"to"'),
    Case("an object for a recipient", keyed(b'{"to":{"address":"%s"}}' % VICTIM), (422,), '"field":"to"'),
    Case("a number for a subject", keyed(b'{%s,"subject":1}' % _TO), (422,), '"field":"subject"'),
    Case("a list for a text", keyed(b'{%s,"text":["a"]}' % _TO), (422,), '"field":"text"'),
    Case("a number for a key", json(b'{%s,"key":1}' % _TO), (422,), '"field":"key"'),
    Case("two keys", keyed(b'{%s,"key":"other"}' % _TO), (401,), "not known"),
    Case("100,000 brackets", keyed(b"[" * 100_000), (400,), "nested too deeply"),
    Case("100,000 braces", keyed(b'{"a":' * 40_000), (400,), "nested too deeply"),
    Case("deep inside a text", keyed(b'{%s,"text":%s}' % (_TO, b"[" * 50_000 + b"]" * 50_000)), (400,), "too deeply"),
    Case("10,000 members", keyed(b"{%s}" % b",".join(b'"a%d":1' % n for n in range(10_000))), (400,), "unknown"),
    Case("a body of a megabyte", keyed(b'{%s,"text":"%s"}' % (_TO, b"x" * 1_000_000)), (413,), "at most"),
    Case("a body of the wrong type", _typed(b"text/plain"), (415,), "the body must be application/json"),
    Case("a body of the type of pages", _typed(b"text/html"), (415,), "the body must be"),
    Case("a body of no type", request(b"POST /v1/emails HTTP/1.1", _AUTHORIZED, body=b"{%s}" % _TO), (415,)),
    Case("a body of two types", _typed(b"application/json, text/plain"), (415,)),
    Case("a body of a like type", _typed(b"application/json5"), (415,)),
    Case("a body in parts", _typed(b"multipart/form-data; boundary=a", b"--a\r\n\r\n%s\r\n--a--" % _TO), (400,)),
    Case("a compressed body", _typed(b"application/json", b"\x1f\x8b\x08\x00" + b"\0" * 20), (400,)),
    Case("JSON that is a form", _typed(b"application/x-www-form-urlencoded"), (400,), "unknown parameter"),
    Case(
        "a query beside the body", keyed(b"{%s}" % _TO, b"/v1/emails?to=you@example.com"), (400,), "unknown parameter"
    ),
    Case("a task with a list", keyed(b'{"email":["%s"]}' % VICTIM, b"/notify/"), (422,), '"field":"email"'),
    Case("a task with a copy", keyed(b'{"email":"%s","bcc":"a@b.c"}' % VICTIM, b"/notify/"), (400,), "unknown"),
)
