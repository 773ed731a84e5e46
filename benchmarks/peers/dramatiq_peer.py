"""Plain Dramatiq: a WSGI callable on Waitress that sends a message in the request, and an actor.

`python -m benchmarks.peers.dramatiq_peer ADDRESS` is the web process; `dramatiq benchmarks.peers.dramatiq_peer` the
workers. Started with BROKER_URL, RELAY and TALKTOME_LOG.
"""

import os
import sys
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

import dramatiq
import waitress
from dramatiq.brokers.rabbitmq import RabbitmqBroker

from benchmarks.peers import mail, talktome

dramatiq.set_broker(RabbitmqBroker(url=os.environ["BROKER_URL"], confirm_delivery=True))


@dramatiq.actor
def send(recipient: str, subject: str, text: str) -> None:
    mail.send(recipient, subject, text)


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    parameters = parse_qs(environ["QUERY_STRING"], keep_blank_values=True)
    if "talktome" in parameters:
        return _answer(start_response, "200 OK", f"logged {talktome.write()}\n")
    recipient = parameters.get("sendmail", [""])[0]
    if "@" not in recipient:
        return _answer(start_response, "422 Unprocessable Content", "no address\n")
    message = send.send(recipient, mail.SUBJECT, mail.TEXT)
    return _answer(start_response, "202 Accepted", f"queued {message.message_id}\n")


def _answer(start_response: Callable[..., Any], status: str, text: str) -> Iterable[bytes]:
    body = text.encode()
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


if __name__ == "__main__":
    waitress.serve(application, listen=sys.argv[1], threads=16)
