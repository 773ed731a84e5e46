"""What a request wants sent beside a subject and a text: HTML, an address for answers, attachments."""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any, Final

from config.values import is_one_line
from messaging.addresses import parse_recipient
from messaging.draft import check_text
from messaging.errors import BadRequestError, InvalidError
from messaging.outbox.records import NO_EXTRAS, Attachment, Extras

HTML: Final = "html"
REPLY_TO: Final = "reply_to"
ATTACHMENTS: Final = "attachments"
NAMES: Final = (HTML, REPLY_TO, ATTACHMENTS)

#: Files of one mail, and characters of a file's name.
MOST_ATTACHMENTS: Final = 20
MOST_NAME: Final = 200

#: RFC 6838, section 4.2; what consists of other parts or messages is not one file.
_TYPE: Final = re.compile(
    r"(?!multipart/|message/)[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}", re.ASCII
)
_ANY_TYPE: Final = "application/octet-stream"


def parse_extras(texts: Mapping[str, str], attachments: object) -> Extras:
    """Check what was sent.

    Args:
        texts: the request's fields that are texts, others among them.
        attachments: its field of that name; None if it has none.

    Raises:
        BadRequestError, InvalidError: with the field and the reason.
    """
    html, reply_to = texts.get(HTML), texts.get(REPLY_TO)
    if html is None and reply_to is None and attachments is None:
        return NO_EXTRAS
    return Extras(
        None if html is None else check_text(html, HTML),
        None if reply_to is None else parse_recipient(reply_to, REPLY_TO),
        () if attachments is None else _attachments(attachments),
    )


def _attachments(sent: object) -> tuple[Attachment, ...]:
    if not isinstance(sent, list):
        raise InvalidError("must be a list", field=ATTACHMENTS)
    if len(sent) > MOST_ATTACHMENTS:
        raise InvalidError(f"at most {MOST_ATTACHMENTS} files", field=ATTACHMENTS)
    return tuple(_attachment(each, f"{ATTACHMENTS}[{number}]") for number, each in enumerate(sent))


def _attachment(sent: object, field: str) -> Attachment:
    if not isinstance(sent, dict):
        raise InvalidError("must be an object with name, type and content", field=field)
    if not sent.keys() <= {"name", "type", "content"}:
        raise BadRequestError("unknown member; known here: name, type, content", field=field)
    return Attachment(
        _name(sent.get("name"), f"{field}.name"),
        _type(sent.get("type", _ANY_TYPE), f"{field}.type"),
        _content(sent.get("content"), f"{field}.content"),
    )


def _name(name: Any, field: str) -> str:
    """A file's name, and no path: some programs would follow it."""
    if not isinstance(name, str) or not name or len(name) > MOST_NAME:
        raise InvalidError(f"a name of at most {MOST_NAME} characters is needed", field=field)
    if not is_one_line(name) or not name.isprintable() or name != name.strip() or name in (".", ".."):
        raise InvalidError("must be a file's name without control characters", field=field)
    if "/" in name or "\\" in name or "=?" in name:
        raise InvalidError('"/", "\\" and "=?" cannot be used', field=field)
    return name


def _type(given: Any, field: str) -> str:
    if not isinstance(given, str) or not _TYPE.fullmatch(given.lower()):
        raise InvalidError("must be a media type such as application/pdf", field=field)
    return given.lower()


def _content(content: Any, field: str) -> bytes:
    """The bytes, which a form has as they are, and JSON in base64."""
    if isinstance(content, bytes):
        return content
    try:
        # RFC 4648, section 4.
        return base64.b64decode(content.encode("ascii"), validate=True)
    except (AttributeError, UnicodeEncodeError, binascii.Error):
        raise InvalidError("must be base64", field=field) from None
