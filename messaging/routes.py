"""Which paths there are, and which endpoint answers each."""

from collections.abc import Mapping
from dataclasses import dataclass

from messaging.conditional import conditional
from messaging.endpoints.action import Action
from messaging.endpoints.description import Description
from messaging.endpoints.emails import Emails
from messaging.endpoints.health import Check, Readiness, healthz
from messaging.endpoints.listing import Mails
from messaging.endpoints.mailbox import Letters
from messaging.endpoints.notify import Notify
from messaging.endpoints.overview import View
from messaging.endpoints.page import read_page
from messaging.endpoints.robots import robots
from messaging.endpoints.source import Compose, Source
from messaging.endpoints.steering import Helm
from messaging.gate import Gate
from messaging.mailbox import Mailbox
from messaging.outbox.listing import Listing
from messaging.outbox.outbox import Outbox
from messaging.outbox.steering import CANCEL, RETRY, Steering
from messaging.outlook import Outlook
from messaging.overview import Overseer
from messaging.publisher import Publisher
from messaging.router import Endpoint, Router
from messaging.sending import Sending
from messaging.talktome import TalktomeLog
from messaging.waiting import Waits


@dataclass(frozen=True)
class Parts:
    """What the endpoints are made of."""

    gate: Gate
    sending: Sending
    outbox: Outbox
    outlook: Outlook
    listing: Listing
    steering: Steering
    publisher: Publisher
    overseer: Overseer
    waits: Waits
    compose: Compose
    talktome: TalktomeLog
    #: None where mails go to a relay.
    mailbox: Mailbox | None
    health: Endpoint = healthz


def public_router(parts: Parts) -> Router:
    """The side that clients see."""
    action = Action(parts.gate, parts.sending, parts.outlook, parts.talktome)
    emails = Emails(parts.gate, parts.sending, parts.outbox, parts.outlook, parts.waits)
    notify = Notify(parts.gate, parts.sending, parts.outbox, parts.outlook)
    mails = Mails(parts.gate, parts.listing)
    helm = Helm(parts.gate, parts.outbox, parts.steering, parts.publisher)
    actions = {"GET": action.get, "POST": action.post, "HEAD": action.head}
    letters = Letters(parts.gate, parts.mailbox)
    page = read_page()
    return Router(
        {
            "/": {**actions, "GET": page.before(action.get), "HEAD": page.before(action.head)},
            **page.routes,
            "/action": actions,
            "/notify/": {"POST": notify.post},
            "/v1/emails": {"GET": conditional(mails.get), "POST": emails.post},
            "/v1/emails/cancel": {"POST": helm.many(CANCEL)},
            "/v1/emails/retry": {"POST": helm.many(RETRY)},
            "/v1/overview": {"GET": conditional(View(parts.gate, parts.overseer).get)},
            "/v1/emails/{id}": {"GET": conditional(emails.get)},
            "/v1/emails/{id}/source": {"GET": conditional(Source(parts.gate, parts.outbox, parts.compose).get)},
            "/v1/emails/{id}/resend": {"POST": emails.post_again},
            "/v1/emails/{id}/cancel": {"POST": helm.one(CANCEL)},
            "/v1/emails/{id}/retry": {"POST": helm.one(RETRY)},
            "/v1/mailbox": {"GET": conditional(letters.list)},
            "/v1/mailbox/{id}": {"GET": conditional(letters.get)},
            "/task_status/{id}": {"GET": notify.status},
            "/healthz": {"GET": parts.health},
            "/robots.txt": {"GET": robots},
            "/openapi.json": {"GET": conditional(Description().get)},
        }
    )


def internal_router(checks: Mapping[str, Check]) -> Router:
    """The side that only the operator's machines see.

    Args:
        checks: what must be up for the service to be ready, by name.
    """
    return Router({"/livez": {"GET": healthz}, "/readyz": {"GET": Readiness(checks).get}})
