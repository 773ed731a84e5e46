"""Which paths there are, and which endpoint answers each."""

from collections.abc import Mapping

from messaging.endpoints.action import Action
from messaging.endpoints.emails import Emails
from messaging.endpoints.health import Check, Readiness, healthz
from messaging.endpoints.notify import Notify
from messaging.gate import Gate
from messaging.outbox.outbox import Outbox
from messaging.outlook import Outlook
from messaging.router import Endpoint, Router
from messaging.sending import Sending
from messaging.talktome import TalktomeLog


def public_router(
    gate: Gate,
    sending: Sending,
    outbox: Outbox,
    outlook: Outlook,
    talktome: TalktomeLog,
    health: Endpoint = healthz,
) -> Router:
    """The side that clients see."""
    action = Action(gate, sending, outlook, talktome)
    emails = Emails(gate, sending, outbox, outlook)
    notify = Notify(gate, sending, outbox, outlook)
    actions = {"GET": action.get, "POST": action.post, "HEAD": action.head}
    return Router(
        {
            "/": actions,
            "/action": actions,
            "/v1/emails": {"POST": emails.post},
            "/notify/": {"POST": notify.post},
            "/healthz": {"GET": health},
        },
        {"/v1/emails/": {"GET": emails.get}, "/task_status/": {"GET": notify.status}},
    )


def internal_router(checks: Mapping[str, Check]) -> Router:
    """The side that only the operator's machines see.

    Args:
        checks: what must be up for the service to be ready, by name.
    """
    return Router({"/livez": {"GET": healthz}, "/readyz": {"GET": Readiness(checks).get}})
