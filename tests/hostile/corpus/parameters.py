"""Query strings and forms: twice, unknown, badly encoded, and too many."""

from typing import Final

from tests.hostile.cases import VICTIM, Case, form, get

_MAIL: Final = b"/?sendmail=" + VICTIM
_FORM: Final = b"sendmail=" + VICTIM

PARAMETERS: Final = (
    Case("two recipients", get(_MAIL + b"&sendmail=you@example.com"), (400,), "given twice"),
    Case("the same recipient twice", get(_MAIL + b"&sendmail=" + VICTIM), (400,), "given twice"),
    Case("a recipient by another spelling of the name", get(_MAIL + b"&sendm%61il=you@example.com"), (400,), "twice"),
    Case("talktome twice", get(b"/?talktome&talktome"), (400,), "given twice"),
    Case(
        "one recipient in the query, one in the form",
        form(b"sendmail=you@example.com")[:6] + b"?" + _FORM + form(b"sendmail=you@example.com")[6:],
        (400,),
        "given twice",
    ),
    Case("a copy", get(_MAIL + b"&cc=you@example.com"), (400,), "unknown parameter"),
    Case("a blind copy", get(_MAIL + b"&bcc=you@example.com"), (400,), "unknown parameter"),
    Case("a sender", get(_MAIL + b"&from=you@example.com"), (400,), "unknown parameter"),
    Case("a name in capitals", get(b"/?SENDMAIL=" + VICTIM), (400,), "unknown parameter"),
    Case("a list", get(b"/?sendmail[]=" + VICTIM), (400,), "unknown parameter"),
    Case("a member", get(b"/?sendmail.to=" + VICTIM), (400,), "unknown parameter"),
    Case("a NUL in a name", get(b"/?sendmail%00=" + VICTIM), (400,), "unknown parameter"),
    Case("markup for a name", get(b"/?%3Cscript%3Ealert(1)%3C/script%3E=1"), (400,), "unknown parameter"),
    Case("a name of 7 KB", get(b"/?" + b"a" * 7_000 + b"=1"), (400,), "unknown parameter"),
    Case("no name", get(b"/?=" + VICTIM), (400,), "unknown parameter"),
    Case("semicolons", get(b"/?talktome;sendmail=" + VICTIM), (400,), "unknown parameter"),
    Case("a hundred parameters", get(b"/?" + b"&".join(b"a%d=1" % n for n in range(100))), (400,), "more than 20"),
    Case("an escape that is cut off", get(_MAIL + b"%"), (400,), "two hexadecimal digits"),
    Case("an escape that is none", get(_MAIL + b"%zz"), (400,), "two hexadecimal digits"),
    Case("an escape of another standard", get(b"/?sendmail=%u0040"), (400,), "two hexadecimal digits"),
    Case("an encoded escape", get(b"/?sendmail=a%2540example.com"), (422,), "sendmail: "),
    Case("an overlong encoding", get(b"/?sendmail=a%C0%80" + VICTIM), (400,), "not UTF-8"),
    Case("an overlong at sign", get(b"/?sendmail=a%C1%80example.com"), (400,), "not UTF-8"),
    Case("half a character", get(b"/?sendmail=a%C3"), (400,), "not UTF-8"),
    Case("bytes that are not UTF-8", get(b"/?sendmail=%FF%FE"), (400,), "not UTF-8"),
    Case("a surrogate", get(b"/?sendmail=%ED%A0%80" + VICTIM), (400,), "not UTF-8"),
    Case("a character beyond Unicode", get(b"/?sendmail=%F4%90%80%80"), (400,), "not UTF-8"),
    Case("a key that is empty", get(_MAIL + b"&key="), (401,), "not known"),
    Case("a key and another key", get(_MAIL + b"&key=a", b"X-API-Key: b"), (401,), "not known"),
    Case("a subject of a stranger", get(_MAIL + b"&subject=Buy"), (401,), "needs a key"),
    Case("an empty subject of a stranger", get(_MAIL + b"&subject="), (401,), "needs a key"),
    Case("a link that is none", get(b"/?link=a.b"), (403,), "link: "),
    Case("a link and a recipient", get(_MAIL + b"&link=a.b"), (400,), "link: "),
    Case("a key alone", get(b"/?key=a"), (400,), "nothing to do"),
    Case("bytes that are not UTF-8 in a form", form(b"sendmail=\xff\xfe"), (400,), "not UTF-8"),
    Case("a NUL in a form", form(_FORM + b"%00"), (422,), "sendmail: "),
    Case("two recipients in a form", form(_FORM + b"&" + _FORM), (400,), "given twice"),
    Case("a form of another type", form(_FORM).replace(b"application/x-www-form-urlencoded", b"text/plain"), (415,)),
    Case("a form in parts", form(_FORM).replace(b"application/x-www-form-urlencoded", b"multipart/form-data"), (415,)),
    Case("JSON that says it is a form", form(b'{"sendmail":"%s"}' % VICTIM), (400,), "unknown parameter"),
    Case("a form, twice", form(_FORM) + form(_FORM), (202, 202), mails=(VICTIM, VICTIM)),
    Case("talktome with a value", get(b"/?talktome=%3Cb%3E%0d%0aforged"), (200,), "logged"),
    Case("talktome of another type", form(b"talktome=%00%1b%5b2J"), (200,), "logged"),
    Case("a status of no mail", get(b"/v1/emails/00000000-0000-0000-0000-000000000000"), (404,), "no mail of this id"),
    Case("a status by SQL", get(b"/v1/emails/'%20OR%201=1--"), (404,), "no mail of this id"),
    Case("a status with a parameter", get(b"/v1/emails/1?id=2"), (400,), "unknown parameter"),
    Case("a status of a mail with slashes", get(b"/v1/emails/..%2f..%2f"), (404,), "nothing here"),
)
