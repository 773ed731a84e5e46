"""Health: the process answers whatever is down, and readiness names what is."""

from pathlib import Path

import pytest

from messaging.application import Application
from messaging.routes import internal_router
from tests.fixtures.client import JSON, Client
from tests.fixtures.service import Service


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
    assert (answer.status, answer.text) == (503, "down: broker")
    assert int(answer.headers["Retry-After"]) > 0
    parts["database"].up = False
    assert internal.get("/readyz").text == "down: database, broker"


def test_what_is_wrong_with_a_part_is_not_for_the_answer(internal: Client, parts: dict[str, Part]) -> None:
    parts["broker"].up = False
    assert b"hunter2" not in internal.get("/readyz").body


def test_health_of_the_inside_is_not_on_the_public_side(service: Service) -> None:
    for path in ("/livez", "/readyz", "/metrics"):
        assert service.public.get(path).status == 404


def test_the_real_parts_are_found_down_and_up_again(service: Service, tmp_path: Path) -> None:
    checks = {"database": service.outbox.check, "talktome log": service.talktome.check}
    internal = Client(Application(internal_router(checks), 1024))
    assert internal.get("/readyz").status == 200
    service.log_path.unlink()
    service.log_path.parent.rmdir()
    with service.without_database():
        assert internal.get("/readyz").text == "down: database, talktome log"
    service.log_path.parent.mkdir()
    assert internal.get("/readyz").text == "ready"
