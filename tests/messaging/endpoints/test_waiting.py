"""`?wait=20s`: the answer comes when the mail is in a final state."""

import threading
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from messaging import waiting as module
from messaging.outbox.states import State
from messaging.waiting import most_waiting
from tests.fixtures.client import JSON, Answer
from tests.fixtures.service import MOST_WAITING, Service
from tests.fixtures.storage import connected
from tests.fixtures.waiting import until


class Asking(threading.Thread):
    """A request that is under way."""

    def __init__(self, ask: Callable[[], Answer]) -> None:
        super().__init__(daemon=True)
        self._ask = ask
        self.answer: Answer | None = None
        self.start()

    def run(self) -> None:
        self.answer = self._ask()


def waiting(service: Service) -> int:
    return len(service.waits._waiters)


def read(service: Service, mail_id: str, wait: str, key: str) -> Answer:
    return service.public.get(f"/v1/emails/{mail_id}?wait={wait}", {"X-API-Key": key, **JSON})


@pytest.fixture
def sent(service: Service) -> str:
    """The id of a mail that waits to be sent."""
    return service.public.get("/?sendmail=me@example.com").id


@pytest.mark.parametrize("state", [State.SENT, State.FAILED, State.CANCELED])
def test_who_reads_hears_of_the_end_as_soon_as_it_is_there(service: Service, key: str, sent: str, state: State) -> None:
    asking = Asking(lambda: read(service, sent, "20s", key))
    until(lambda: waiting(service) == 1)
    assert asking.answer is None
    service.bring_into(sent, state)
    asking.join(5)
    assert asking.answer is not None
    assert asking.answer.json["state"] == state.value


def test_who_sends_hears_of_the_end(service: Service, key: str) -> None:
    headers = {"X-API-Key": key, **JSON}
    asking = Asking(lambda: service.public.post_json("/v1/emails?wait=20s", {"to": "me@example.com"}, headers))
    until(lambda: waiting(service) == 1)
    (mail,) = service.mails
    service.bring_into(mail.id, State.FAILED)
    asking.join(5)
    answer = asking.answer
    assert answer is not None
    assert (answer.status, answer.id, answer.json["state"]) == (200, mail.id, "failed")
    assert answer.json["attempts"][0]["reply"] == "5.1.1 No such user here"


def test_when_the_time_is_over_the_answer_says_how_it_stands(service: Service, key: str, sent: str) -> None:
    assert read(service, sent, "10ms", key).json["state"] == "queued"
    answer = service.public.post_json("/v1/emails?wait=10ms", {"to": "you@example.com", "key": key})
    assert (answer.status, answer.json["state"]) == (202, "queued")


def test_there_is_no_wait_for_what_is_final_already(service: Service, key: str, sent: str) -> None:
    service.bring_into(sent, State.SENT)
    began = time.monotonic()
    assert read(service, sent, "20s", key).json["state"] == "sent"
    assert time.monotonic() < began + 5


def test_only_so_many_wait_and_the_others_are_answered_at_once(service: Service, key: str, sent: str) -> None:
    asking = [Asking(lambda: read(service, sent, "20s", key)) for _ in range(MOST_WAITING)]
    until(lambda: waiting(service) == MOST_WAITING)
    began = time.monotonic()
    assert read(service, sent, "20s", key).json["state"] == "queued"
    assert time.monotonic() < began + 5
    service.bring_into(sent, State.SENT)
    for each in asking:
        each.join(5)
        assert each.answer is not None
        assert each.answer.json["state"] == "sent"
    assert waiting(service) == 0


def test_one_thread_asks_for_all_and_ends_with_the_last_of_them(service: Service, key: str, sent: str) -> None:
    asking = [Asking(lambda: read(service, sent, "20s", key)) for _ in range(MOST_WAITING)]
    until(lambda: waiting(service) == MOST_WAITING)
    assert [thread.name for thread in threading.enumerate()].count("waits") == 1
    service.bring_into(sent, State.SENT)
    for each in asking:
        each.join(5)
    until(lambda: "waits" not in [thread.name for thread in threading.enumerate()])


def test_a_process_that_ends_lets_all_go_on(service: Service, key: str, sent: str) -> None:
    asking = Asking(lambda: read(service, sent, "20s", key))
    until(lambda: waiting(service) == 1)
    service.waits.end()
    asking.join(5)
    assert asking.answer is not None
    assert asking.answer.json["state"] == "queued"
    assert read(service, sent, "20s", key).json["state"] == "queued"


def test_the_database_may_go_away_and_return_while_somebody_waits(
    service: Service, key: str, sent: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    asking = Asking(lambda: read(service, sent, "20s", key))
    until(lambda: waiting(service) == 1)
    with service.without_database():
        until(lambda: "whether mails are final is not known now" in caplog.text)
    service.bring_into(sent, State.SENT)
    asking.join(5)
    assert asking.answer is not None
    assert asking.answer.json["state"] == "sent"


def test_who_sends_hears_that_the_mail_is_accepted_although_the_database_is_away_when_the_wait_ends(
    service: Service, key: str
) -> None:
    headers = {"X-API-Key": key, **JSON}
    asking = Asking(lambda: service.public.post_json("/v1/emails?wait=20s", {"to": "me@example.com"}, headers))
    until(lambda: waiting(service) == 1)
    with service.without_database():
        service.waits.end()
        asking.join(5)
    answer = asking.answer
    assert answer is not None
    assert (answer.status, answer.json["state"]) == (202, "queued")
    assert [mail.id for mail in service.mails] == [answer.id] == service.publisher.ids


def test_a_mail_that_is_removed_while_its_sender_waits_was_accepted(service: Service, key: str) -> None:
    headers = {"X-API-Key": key, **JSON}
    asking = Asking(lambda: service.public.post_json("/v1/emails?wait=20s", {"to": "me@example.com"}, headers))
    until(lambda: waiting(service) == 1)
    with connected(service.database_path) as connection:
        connection.execute("DELETE FROM mails")
    service.waits.end()
    asking.join(5)
    assert asking.answer is not None
    assert asking.answer.status == 202


def test_a_thread_that_cannot_be_started_lets_all_go_on_and_is_started_for_the_next(
    service: Service, key: str, sent: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class NoThread(threading.Thread):
        def start(self) -> None:
            raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(module, "threading", SimpleNamespace(Thread=NoThread, Event=threading.Event))
        assert read(service, sent, "20s", key).json["state"] == "queued"
    assert "can't start new thread" in caplog.text
    assert waiting(service) == 0
    asking = Asking(lambda: read(service, sent, "20s", key))
    until(lambda: waiting(service) == 1)
    service.bring_into(sent, State.SENT)
    asking.join(5)
    assert asking.answer is not None
    assert asking.answer.json["state"] == "sent"


def test_whatever_goes_wrong_while_some_wait_they_go_on_and_the_next_wait_again(
    service: Service, key: str, sent: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asking = Asking(lambda: read(service, sent, "20s", key))
    until(lambda: waiting(service) == 1)
    with monkeypatch.context() as patch:
        patch.setattr(service.outbox, "finished", lambda _ids: 1 / 0)
        asking.join(5)
    assert asking.answer is not None
    assert asking.answer.json["state"] == "queued"
    assert "ZeroDivisionError" in caplog.text
    asking = Asking(lambda: read(service, sent, "20s", key))
    until(lambda: waiting(service) == 1)
    service.bring_into(sent, State.SENT)
    asking.join(5)
    assert asking.answer is not None
    assert asking.answer.json["state"] == "sent"


@pytest.mark.parametrize(("threads", "waiting"), [(1, 0), (2, 1), (3, 1), (4, 1), (7, 1), (8, 2), (32, 8), (512, 128)])
def test_a_quarter_of_the_threads_may_wait_and_never_all_of_them(threads: int, waiting: int) -> None:
    assert most_waiting(threads) == waiting


@pytest.mark.parametrize("wait", ["", "26s", "1m", "-1s", "20", "1e1s", "0.5s", "99999ms", "١s"])
def test_a_time_that_is_none_or_too_long_is_refused(service: Service, key: str, sent: str, wait: str) -> None:
    answer = read(service, sent, wait.encode().decode("latin-1"), key)
    assert (answer.status, answer.json["field"]) == (422, "wait")


def test_strangers_do_not_wait(service: Service, sent: str) -> None:
    assert service.public.get(f"/v1/emails/{sent}?wait=20s").status == 401
    assert service.public.post_json("/v1/emails?wait=20s", {"to": "you@example.com"}).status == 401
    assert len(service.mails) == 1
