"""Health: the process answers whatever is down, and readiness names what is."""

import json
import threading
import time
from collections.abc import Callable
from functools import partial
from ipaddress import ip_network
from pathlib import Path

import pytest

from config.errors import MessagingError
from messaging.application import Application
from messaging.clients import Clients
from messaging.endpoints import health
from messaging.endpoints.health import Healthz, NotReadyError, check_hold, check_log, check_seen
from messaging.instance import instance_of
from messaging.outbox.database import Database
from messaging.outbox.heartbeats import Role
from messaging.outbox.secret import DatabaseSecret
from messaging.router import Router
from messaging.routes import internal_router
from tests.fixtures.client import JSON, Client
from tests.fixtures.refusals import refusal
from tests.fixtures.service import Service
from tests.fixtures.storage import url_of
from tests.fixtures.waiting import until


class Part:
    """A part that is up or down, and remembers how often it was asked."""

    def __init__(self) -> None:
        self.up = True
        self.asked = 0

    def __call__(self) -> None:
        self.asked += 1
        if not self.up:
            raise OSError("secret: hunter2")


@pytest.fixture
def parts() -> dict[str, Part]:
    return {"database": Part(), "broker": Part()}


@pytest.fixture
def internal(parts: dict[str, Part]) -> Client:
    return Client(Application(internal_router(parts), 1024))


def test_healthz_is_ok_and_touches_nothing(service: Service) -> None:
    service.log_path.parent.rmdir()
    with service.without_database():
        assert service.public.get("/healthz").text == "ok"
        assert service.public.get("/healthz", JSON).json == {"status": "ok"}
        assert service.public.request("HEAD", "/healthz").status == 200


def test_in_json_it_says_which_service_it_is_and_whom_it_takes_the_caller_for(service: Service, tmp_path: Path) -> None:
    instance = instance_of(DatabaseSecret(service.database))
    clients = Clients(1, [ip_network("127.0.0.0/8")])
    public = Client(Application(Router({"/healthz": {"GET": Healthz(instance, clients).get}}), 1024))
    told = public.get("/healthz", {**JSON, "X-Forwarded-For": "192.0.2.1"}).json
    assert told == {"status": "ok", "instance": instance, "client": "192.0.2.1"}
    assert public.get("/healthz").text == "ok"


def test_a_service_with_another_database_has_another_name(service: Service, tmp_path: Path) -> None:
    other = Database(url_of(tmp_path / "other.db"))
    other.upgrade()
    names = {instance_of(DatabaseSecret(database)) for database in (service.database, service.database, other)}
    other.close()
    assert len(names) == 2


def test_the_process_lives_whatever_is_down(internal: Client, parts: dict[str, Part]) -> None:
    parts["database"].up = False
    assert internal.get("/livez").text == "ok"
    assert parts["database"].asked == 0


def test_it_is_ready_when_every_part_is_up(internal: Client) -> None:
    assert internal.get("/readyz").text == "ready"
    assert internal.get("/readyz", JSON).json == {"status": "ready", "parts": {"database": "ok", "broker": "ok"}}


def test_every_part_that_is_down_is_named(internal: Client, parts: dict[str, Part]) -> None:
    parts["broker"].up = False
    answer = internal.get("/readyz")
    assert (answer.status, answer.text) == (503, "down: broker (down: OSError)")
    assert int(answer.headers["Retry-After"]) > 0
    parts["database"].up = False
    assert internal.get("/readyz").text == "down: database (down: OSError), broker (down: OSError)"
    report = internal.get("/readyz", JSON)
    assert report.headers["Content-Type"] == "application/json"
    assert json.loads(report.body) == {
        "status": "down",
        "parts": {"database": "down: OSError", "broker": "down: OSError"},
    }


def test_what_is_wrong_with_a_part_is_not_for_the_answer(internal: Client, parts: dict[str, Part]) -> None:
    parts["broker"].up = False
    for headers in ({}, JSON):
        assert b"hunter2" not in internal.get("/readyz", headers).body


def test_what_is_wrong_is_told_where_the_words_are_ours() -> None:
    def misfit() -> None:
        raise MessagingError("queue mail: delete it, it is made anew")

    internal = Client(Application(internal_router({"broker": misfit}), 1024))
    assert internal.get("/readyz").text == "down: broker (queue mail: delete it, it is made anew)"


@pytest.mark.slow
def test_a_part_that_hangs_holds_up_no_answer_and_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "ANSWER_WITHIN_S", 0.2)
    asked, go = [], threading.Event()

    def hang() -> None:
        asked.append(1)
        go.wait(30)

    internal = Client(Application(internal_router({"database": Part(), "broker": hang}), 1024))
    began = time.monotonic()
    for _ in range(3):
        assert internal.get("/readyz").text.startswith("down: broker (no answer for ")
    assert time.monotonic() - began < 2
    assert len(asked) == 1
    go.set()
    until(lambda: internal.get("/readyz").text == "ready")


def test_no_worker_is_a_part_that_is_down_until_one_is_seen(service: Service) -> None:
    internal = Client(
        Application(internal_router({"workers": partial(check_seen, service.heartbeats, Role.WORKER)}), 1024)
    )
    assert internal.get("/readyz", JSON).json["parts"] == {"workers": "ok"}
    service.clock.pass_s(40.001)
    answer = internal.get("/readyz")
    assert (answer.status, answer.text) == (503, "down: workers (none seen for 40 s)")
    service.heartbeats.beat(0, 0)
    assert internal.get("/readyz").text == "ready"


def test_no_dispatcher_is_a_part_that_is_down_although_there_are_workers(service: Service) -> None:
    internal = Client(
        Application(
            internal_router({role: partial(check_seen, service.heartbeats, role) for role in Role}),
            1024,
        )
    )
    answer = internal.get("/readyz")
    assert (answer.status, answer.text) == (503, "down: dispatcher (none seen for 40 s)")
    service.heartbeats.beat(0, 0, Role.DISPATCHER)
    assert internal.get("/readyz").text == "ready"


def test_a_held_relay_is_a_part_that_is_down_with_its_words_until_it_is_released(service: Service) -> None:
    internal = Client(Application(internal_router({"relay": partial(check_hold, service.hold)}), 1024))
    assert internal.get("/readyz", JSON).json["parts"] == {"relay": "ok"}
    service.hold.begin("AUTH: 535 5.7.8 Bad credentials")
    service.clock.pass_s(5)
    answer = internal.get("/readyz")
    assert answer.status == 503
    assert answer.text == "down: relay (held since 2026-03-01T12:00:00.000Z: AUTH: 535 5.7.8 Bad credentials)"
    service.hold.release()
    assert internal.get("/readyz").text == "ready"


def test_what_a_check_says_is_an_error_of_its_own(service: Service) -> None:
    service.hold.begin("535")
    service.clock.pass_s(41)
    assert refusal(NotReadyError, check_seen, service.heartbeats, Role.WORKER)
    assert refusal(NotReadyError, check_hold, service.hold)


def test_health_of_the_inside_is_not_on_the_public_side(service: Service) -> None:
    for path in ("/livez", "/readyz", "/metrics"):
        assert service.public.get(path).status == 404


def test_the_real_parts_are_found_down_and_up_again(service: Service, tmp_path: Path) -> None:
    checks: dict[str, Callable[[], None]] = {
        "database": service.outbox.check,
        "talktome log": partial(check_log, service.talktome),
    }
    internal = Client(Application(internal_router(checks), 1024))
    assert internal.get("/readyz").status == 200
    service.log_path.unlink()
    service.log_path.parent.rmdir()
    with service.without_database():
        assert internal.get("/readyz").text == (
            "down: database (unable to open database file), talktome log (cannot be written: No such file or directory)"
        )
    service.log_path.parent.mkdir()
    assert internal.get("/readyz").text == "ready"
