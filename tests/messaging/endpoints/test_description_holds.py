"""Whatever `/openapi.json` allows or forbids is answered as it says: requests made from it by schemathesis."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.fixtures.service import MakeService
from tests.messaging.endpoints.test_description import every_operation, has_rules, operations

pytestmark = pytest.mark.slow

#: Requests made for each operation, and as many that break its rules.
REQUESTS = 8

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@every_operation
def test_a_request_that_is_allowed_is_answered_as_described(make_service: MakeService, path: str, method: str) -> None:
    _try(make_service, path, method, GenerationMode.POSITIVE, CHECKS)


@pytest.mark.parametrize(("path", "method"), [each for each in operations() if has_rules(*each)])
def test_a_request_that_is_forbidden_is_refused_as_described(make_service: MakeService, path: str, method: str) -> None:
    _try(make_service, path, method, GenerationMode.NEGATIVE, [*CHECKS, negative_data_rejection])


def _try(
    make_service: MakeService, path: str, method: str, mode: GenerationMode, checks: list[schemathesis.CheckFunction]
) -> None:
    service = make_service(OPEN_PER_RECIPIENT="off", OPEN_PER_CLIENT="off", OPEN_TOTAL="off")
    # Nobody sends these mails: who waits for one is answered at once.
    service.waits.end()
    operation = schemathesis.openapi.from_wsgi("/openapi.json", service.application)[path][method.upper()]
    given_key = {"X-API-Key": service.keys.add("schemathesis"), "Accept": "application/json"}

    @settings(
        max_examples=REQUESTS,
        database=None,
        suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(st.data())
    def check(data: st.DataObject) -> None:
        case = data.draw(operation.as_strategy(generation_mode=mode))
        for headers in ({}, given_key):
            case.call_and_validate(headers=headers, checks=checks)

    check()
