"""Parses what a client sends into named texts: query strings, forms and JSON objects, strictly."""

import json
import re
from binascii import a2b_qp
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NoReturn

from messaging.errors import BadRequestError, InvalidError

#: More fields than any request of ours has.
MOST_FIELDS: Final = 20

#: What a parameter of ours may look like. Nothing else that a client sends comes back in an error: it may be markup, or
#: an address that lacks its name.
_NAME = re.compile("[A-Za-z_]{1,20}")

_BROKEN_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")


def parse_form(encoded: str, addresses: Collection[str] = ()) -> dict[str, str]:
    """Parse `application/x-www-form-urlencoded`, as it stands in a query string or a body.

    Args:
        encoded: the text, as the characters that its bytes are in Latin-1 (PEP 3333).
        addresses: the fields whose `+` is a plus; in all others it is a space.

    Raises:
        BadRequestError: for anything that is not exactly such a text, or that names a field twice.
    """
    if _BROKEN_ESCAPE.search(encoded):
        raise BadRequestError('a "%" must be followed by two hexadecimal digits')
    pairs = _pairs(encoded)
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise BadRequestError("a parameter was given twice", field=_twice(pairs))
    if "+" in encoded and not fields.keys().isdisjoint(addresses):
        literal = dict(_pairs(encoded.replace("+", "%2B")))
        fields.update((name, literal[name]) for name in fields if name in addresses)
    return fields


def _pairs(encoded: str) -> list[tuple[str, str]]:
    if encoded.count("&") >= MOST_FIELDS:
        raise BadRequestError(f"more than {MOST_FIELDS} parameters")
    try:
        text = encoded.encode("latin-1")
        text.decode("utf-8")  # escapes may not complete what stands there unescaped
        pairs = [pair.partition(b"=") for pair in text.replace(b"+", b" ").split(b"&") if pair]
        return [(_unescaped(name), _unescaped(value)) for name, _, value in pairs]
    except UnicodeError:
        raise BadRequestError("the parameters are not UTF-8") from None


def _unescaped(encoded: bytes) -> str:
    # The standard library's own is of Python, and 256 KB of escapes keep the interpreter for 30 to 100 ms, of whoever
    # sends them. These are the escapes of quoted-printable (RFC 2045, section 6.7) with another sign: below 1 ms.
    return a2b_qp(encoded.replace(b"=", b"=3D").replace(b"%", b"=")).decode("utf-8")


def parse_json(body: bytes) -> dict[str, Any]:
    """Parse a body that must be one JSON object; see `parse_json_list`."""
    document = parse_json_list(body)
    if not isinstance(document, dict):
        raise BadRequestError("the body must be a JSON object")
    return document


def parse_json_list(body: bytes) -> dict[str, Any] | list[Any]:
    """Parse a body that must be one JSON object, or a list (RFC 8259), in UTF-8, with each member once.

    Raises:
        BadRequestError: for anything else.
    """
    try:
        document = json.loads(body.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise BadRequestError("the body is not UTF-8") from None
    except RecursionError:
        raise BadRequestError("the body is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise BadRequestError(f"the body is not JSON (line {error.lineno}, column {error.colno})") from None
    except ValueError:
        raise BadRequestError("the body has a number that is too long") from None
    if not isinstance(document, dict | list):
        raise BadRequestError("the body must be a JSON object, or a list of them")
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise BadRequestError("a member of the body was given twice", field=_twice(pairs))
    return members


def named(name: str) -> str | None:
    """A parameter's name, to be told to whom it is about; None if it might be something else."""
    return name if _NAME.fullmatch(name) else None


def _twice(pairs: Sequence[tuple[str, Any]]) -> str | None:
    """What the first is called that comes again."""
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            return named(name)
        seen.add(name)
    return None


def _no_constant(name: str) -> NoReturn:
    raise BadRequestError(f"{name} is not JSON")


def take_texts(fields: Mapping[str, Any], known: Collection[str]) -> dict[str, str]:
    """Take the fields of a request, of which only `known` ones may be there and each must be a text.

    Raises:
        BadRequestError: for an unknown one.
        InvalidError: for one that is not a text.
    """
    for name, value in fields.items():
        if name not in known:
            raise BadRequestError(f"unknown parameter; known here: {', '.join(known) or 'none'}", field=named(name))
        if not isinstance(value, str):
            raise InvalidError("must be a text", field=name)
    return dict(fields)
