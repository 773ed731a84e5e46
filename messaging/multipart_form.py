"""Parses forms with files in them: `multipart/form-data` (RFC 7578), strictly."""

from io import BytesIO
from typing import Any, Final

from multipart import MultipartError, MultipartParser, MultipartPart, ParserLimitReached, parse_options_header

from messaging.errors import BadRequestError
from messaging.fields import named

#: More fields and files than any request of ours has.
MOST_PARTS: Final = 40


def parse_multipart(body: bytes, content_type: str, files: str) -> dict[str, Any]:
    """Parse a form.

    Args:
        body: the whole of it.
        content_type: the request's header field of that name, which says where the parts end.
        files: the only field that files may be in, as many as there are.

    Returns:
        The texts by their fields; and for the files a list of objects with name, type and content, if there is one.

    Raises:
        BadRequestError: for anything that is not exactly such a form, or that names another field twice.
    """
    _, options = parse_options_header(content_type)
    fields: dict[str, Any] = {}
    for part in _parts(body, options.get("boundary", "")):
        if part.filename is not None:
            if part.name != files:
                raise BadRequestError(f'files belong into "{files}"')
            # A browser sends one without a name where none was chosen.
            if part.filename or part.raw:
                fields.setdefault(files, []).append(_file(part))
        elif part.name in fields or part.name == files:
            problem = "must be files" if part.name == files else "a field was given twice"
            raise BadRequestError(problem, field=named(part.name))
        else:
            fields[part.name] = _text(part)
    return fields


def _parts(body: bytes, boundary: str) -> list[MultipartPart]:
    if not boundary:
        raise BadRequestError("the type of the body lacks its boundary")
    # All of it is in memory already: nothing is written to a file.
    size = len(body) + 1
    try:
        return list(
            MultipartParser(
                BytesIO(body),
                boundary,
                content_length=len(body),
                strict=True,
                part_limit=MOST_PARTS,
                spool_limit=size,
                memory_limit=size,
            )
        )
    except ParserLimitReached:
        raise BadRequestError(f"more than {MOST_PARTS} fields and files, or a header that is too long") from None
    except (MultipartError, UnicodeError):
        raise BadRequestError("the body is not a form as its type says") from None


def _file(part: MultipartPart) -> dict[str, Any]:
    return {"name": part.filename, "type": part.content_type, "content": part.raw}


def _text(part: MultipartPart) -> str:
    try:
        text: str = part.raw.decode("utf-8")
    except UnicodeError:
        raise BadRequestError("the fields are not UTF-8") from None
    return text
