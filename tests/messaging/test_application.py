"""What every path has in common: ids of requests, unknown paths and methods, errors that tell nothing of the inside."""

import re

import pytest

from tests.fixtures.client import JSON
from tests.fixtures.service import Service

#: One target for each status, with its method.
TARGETS = [
    ("GET", "/healthz", 200),
    ("GET", "/?sendmail=me@example.com", 202),
    ("GET", "/?cc=1", 400),
    ("GET", "/?sendmail=me@example.com&subject=Hi", 401),
    ("GET", "/nothing", 404),
    ("DELETE", "/", 405),
    ("POST", "/v1/emails", 415),
    ("GET", "/?sendmail=me", 422),
]

every_status = pytest.mark.parametrize(("method", "target", "status"), TARGETS)


@every_status
def test_a_request_keeps_the_id_that_a_proxy_gave_it(service: Service, method: str, target: str, status: int) -> None:
    for given in ("abcd-1234_x.y", "a" * 64):
        answer = service.public.request(method, target, headers={"X-Request-ID": given})
        assert (answer.status, answer.headers["X-Request-ID"]) == (status, given)


@every_status
def test_a_request_without_an_id_gets_one(service: Service, method: str, target: str, status: int) -> None:
    first, second = (service.public.request(method, target).headers["X-Request-ID"] for _ in range(2))
    assert re.fullmatch("[0-9a-f]{16}", first)
    assert first != second


@pytest.mark.parametrize(
    "given", ["", "short", "a" * 65, "with space", "new\nline", "<script>", "é" * 10, "a" * 8 + "\n"]
)
def test_an_id_that_could_do_harm_in_a_log_is_replaced(service: Service, given: str) -> None:
    answer = service.public.get("/?talktome", {"X-Request-ID": given})
    assert re.fullmatch("[0-9a-f]{16}", answer.headers["X-Request-ID"])
    assert [line.split(" ")[2] for line in service.log_lines] == [answer.headers["X-Request-ID"]]


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/action/",
        "/v1",
        "/v1/",
        "/v1/emails/",
        "/v1/emails/a/b",
        "/notify",
        "/notify/x",
        "/task_status",
        "/task_status/",
        "/healthz/",
        "//",
        "/%2e%2e/etc/passwd",
        "/%00",
        "/%C3%A9",
        "/%ff",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_there_is_nothing_at_another_path(service: Service, method: str, path: str) -> None:
    assert service.public.request(method, path).status == 404


def test_an_unknown_path_in_text_and_in_json(service: Service) -> None:
    assert service.public.get("/nothing").text == "error: there is nothing here"
    problem = service.public.get("/nothing", JSON).json
    assert (problem["title"], problem["detail"]) == ("Not Found", "there is nothing here")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/", {"GET", "HEAD", "POST", "OPTIONS"}),
        ("/action", {"GET", "HEAD", "POST", "OPTIONS"}),
        ("/v1/emails", {"GET", "HEAD", "POST", "OPTIONS"}),
        ("/v1/emails/cancel", {"POST", "OPTIONS"}),
        ("/v1/emails/0190a000-0000-7000-8000-000000000000/retry", {"POST", "OPTIONS"}),
        ("/v1/emails/0190a000-0000-7000-8000-000000000000", {"GET", "HEAD", "OPTIONS"}),
        ("/notify/", {"POST", "OPTIONS"}),
        ("/task_status/0190a000-0000-7000-8000-000000000000", {"GET", "HEAD", "OPTIONS"}),
        ("/healthz", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_another_method_is_refused_with_those_that_are_not(service: Service, path: str, allowed: set[str]) -> None:
    for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} - allowed:
        answer = service.public.request(method, path)
        assert answer.status == 405
        assert set(answer.headers["Allow"].split(", ")) == allowed
    assert service.public.request("PUT", path, headers=JSON).json["status"] == 405
    options = service.public.request("OPTIONS", f"{path}?sendmail=me@example.com&talktome", headers=JSON)
    assert (options.status, options.body) == (204, b"")
    assert set(options.headers["Allow"].split(", ")) == allowed
    assert service.log_lines == []
    assert service.mails == []


@pytest.mark.parametrize("headers", [{}, JSON])
def test_a_bug_is_a_500_that_says_nothing_of_the_inside(
    service: Service, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("the secret of /etc/shadow")

    monkeypatch.setattr(service.outbox, "accept", fail)
    answer = service.public.get("/?sendmail=me@example.com", headers)
    assert answer.status == 500
    for inside in (b"secret", b"shadow", b"RuntimeError", b"Traceback", b".py"):
        assert inside not in answer.body
    assert "the secret of /etc/shadow" in caplog.text
    assert answer.headers["X-Request-ID"] in caplog.text


def test_what_the_database_said_is_for_the_log_alone(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    with service.without_database():
        answer = service.public.get("/?sendmail=me@example.com")
    assert answer.text == "error: the outbox is not available; no mail was accepted"
    assert "unable to open database file" in caplog.text
    assert answer.headers["X-Request-ID"] in caplog.text


@pytest.mark.parametrize("secret", ["msg_hunter2", "michael"])
def test_neither_keys_nor_whole_addresses_are_logged(
    service: Service, secret: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    service.public.get("/?sendmail=michael@example.com")
    service.public.get("/?sendmail=michael@example.com&key=msg_hunter2")
    assert "accepted for m***@example.com" in caplog.text
    assert secret not in caplog.text
