"""`retry` and `cancel` over HTTP where an answer is lost on its way, and the request is sent again."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from config.values import Endpoint
from messaging.cli import remote, steering
from messaging.outbox.states import State
from messaging.server import Server
from tests.fixtures.service import Service
from tests.fixtures.storage import accept
from tests.messaging.cli.conftest import Run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("seam"),
    pytest.mark.parametrize("seam", ["http"], indirect=True),
]


class Losing:
    """Loses the first answers to changes of mails.

    Args:
        service: answers.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        #: How many answers come through, how many after those are lost, and how many after those say to come later.
        self.whole, self.lost, self.later = 0, 1, 0

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        changes = environ["REQUEST_METHOD"] == "POST" and not environ["PATH_INFO"].endswith("/emails")
        if not changes or self._is_count(environ):
            return self._pass(environ, start_response)
        if self.whole:
            self.whole -= 1
        elif self.lost:
            self.lost -= 1
            self._pass(environ, lambda _status, _headers: None)
            start_response("502 Bad Gateway", [("Content-Length", "0")])
            return [b""]
        elif self.later:
            self.later -= 1
            start_response("429 Too Many Requests", [("Content-Length", "0")])
            return [b""]
        return self._pass(environ, start_response)

    def _pass(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        return list(self._service.application(environ, start_response))

    def _is_count(self, environ: dict[str, Any]) -> bool:
        body = environ["wsgi.input"].read()
        environ["wsgi.input"].seek(0)
        return b"dry_run" in body


@pytest.fixture
def losing(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[Losing]:
    application = Losing(service)
    server = Server(application, Endpoint("127.0.0.1", 0), 2, 10_000)
    server.start()
    monkeypatch.setenv("MESSAGING_URL", f"http://{server.endpoint}")
    monkeypatch.setattr(remote, "_AGAIN_AFTER_S", (0.0,))
    monkeypatch.setattr(remote, "_PAUSE_S", 0.01)
    yield application
    server.stop()
    server.join()


def mails_in(service: Service, state: State, number: int = 1) -> list[str]:
    ids = [accept(service.outbox).id for _ in range(number)]
    for mail_id in ids:
        service.bring_into(mail_id, state)
    return ids


@pytest.mark.parametrize(
    ("command", "state", "becomes"),
    [("cancel", State.QUEUED, "canceled"), ("retry", State.FAILED, "queued")],
)
def test_what_was_done_by_the_first_request_is_done(
    service: Service, run: Run, losing: Losing, command: str, state: State, becomes: str
) -> None:
    (mail_id,) = mails_in(service, state)
    done = run(command, mail_id)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"{mail_id} {becomes}")


def test_what_was_done_by_nobody_is_not(service: Service, run: Run, losing: Losing) -> None:
    (mail_id,) = mails_in(service, State.SENT)
    done = run("cancel", mail_id)
    assert (done.code, done.out, done.err) == (1, "", "messaging: the mail is sent\n")


def test_what_the_first_request_changed_is_counted(
    service: Service, run: Run, losing: Losing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steering, "MOST_AT_ONCE", 2)
    mails_in(service, State.QUEUED, 5)
    done = run("cancel", "--all")
    assert (done.code, done.out, done.err) == (0, "5 mails canceled, 0 left\n", "")
    assert [mail.state for mail in service.mails] == [State.CANCELED] * 5


def test_a_request_that_is_still_at_it_is_waited_for(service: Service, run: Run, losing: Losing) -> None:
    losing.later = 3
    mails_in(service, State.QUEUED, 3)
    done = run("cancel", "--all")
    assert (done.code, done.out, losing.later) == (0, "3 mails canceled, 0 left\n", 0)


def test_what_was_changed_before_the_service_went_away_is_told(
    service: Service, run: Run, losing: Losing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steering, "MOST_AT_ONCE", 2)
    losing.whole, losing.lost = 1, 1_000
    mails_in(service, State.QUEUED, 5)
    done = run("cancel", "--all")
    assert (done.code, done.out) == (1, "2 mails canceled, others may be left\n")
    assert done.err.startswith("messaging: http://")
