"""What a browser sees of a signed link before it sends: mail scanners open links in one, too, and press no buttons."""

from html import escape
from typing import Final

from config.masking import mask
from messaging.draft import Draft
from messaging.replies import Reply, content
from messaging.request import Request

#: It loads nothing, runs nothing, stands in no frame of another page, and its form leads back here.
_POLICY: Final = "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

#: At the same address programs find the mail sent, and a line of text.
_HEADERS: Final = [("Content-Security-Policy", _POLICY), ("Vary", "Accept")]

_PAGE: Final = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>Send a mail?</title>
<h1>Send a mail?</h1>
<p>This link sends one mail to {address}, and only once.</p>
<form method="post" action="{path}">{fields}<button>Send it</button></form>
"""


def confirmation(request: Request, parameters: dict[str, str], draft: Draft) -> Reply:
    """Make a page that asks whether a link's mail is to be sent.

    Args:
        request: a GET of the link; nothing is done about it.
        parameters: what it says, to be sent again.
        draft: the link's mail.
    """
    fields = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in parameters.items()
    )
    page = _PAGE.format(address=escape(mask(draft.recipient)), path=escape(request.path), fields=fields)
    reply = content(request, "text/html; charset=utf-8", page.encode())
    return Reply(reply.status, [*reply.headers, *_HEADERS], reply.body)
