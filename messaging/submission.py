"""Reads the mails that a request to `/v1/emails` wants sent, in whatever form it has them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from messaging.enclosures import ATTACHMENTS, NAMES, parse_extras
from messaging.errors import InvalidError
from messaging.fields import take_texts
from messaging.outbox.records import Extras
from messaging.request import Request

KEY: Final = "key"

#: Mails of one request.
MOST_MAILS: Final = 500


@dataclass(frozen=True, slots=True)
class Submission:
    """One mail as it was sent; of its texts nothing is checked but that they are."""

    texts: Mapping[str, str] = field(repr=False)
    extras: Extras


def read_body(request: Request, recipient: str) -> dict[str, Any] | list[Any]:
    """The fields of one mail, out of JSON or a form; or a list of mails, out of JSON.

    Args:
        request: what was sent.
        recipient: the field with the address.

    Raises:
        BadRequestError, InvalidError, UnsupportedTypeError: with the field and the reason.
    """
    if request.has_form:
        return dict(request.form((recipient,)))
    if request.has_multipart:
        return request.multipart(ATTACHMENTS)
    body = request.json_list()
    if isinstance(body, list) and not 1 <= len(body) <= MOST_MAILS:
        raise InvalidError(f"a list has 1 to {MOST_MAILS} mails")
    return body


def submission(fields: object, names: tuple[str, ...]) -> Submission:
    """Check the fields of one mail, as far as they have to be known and of the right kind.

    Args:
        fields: what was sent for it.
        names: of the fields there may be beside the extras, the recipient first.

    Raises:
        BadRequestError, InvalidError: with the field and the reason.
    """
    if not isinstance(fields, dict):
        raise InvalidError("each mail must be an object")
    texts = {name: value for name, value in fields.items() if name != ATTACHMENTS}
    known = take_texts(texts, (*names, *NAMES))
    if names[0] not in known:
        raise InvalidError("an address is missing", field=names[0])
    return Submission(known, parse_extras(known, fields.get(ATTACHMENTS)))
