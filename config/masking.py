"""Takes people's addresses and secrets out of what is written to logs."""

import re
from typing import Final

#: What every API key begins with: lets people, secret scanners and the rules below recognise one.
KEY_PREFIX: Final = "msg_"

#: RFC 5322, section 3.2.3: `atext` and the dot.
_ATOMS: Final = r"\w!#$&'*+/=?^`{|}~.-"


def _local_part(atom: str) -> str:
    """One that is not masked yet; begins where a run of atoms does and takes all of it: no text is read twice."""
    return rf'(?:(?<!{atom})({atom}){atom}*+(?<!\*\*\*)|(")[^"\n]*")'


#: In their order. The first text tells at little cost that a rule has nothing to find.
_RULES: Final = (
    # Of a URL's userinfo the name goes, too: it may be an address.
    ("://", re.compile(r"://[^/\s]*@"), "://***@"),
    ("key=", re.compile(r"\bkey=[^\s&]+"), "key=***"),
    ("link=", re.compile(r"\blink=[^\s&]+"), "link=***"),
    (KEY_PREFIX, re.compile(rf"{KEY_PREFIX}[\w-]{{8,}}", re.ASCII), f"{KEY_PREFIX}***"),
    ("@", re.compile(rf"{_local_part(f'[%{_ATOMS}]')}@(?=[\w\[])"), r"\1\2***@"),
    ("%40", re.compile(rf"{_local_part(f'[{_ATOMS}]')}%40(?=[\w\[])"), r"\1\2***%40"),
)


def mask(address: str) -> str:
    """Shorten an address so that it says whose mail this is only to somebody who knows: `m***@example.com`."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}***@{domain}"


def masked(text: str) -> str:
    """Mask every address in a text, and every key, link and password that can be told from other words."""
    for sign, pattern, instead in _RULES:
        # What is masked already, as in most lines that we log, is not looked through again.
        if (found := text.count(sign)) and (sign != "@" or found > text.count("***@")):
            text = pattern.sub(instead, text)
    return text
