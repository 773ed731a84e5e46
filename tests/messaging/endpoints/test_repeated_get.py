"""A GET that is looked at again, prefetched or repeated makes no mail that nobody asked for."""

import pytest

from tests.fixtures.client import JSON
from tests.fixtures.service import MakeService, Service
from tests.fixtures.threads import all_at_once

TARGET = "/?sendmail=me@example.com"


def test_the_same_get_again_is_answered_with_the_first_mail_and_says_so(service: Service) -> None:
    first = service.public.get(TARGET)
    service.clock.pass_s(5)
    again, in_json = service.public.get(TARGET), service.public.get(TARGET, JSON)
    assert again.status == in_json.status == 202
    assert again.headers["Location"] == first.headers["Location"]
    assert again.text == f"accepted before, and not sent again, for me@example.com, status: /v1/emails/{first.id}"
    assert in_json.json == {
        "id": first.id,
        "state": "queued",
        "to": "me@example.com",
        "created_at": "2026-03-01T12:00:00.000Z",
        "status_url": f"/v1/emails/{first.id}",
        "repeated": True,
    }
    assert len(service.mails) == 1
    assert service.publisher.ids == [first.id]
    assert "Idempotency-Replayed" not in again.headers


def test_after_the_window_it_is_another_mail(service: Service) -> None:
    service.public.get(TARGET)
    service.clock.pass_s(9.999)
    service.public.get(TARGET)
    assert len(service.mails) == 1
    service.clock.pass_s(0.001)
    answer = service.public.get(TARGET)
    assert answer.text.startswith("accepted for ")
    assert len(service.mails) == 2


def test_paths_and_spellings_make_no_difference(service: Service) -> None:
    ids = {
        service.public.get(target).id
        for target in (TARGET, "/action?sendmail=me@example.com", "/?sendmail=me%40EXAMPLE.com", f"{TARGET}&talktome")
    }
    assert len(ids) == len(service.mails) == 1
    assert len(service.log_lines) == 1


def test_another_get_is_another_mail(service: Service, key: str) -> None:
    other = service.keys.add("other")
    requests = [
        (TARGET, {}),
        ("/?sendmail=you@example.com", {}),
        ("/?sendmail=ME@example.com", {}),
        (TARGET, {"X-Forwarded-For": "198.51.100.8"}),
        (TARGET, {"X-API-Key": key}),
        (TARGET, {"X-API-Key": other}),
        (f"{TARGET}&subject=Hi", {"X-API-Key": key}),
        (f"{TARGET}&text=Hi", {"X-API-Key": key}),
        (f"{TARGET}&subject=Hi&text=Hi", {"X-API-Key": key}),
    ]
    for _ in range(2):
        ids = [service.public.get(target, headers).id for target, headers in requests]
    assert len(set(ids)) == len(service.mails) == len(requests)


@pytest.mark.slow
def test_50_at_the_same_moment_are_one_mail(service: Service) -> None:
    answers = [result.result() for result in all_at_once(lambda _: service.public.get(TARGET), range(50))]
    assert {answer.status for answer in answers} == {202}
    assert {answer.id for answer in answers} == {mail.id for mail in service.mails}
    assert len(service.mails) == len(service.publisher.ids) == 1
    assert sum(answer.text.startswith("accepted for ") for answer in answers) == 1


def test_a_post_is_never_folded(service: Service, key: str) -> None:
    for _ in range(3):
        service.public.post_form("/", "sendmail=me@example.com", {"X-API-Key": key})
        service.public.post_json("/v1/emails", {"to": "me@example.com"}, {"X-API-Key": key})
        service.public.post_json("/notify/", {"email": "me@example.com"}, {"X-API-Key": key})
    assert len(service.mails) == 9


def test_without_a_window_nothing_is_folded(make_service: MakeService) -> None:
    service = make_service(REPEAT_WINDOW="0s")
    assert len({service.public.get(TARGET).id for _ in range(3)}) == len(service.mails) == 3


def test_the_operator_says_how_long_the_window_is(make_service: MakeService) -> None:
    service = make_service(REPEAT_WINDOW="1h")
    service.public.get(TARGET)
    service.clock.pass_s(3599)
    assert service.public.get(TARGET, JSON).json["repeated"] is True


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Purpose": "prefetch"},
        {"Sec-Purpose": "prefetch;prerender"},
        {"Sec-Purpose": "prefetch;anonymous-client-ip"},
        {"Sec-Purpose": "Prefetch"},
        {"Purpose": "prefetch"},
        {"X-Moz": "prefetch"},
        {"Sec-Purpose": "", "X-Moz": " prefetch"},
    ],
)
@pytest.mark.parametrize("parameters", ["sendmail=me@example.com", "talktome", "sendmail=me@example.com&talktome"])
@pytest.mark.parametrize("path", ["/", "/action"])
def test_a_prefetch_sends_and_logs_nothing_and_is_no_success(
    service: Service, headers: dict[str, str], parameters: str, path: str
) -> None:
    answer = service.public.get(f"{path}?{parameters}", headers)
    assert (answer.status, answer.text) == (403, "error: a prefetch sends and logs nothing")
    assert (service.mails, service.log_lines) == ([], [])
    assert service.public.get(f"{path}?{parameters}").status in (200, 202)


def test_other_purposes_are_not_ours_to_judge(service: Service) -> None:
    assert service.public.get(TARGET, {"Sec-Purpose": "speculation", "Purpose": "navigate"}).status == 202


def test_what_has_no_effect_may_be_fetched_early(service: Service) -> None:
    mail_id = service.public.get(TARGET).id
    for target in ("/", "/healthz", f"/v1/emails/{mail_id}", f"/task_status/{mail_id}"):
        assert service.public.get(target, {"Sec-Purpose": "prefetch"}).status == 200


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
@pytest.mark.parametrize("path", ["/", "/action"])
def test_looking_and_asking_send_and_log_nothing(service: Service, method: str, path: str) -> None:
    answer = service.public.request(method, f"{path}?sendmail=me@example.com&talktome")
    assert (answer.status, answer.body) == (200 if method == "HEAD" else 204, b"")
    assert (service.mails, service.log_lines) == ([], [])
