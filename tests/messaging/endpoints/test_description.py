"""`/openapi.json` says what the service does: its paths, fields, bounds and answers."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from config.values import MOST_ADDRESS, MOST_SUBJECT
from messaging.enclosures import MOST_ATTACHMENTS, MOST_NAME
from messaging.endpoints.listing import MOST_LIMIT, USUAL_LIMIT
from messaging.endpoints.notify import TASK_STATUS
from messaging.outbox.records import Outcome
from messaging.outbox.states import State
from messaging.outbox.steering import CANCEL, RETRY
from messaging.submission import MOST_MAILS
from messaging.waiting import MOST_WAIT_S
from tests.fixtures.client import FORM, JSON
from tests.fixtures.service import Service

DOCUMENT: dict[str, Any] = json.loads((Path(__file__).parents[3] / "messaging/openapi.json").read_text())
SCHEMAS = DOCUMENT["components"]["schemas"]
NOBODY = "0190a000-0000-7000-8000-000000000000"

#: The types of bodies, with one of each that has the field `nonsense`.
BODIES = {
    "application/json": b'{"nonsense": ""}',
    FORM: b"nonsense=",
    "multipart/form-data": b'--x\r\nContent-Disposition: form-data; name="nonsense"\r\n\r\n\r\n--x--\r\n',
}


def operations() -> Iterator[tuple[str, str]]:
    for path, operations in DOCUMENT["paths"].items():
        yield from ((path, method) for method in operations if method != "parameters")


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in part:
        target: Any = DOCUMENT
        for name in part["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        part = target
    return part


def names_of(path: str, method: str, where: str) -> set[str]:
    """The parameters of an operation, and the key where it may stand in the query."""
    operation = DOCUMENT["paths"][path][method]
    keys = {"key"} if where == "query" and {"query": []} in operation.get("security", ()) else set()
    return keys | {each["name"] for each in map(resolved, operation.get("parameters", ())) if each["in"] == where}


def fields_of(schema: dict[str, Any]) -> set[str]:
    """The fields of a mail; not those of the mails of a list."""
    schema = resolved(schema)
    return set(resolved(schema.get("anyOf", [schema])[0])["properties"])


def has_rules(path: str, method: str) -> bool:
    """Whether a request of an operation can break any."""
    return "{" in path or "requestBody" in DOCUMENT["paths"][path][method] or bool(names_of(path, method, "query"))


def known_here(answer: str) -> set[str]:
    """The names that the service tells who uses another one."""
    found = re.search("known here: ([a-z_, ]*)", answer)
    return set(found[1].split(", ")) - {"none"} if found else set()


every_operation = pytest.mark.parametrize(("path", "method"), list(operations()))


def test_it_is_an_openapi_document() -> None:
    OpenAPIV31SpecValidator(DOCUMENT).validate()


def test_it_is_served_as_it_lies_there(service: Service) -> None:
    answer = service.public.get("/openapi.json")
    assert (answer.status, answer.json) == (200, DOCUMENT)


def test_it_has_every_path_and_method_of_the_service_and_no_others(service: Service) -> None:
    described: dict[str, set[str]] = {}
    for path, method in operations():
        described.setdefault(path, set()).add(method.upper())
    served = {
        path: set(methods) - {"HEAD", "OPTIONS"}
        for path, methods in service.router.table.items()
        if not path.startswith("/page/")  # the page's own files are for nobody else
    }
    assert described == served


@every_operation
def test_it_has_every_parameter_of_the_query(service: Service, path: str, method: str) -> None:
    target = path.replace("{id}", service.public.get("/?sendmail=me@example.com").id)
    answer = service.public.request(method.upper(), f"{target}?nonsense=", b"{}", {"Content-Type": "application/json"})
    if answer.status == 415:
        answer = service.public.request(method.upper(), f"{target}?nonsense=", b"", {"Content-Type": FORM})
    assert known_here(answer.body.decode()) == names_of(path, method, "query")


@every_operation
def test_it_has_every_field_of_a_body(service: Service, path: str, method: str) -> None:
    for content_type, body in BODIES.items():
        described = DOCUMENT["paths"][path][method].get("requestBody", {"content": {}})["content"].get(content_type)
        if described:
            target = path.replace("{id}", NOBODY)
            headers = {"Content-Type": f"{content_type}; boundary=x", **JSON}
            detail = service.public.request(method.upper(), target, body, headers).json["detail"]
            # A form that cannot have files in it says of the field, too, what belongs there.
            files = {"attachments"} & known_here(detail) if content_type == FORM else set()
            assert known_here(detail) == fields_of(described["schema"]) | files


def test_it_has_the_bounds_of_the_code() -> None:
    assert SCHEMAS["Subject"]["maxLength"] == MOST_SUBJECT
    for schema in SCHEMAS.values():
        for name in {"to", "email", "sendmail", "reply_to"} & schema.get("properties", {}).keys():
            assert schema["properties"][name].get("maxLength", MOST_ADDRESS) == MOST_ADDRESS
    assert SCHEMAS["NewEmails"]["maxItems"] == MOST_MAILS
    assert SCHEMAS["NewEmail"]["properties"]["attachments"]["maxItems"] == MOST_ATTACHMENTS
    assert SCHEMAS["NewAttachment"]["properties"]["name"]["maxLength"] == MOST_NAME
    (limit,) = (each for each in DOCUMENT["paths"]["/v1/emails"]["get"]["parameters"] if each.get("name") == "limit")
    assert (limit["schema"]["maximum"], limit["schema"]["default"]) == (MOST_LIMIT, USUAL_LIMIT)
    wait = re.compile(DOCUMENT["components"]["parameters"]["Wait"]["schema"]["pattern"])
    assert wait.match(f"{MOST_WAIT_S:.0f}s")
    assert not wait.match(f"{MOST_WAIT_S + 1:.0f}s")


def test_it_has_the_words_of_the_code() -> None:
    assert SCHEMAS["State"]["enum"] == list(State)
    assert SCHEMAS["ManyCancel"]["properties"]["state"]["enum"] == list(CANCEL.states)
    assert SCHEMAS["ManyRetry"]["properties"]["state"]["enum"] == list(RETRY.states)
    assert SCHEMAS["TaskState"]["enum"] == list(dict.fromkeys(TASK_STATUS.values()))
    assert SCHEMAS["Attempt"]["properties"]["outcome"]["enum"] == list(Outcome)


def test_who_has_it_already_is_told_so(service: Service) -> None:
    tag = service.public.get("/openapi.json").headers["ETag"]
    answer = service.public.get("/openapi.json", {"If-None-Match": tag, **JSON})
    assert (answer.status, answer.body, answer.headers["ETag"]) == (304, b"", tag)
