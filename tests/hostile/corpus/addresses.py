"""Recipients that are none, are several, or try to be more than one thing."""

from typing import Final

from tests.hostile.cases import VICTIM, Case, get, json

_SENDMAIL: Final = "sendmail: "

#: What each tries, and the address, as it stands in a query.
_REFUSED: Final = {
    "nothing": b"",
    "no domain": b"victim",
    "a domain alone": b"@example.com",
    "two at signs": b"victim@evil.example@example.com",
    "a list": VICTIM + b",you@example.com",
    "a list with semicolons": VICTIM + b";you@example.com",
    "a list with spaces": VICTIM + b"%20you@example.com",
    "a line's end and a header": VICTIM + b"%0d%0aBcc:you@example.com",
    "a bare line feed and a header": VICTIM + b"%0aBcc:you@example.com",
    "a bare carriage return": VICTIM + b"%0dBcc:you@example.com",
    "a separator of lines": VICTIM + b"%E2%80%A8Bcc:you@example.com",
    "a next line": VICTIM + b"%C2%85Bcc:you@example.com",
    "a NUL at the end": VICTIM + b"%00",
    "an escape character": b"%1b[2J" + VICTIM,
    "a delete": b"%7f" + VICTIM,
    "a text that runs backwards": b"%E2%80%AE" + VICTIM,
    "a word that hides an address": b"=?utf-8?q?you=40evil.example=2C?=" + VICTIM,
    "a word that hides a line's end": b"=?utf-8?q?a=0d=0aBcc=3A_x=40y?=@example.com",
    "a name and an address": b"%22You%22%20%3C" + VICTIM + b"%3E",
    "angle brackets": b"%3C" + VICTIM + b"%3E",
    "markup": b"%3Cscript%3Ealert(1)%3C/script%3E@example.com",
    "quotes": b"%22victim%22@example.com",
    "quotes with a list inside": b"%22a@b.c,%22@example.com",
    "a comment": b"victim(comment)@example.com",
    "a route": b"@evil.example:" + VICTIM,
    "a percent route": b"victim%25evil.example@",
    "a bang path": b"evil!victim@",
    "an address literal": b"victim@[127.0.0.1]",
    "a literal of IPv6": b"victim@[IPv6:::1]",
    "a number for a domain": b"victim@2130706433",
    "an address for a domain": b"victim@127.0.0.1",
    "this machine": b"root@localhost",
    "no top level": b"root@relay",
    "two dots": b"victim@example..com",
    "a dot at the end": b"victim.@example.com",
    "a domain with a dash first": b"victim@-example.com",
    "a domain with a slash": b"victim@example.com/path",
    "a domain with a port": b"victim@example.com:25",
    "a domain with an escape": b"victim@exam%2500ple.com",
    "a domain of 300 characters": b"victim@" + b"a" * 300 + b".com",
    "an address of 7 KB": b"v" * 7_000 + b"@example.com",
    "a local part beyond ASCII": b"%C3%A9@example.com",
    "a full-width at sign": b"victim%EF%BC%A0example.com",
    "a letter that becomes a slash": b"victim@example.c%E2%84%80m",
    "an option of sendmail": b"-Ovictim",
    "a file": b"/etc/passwd",
    "a URL": b"mailto:" + VICTIM,
    "a pipe": b"%7C/bin/sh",
}

ADDRESSES: Final = (
    *(Case(f"{what} for a recipient", get(b"/?sendmail=" + to), (422,), _SENDMAIL) for what, to in _REFUSED.items()),
    *(
        Case(f"{what} for a recipient beside talktome", get(b"/?talktome&sendmail=" + to), (422,), _SENDMAIL)
        for what, to in list(_REFUSED.items())[:3]
    ),
    Case("a tag", get(b"/?sendmail=a+" + VICTIM), (202,), mails=(b"a+" + VICTIM,)),
    Case("a tag, encoded", get(b"/?sendmail=a%2B" + VICTIM), (202,), mails=(b"a+" + VICTIM,)),
    Case("an encoded at sign", get(b"/?sendmail=" + VICTIM.replace(b"@", b"%40")), (202,), mails=(VICTIM,)),
    Case(
        "a domain of another script",
        get(b"/?sendmail=" + VICTIM.replace(b"example.com", b"b%C3%BCcher.example")),
        (202,),
        mails=(VICTIM.replace(b"example.com", b"xn--bcher-kva.example"),),
    ),
    Case("a dash first", get(b"/?sendmail=-o" + VICTIM), (202,), mails=(b"-o" + VICTIM,)),
    Case("a list in JSON", json(b'{"to":["%s","you@example.com"]}' % VICTIM), (422,), '"field":"to"'),
    Case("a line's end in JSON", json(rb'{"to":"%s\r\nBcc: you@example.com"}' % VICTIM), (422,), '"field":"to"'),
    Case("a NUL in JSON", json(rb'{"to":"%s\u0000"}' % VICTIM), (422,), '"field":"to"'),
    Case("a lone surrogate in JSON", json(rb'{"to":"\ud800%s"}' % VICTIM), (422,), '"field":"to"'),
)
