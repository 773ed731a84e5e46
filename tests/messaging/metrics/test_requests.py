"""What requests are counted by."""

from collections.abc import Iterable

import pytest
from prometheus_client import CollectorRegistry

from messaging.application import StartResponse
from messaging.metrics.page import WithMetrics
from messaging.metrics.requests import MeasuredApplication
from messaging.request import Environ
from messaging.router import Router


def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response(environ.get("status", "200 OK"), [("Content-Type", "text/plain")])
    return [b"answer"]


def status_of(_line: str, _headers: list[tuple[str, str]]) -> None:
    """Take the start of an answer."""


PATHS = ("/", "/v1/emails", "/v1/emails/{id}", "/v1/emails/{id}/retry")


@pytest.mark.parametrize(
    ("path", "counted_as"),
    [
        ("/", "/"),
        ("/v1/emails", "/v1/emails"),
        ("/v1/emails/0190a000", "/v1/emails/{id}"),
        ("/v1/emails/0190a000/retry", "/v1/emails/{id}/retry"),
        ("/v1/emails/0190a000/retire", "other"),
        ("/wp-login.php", "other"),
        ("", "other"),
    ],
)
def test_a_request_is_counted_by_a_path_that_there_is_and_its_status(path: str, counted_as: str) -> None:
    registry = CollectorRegistry()
    measured = MeasuredApplication(application, Router({path: {} for path in PATHS}).label, registry)
    for status in ("200 OK", "503 Service Unavailable", "200 OK"):
        assert measured({"PATH_INFO": path, "status": status}, status_of) == [b"answer"]
    count = "messaging_request_seconds_count"
    assert registry.get_sample_value(count, {"path": counted_as, "status": "200"}) == 2
    assert registry.get_sample_value(count, {"path": counted_as, "status": "503"}) == 1


def test_metrics_stand_beside_the_other_paths() -> None:
    registry = CollectorRegistry()
    MeasuredApplication(application, Router({}).label, registry)({"PATH_INFO": "/x"}, status_of)
    page = WithMetrics(application, registry)
    assert list(page({"PATH_INFO": "/readyz"}, status_of)) == [b"answer"]
    told = b"".join(page({"PATH_INFO": "/metrics", "REQUEST_METHOD": "GET"}, status_of)).decode()
    assert 'messaging_request_seconds_count{path="other",status="200"} 1.0' in told
