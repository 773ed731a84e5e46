"""Tells requests that somebody meant from those that a browser makes by itself, or for a page of somebody else."""

import re
from typing import Final

from messaging.errors import ForbiddenError
from messaging.request import Request

#: The places in a page that another page can be shown in without being asked for; nobody sees what it sends there.
_FRAMES: Final = frozenset({"embed", "fencedframe", "frame", "iframe", "object"})

#: What fetches a link to show what is behind it, as soon as somebody writes it into a chat: by the names that they give
#: themselves in `User-Agent`. Those that look like a browser are asked by a page (`endpoints/confirmation.py`).
_PREVIEWS: Final = re.compile(
    "slackbot|slack-imgproxy|skypeuripreview|microsoftpreview|bingpreview|facebookexternalhit|facebot|whatsapp|telegrambot"
    "|twitterbot|discordbot|linkedinbot|mattermost|redditbot|pinterestbot|viber|vkshare|embedly|iframely|googleimageproxy",
    re.ASCII | re.IGNORECASE,
)


def check_meant(request: Request) -> None:
    """Let through what somebody meant; programs that are no browsers say nothing here, and are believed.

    Raises:
        ForbiddenError: to a prefetch, to a part of a page elsewhere, such as a picture or a script's request, and to a
            chat's preview. Not a success: the browser would show the answer to a prefetch instead of asking when
            somebody does.
    """
    if _is_prefetch(request):
        raise ForbiddenError("a prefetch sends and logs nothing")
    if _is_part_of_a_foreign_page(request):
        raise ForbiddenError("a page elsewhere sends and logs nothing unless somebody follows a link in it")
    if request.method == "GET" and _PREVIEWS.search(request.header("User-Agent") or ""):
        raise ForbiddenError("a preview sends and logs nothing")


def _is_prefetch(request: Request) -> bool:
    """Whether a browser asks before anybody has: Fetch's `Sec-Purpose`, and what was sent before there was that."""
    return any(_said(request, name).startswith("prefetch") for name in ("Sec-Purpose", "Purpose", "X-Moz"))


def _is_part_of_a_foreign_page(request: Request) -> bool:
    """Whether a page of another site asks without leaving for us (W3C, Fetch Metadata).

    A link that is followed in a page, or a form that is sent from one, is a navigation; one that is followed in a mail
    program or typed has no site that it comes from.
    """
    if _said(request, "Sec-Fetch-Site") != "cross-site":
        return False
    return _said(request, "Sec-Fetch-Mode") != "navigate" or _said(request, "Sec-Fetch-Dest") in _FRAMES


def _said(request: Request, name: str) -> str:
    return (request.header(name) or "").strip().lower()
