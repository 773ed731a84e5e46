"""Flask for Gunicorn, and a task for Celery.

Started with BROKER_URL, RELAY and TALKTOME_LOG; CONFIRMS and KEEP are `yes` or nothing.
"""

import os
import smtplib
import threading

from celery import Celery
from flask import Flask, Response, request

from benchmarks.peers import mail, talktome

queue = Celery("peer", broker=os.environ["BROKER_URL"])
queue.conf.update(
    broker_transport_options={"confirm_publish": os.environ.get("CONFIRMS") == "yes"},
    task_ignore_result=True,
    # A mail whose worker is killed is sent again, as with the others here.
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=64,
)

app = Flask("peer")

_kept = threading.local()


@queue.task
def send(recipient: str, subject: str, text: str) -> None:
    if os.environ.get("KEEP") == "yes":
        _send_on_kept(recipient, subject, text)
    else:
        mail.send(recipient, subject, text)


def _send_on_kept(recipient: str, subject: str, text: str) -> None:
    """Use the thread's own connection, and a fresh one where that was closed."""
    message = mail.compose(recipient, subject, text)
    if not hasattr(_kept, "smtp"):
        _kept.smtp = mail.connect()
    try:
        _kept.smtp.send_message(message)
    except smtplib.SMTPServerDisconnected:
        _kept.smtp = mail.connect()
        _kept.smtp.send_message(message)


@app.get("/")
def action() -> Response:
    if "talktome" in request.args:
        return Response(f"logged {talktome.write()}\n", mimetype="text/plain")
    recipient = request.args.get("sendmail", "")
    if "@" not in recipient:
        return Response("no address\n", 422, mimetype="text/plain")
    task = send.delay(recipient, mail.SUBJECT, mail.TEXT)
    return Response(f"queued {task.id}\n", 202, mimetype="text/plain")
