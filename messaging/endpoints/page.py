"""The page for browsers, and the files that it is made of."""

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from importlib.resources import files
from typing import Final

from messaging.conditional import conditional
from messaging.errors import NotFoundError
from messaging.replies import Answer, Reply, content, kept
from messaging.request import Request
from messaging.router import ARGUMENT, Endpoint, Methods

_TYPES: Final = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}

#: What the document calls the folder of the other files.
_FOLDER: Final = b"/page/-/"

#: Nothing but our own files and our own interface. A frame is only ever filled from here, and inherits all of this:
#: what a mail in it refers to is not fetched, and a click in it leads nowhere. HTML is read in one place alone, by the
#: policy for trusted types that `frame.js` makes.
_CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types frame"
)

_DOCUMENT_HEADERS: Final = (
    ("Content-Security-Policy", _CONTENT_SECURITY_POLICY),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    # At the same address programs find a line of text.
    ("Vary", "Accept"),
)


class Page:
    """Serves the page; the address of its other files changes with what is in them, so that they are kept for ever.

    Args:
        parts: what each file holds, by its name; `index.html` is the document.
    """

    def __init__(self, parts: Mapping[str, bytes]) -> None:
        version = blake2b(repr(sorted(parts.items())).encode(), digest_size=9).hexdigest()
        self._folder = f"/page/{version}/"
        self._parts = parts
        self._document = parts["index.html"].replace(_FOLDER, self._folder.encode())
        self._get = conditional(self._get_document)

    @property
    def routes(self) -> Mapping[str, Methods]:
        """The files beside the document."""
        return {self._folder + ARGUMENT: {"GET": self._get_part}}

    def before(self, endpoint: Endpoint) -> Endpoint:
        """Answer browsers that ask for nothing in particular with the page, and leave all others to an endpoint."""

        def answer(request: Request) -> Answer | Reply:
            return self._get(request) if _is_for_people(request) else endpoint(request)

        return answer

    def _get_document(self, request: Request) -> Reply:
        reply = content(request, "text/html; charset=utf-8", self._document)
        return kept(Reply(reply.status, [*reply.headers, *_DOCUMENT_HEADERS], reply.body), "no-cache")

    def _get_part(self, request: Request) -> Reply:
        suffix = request.argument[request.argument.rfind(".") :]
        if suffix not in _TYPES or request.argument not in self._parts:
            raise NotFoundError("there is nothing here")
        reply = content(request, _TYPES[suffix], self._parts[request.argument])
        return kept(reply, "public, max-age=31536000, immutable")


def read_page() -> Page:
    """Read the files in `messaging/page`."""
    return Page(dict(_read()))


def _read() -> Iterator[tuple[str, bytes]]:
    for entry in (files("messaging") / "page").iterdir():
        yield entry.name, entry.read_bytes()


def _is_for_people(request: Request) -> bool:
    """Whether a browser asks that has an address and nothing else: `curl` and other programs do not ask for HTML."""
    return not request.environ.get("QUERY_STRING") and request.wants_page
