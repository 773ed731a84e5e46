"""Which endpoint answers a method and a path."""

from http import HTTPStatus

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from messaging.errors import MethodNotAllowedError, NotFoundError, RequestError
from messaging.replies import Answer
from messaging.request import Request
from messaging.router import Router
from tests.messaging.wsgi import request


def _get(_request: Request) -> Answer:
    return Answer(HTTPStatus.OK, "get", {})


def _post(_request: Request) -> Answer:
    return Answer(HTTPStatus.OK, "post", {})


def _head(_request: Request) -> Answer:
    return Answer(HTTPStatus.OK, "head", {})


@pytest.fixture
def router() -> Router:
    return Router(
        {
            "/": {"GET": _get, "POST": _post, "HEAD": _head},
            "/things": {"POST": _post},
            "/healthz": {"GET": _get},
            "/things/{id}": {"GET": _get},
            "/things/{id}/mend": {"POST": _post},
        }
    )


@pytest.mark.parametrize(
    ("method", "path", "found"),
    [
        ("GET", "/", (_get, "")),
        ("POST", "/", (_post, "")),
        ("POST", "/things", (_post, "")),
        ("GET", "/things/42", (_get, "42")),
        ("GET", "/things/a b?é", (_get, "a b?é")),
        ("POST", "/things/42/mend", (_post, "42")),
        ("GET", "/things/mend", (_get, "mend")),
    ],
)
def test_a_path_and_a_method_lead_to_an_endpoint(router: Router, method: str, path: str, found: object) -> None:
    assert router.find(method, path) == found


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/Things",
        "/things/",
        "/things/42/",
        "/things/42/43",
        "/things/42/mend/",
        "/things//mend",
        "/things/42/43/mend",
        "//",
        "//things",
        "/things//42",
        "/healthz/",
        "/healthz/1",
        "things",
        "*",
        "/%",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_there_is_nothing_at_any_other_path(router: Router, method: str, path: str) -> None:
    with pytest.raises(NotFoundError, match=r"^there is nothing here$"):
        router.find(method, path)


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/", "GET, POST, HEAD, OPTIONS"),
        ("GET", "/things", "POST, OPTIONS"),
        ("HEAD", "/things", "POST, OPTIONS"),
        ("POST", "/things/42", "GET, HEAD, OPTIONS"),
        ("GET", "/things/42/mend", "POST, OPTIONS"),
        ("TRACE", "/healthz", "GET, HEAD, OPTIONS"),
        ("get", "/healthz", "GET, HEAD, OPTIONS"),
        ("", "/healthz", "GET, HEAD, OPTIONS"),
    ],
)
def test_another_method_is_told_which_ones_there_are(router: Router, method: str, path: str, allow: str) -> None:
    with pytest.raises(MethodNotAllowedError) as caught:
        router.find(method, path)
    assert caught.value.headers() == [("Allow", allow)]
    assert str(caught.value) == f"this path answers {allow}"


def test_head_is_get_unless_it_has_an_endpoint_of_its_own(router: Router) -> None:
    assert router.find("HEAD", "/healthz") == (_get, "")
    assert router.find("HEAD", "/things/42") == (_get, "42")
    assert router.find("HEAD", "/") == (_head, "")


@pytest.mark.parametrize(
    ("path", "allow"),
    [("/", "GET, POST, HEAD, OPTIONS"), ("/things", "POST, OPTIONS"), ("/things/42", "GET, HEAD, OPTIONS")],
)
def test_options_says_which_methods_there_are(router: Router, path: str, allow: str) -> None:
    endpoint, _ = router.find("OPTIONS", path)
    answer = endpoint(request())
    assert (answer.status, answer.headers) == (HTTPStatus.NO_CONTENT, [("Allow", allow)])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["GET", "POST", "HEAD", "OPTIONS"]) | st.text(),
    st.lists(st.sampled_from(["/", "things", "healthz", "..", "%2f"]) | st.text(max_size=3)).map("".join),
)
def test_whatever_path_and_method_there_are_they_lead_to_an_endpoint_or_are_refused(
    router: Router, method: str, path: str
) -> None:
    try:
        _, argument = router.find(method, path)
    except RequestError:
        return
    assert "/" not in argument
    assert path.endswith(argument)
