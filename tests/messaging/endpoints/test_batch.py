"""A list of mails in one request: each is accepted or refused for itself."""

import pytest

from config.values import rate
from messaging.outbox.states import State
from messaging.submission import MOST_MAILS
from tests.fixtures.client import Answer
from tests.fixtures.service import MakeService, Service
from tests.fixtures.threads import all_at_once

GOOD = {"to": "me@example.com", "subject": "Hi", "text": "There"}


def post(service: Service, mails: object, key: str, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return service.public.post_json("/v1/emails", mails, {"X-API-Key": key, **named})


def statuses(answer: Answer) -> list[int]:
    return [result["status"] for result in answer.json["results"]]


@pytest.mark.slow
def test_all_are_accepted_and_published(service: Service, key: str) -> None:
    answer = post(service, [{**GOOD, "to": f"m{number}@example.com"} for number in range(MOST_MAILS)], key)
    assert answer.status == 202
    assert (answer.json["accepted"], answer.json["refused"]) == (MOST_MAILS, 0)
    ids = [result["id"] for result in answer.json["results"]]
    assert [result["to"] for result in answer.json["results"][:2]] == ["m0@example.com", "m1@example.com"]
    assert service.publisher.ids == ids
    assert {mail.id for mail in service.mails} == set(ids)


def test_those_that_are_wrong_are_refused_with_the_field_and_the_others_are_sent(service: Service, key: str) -> None:
    wrong = [{}, {"to": "me"}, {**GOOD, "subject": "a\nb"}, {**GOOD, "cc": "x"}, "me@example.com", None, [GOOD]]
    answer = post(service, [GOOD, *wrong, GOOD], key)
    assert answer.status == 202
    assert statuses(answer) == [202, 422, 422, 422, 400, 422, 422, 422, 202]
    assert answer.json["results"][3] == {
        "status": 422,
        "detail": "one line without control characters",
        "field": "subject",
    }
    assert len(service.mails) == 2


def test_if_none_is_accepted_the_answer_is_the_first_refusal(service: Service, key: str) -> None:
    answer = post(service, [{"to": "me"}, {}], key)
    assert (answer.status, answer.json["field"], answer.json["accepted"]) == (422, "to", 0)
    assert statuses(answer) == [422, 422]
    assert service.mails == []


@pytest.mark.parametrize("mails", [[], [GOOD] * (MOST_MAILS + 1)])
def test_a_list_has_so_many(service: Service, key: str, mails: list[object]) -> None:
    assert post(service, mails, key).status == 422
    assert service.mails == []


def test_strangers_send_no_lists(service: Service) -> None:
    assert service.public.post_json("/v1/emails", [{"to": "me@example.com"}]).status == 401
    assert service.mails == []


def test_a_key_belongs_into_the_header_of_a_list(service: Service, key: str) -> None:
    assert service.public.post_json("/v1/emails", [{**GOOD, "key": key}]).status == 401
    assert statuses(post(service, [{**GOOD, "key": key}, GOOD], key)) == [400, 202]


def test_each_mail_counts_against_the_limit_of_the_key(service: Service) -> None:
    key = service.keys.add("few", rate=rate("3/h"))
    answer = post(service, [GOOD] * 5, key)
    assert (answer.status, statuses(answer)) == (202, [202, 202, 202, 429, 429])
    answer = post(service, [GOOD], key)
    assert (answer.status, answer.headers["Retry-After"]) == (429, "3600")
    assert len(service.mails) == 3


def test_each_mail_has_to_go_where_the_key_may_send(service: Service) -> None:
    key = service.keys.add("few", recipients=["@example.com"])
    answer = post(service, [GOOD, {**GOOD, "to": "me@example.org"}], key)
    assert statuses(answer) == [202, 403]
    assert [mail.recipient for mail in service.mails] == ["me@example.com"]


def test_a_test_key_s_list_is_a_test(service: Service) -> None:
    post(service, [GOOD] * 2, service.keys.add("ci", test=True))
    assert [mail.test for mail in service.mails] == [True, True]


def test_the_same_list_under_the_same_idempotency_key_is_sent_once(service: Service, key: str) -> None:
    first = post(service, [GOOD, {}, GOOD], key, Idempotency_Key="one")
    again = post(service, [GOOD, {}, GOOD], key, Idempotency_Key="one")
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json == first.json
    assert len(service.mails) == 2


@pytest.mark.parametrize("other", [[GOOD], [GOOD, GOOD, GOOD], [GOOD, {**GOOD, "text": "Where"}]])
def test_another_list_under_the_same_idempotency_key_is_refused_as_a_whole(
    service: Service, key: str, other: list[object]
) -> None:
    post(service, [GOOD, GOOD], key, Idempotency_Key="one")
    answer = post(service, other, key, Idempotency_Key="one")
    assert (answer.status, answer.json["field"]) == (422, "Idempotency-Key")
    assert len(service.mails) == 2


def test_a_list_and_a_single_mail_do_not_share_an_idempotency_key(service: Service, key: str) -> None:
    assert post(service, [GOOD], key, Idempotency_Key="one").status == 202
    assert post(service, GOOD, key, Idempotency_Key="one").status == 422
    assert post(service, GOOD, key, Idempotency_Key="two").status == 202
    assert post(service, [GOOD], key, Idempotency_Key="two").status == 422
    assert len(service.mails) == 2


def test_the_same_list_many_times_at_once_is_sent_once(service: Service, key: str) -> None:
    answers = [
        result.result()
        for result in all_at_once(lambda _: post(service, [GOOD] * 3, key, Idempotency_Key="one"), range(10))
    ]
    assert {str(answer.json["results"]) for answer in answers} == {str(answers[0].json["results"])}
    assert len(service.mails) == 3


def verdicts(answer: Answer) -> list[tuple[int, str | None]]:
    return [(result["status"], result.get("id")) for result in answer.json["results"]]


def test_what_a_limit_refused_stays_refused_when_the_same_list_comes_again(service: Service) -> None:
    key = service.keys.add("few", rate=rate("2/h"))
    first = post(service, [GOOD, {}, GOOD, GOOD], key, Idempotency_Key="one")
    assert statuses(first) == [202, 422, 202, 429]
    for _ in range(2):
        service.clock.pass_s(3601)
        again = post(service, [GOOD, {}, GOOD, GOOD], key, Idempotency_Key="one")
        assert verdicts(again) == verdicts(first)
        assert again.headers["Idempotency-Replayed"] == "true"
    assert len(service.mails) == len(service.publisher.ids) == 2
    assert statuses(post(service, [GOOD], key, Idempotency_Key="two")) == [202]


def test_a_list_of_which_nothing_was_accepted_may_come_again(service: Service) -> None:
    key = service.keys.add("few", rate=rate("1/h"))
    post(service, GOOD, key)
    assert post(service, [GOOD], key, Idempotency_Key="one").status == 429
    service.clock.pass_s(3601)
    assert statuses(post(service, [GOOD], key, Idempotency_Key="one")) == [202]


def test_what_became_of_the_mails_of_a_list_changes_nothing(service: Service, key: str) -> None:
    first = post(service, [GOOD, {}, GOOD], key, Idempotency_Key="one")
    service.bring_into(first.json["results"][0]["id"], State.SENT)
    service.bring_into(first.json["results"][2]["id"], State.CANCELED)
    assert verdicts(post(service, [GOOD, {}, GOOD], key, Idempotency_Key="one")) == verdicts(first)


def test_a_list_is_stored_as_a_whole_or_not_at_all(service: Service, key: str) -> None:
    post(service, [GOOD], key)
    with service.without_database():
        assert post(service, [GOOD] * 5, key).status == 503
    assert len(service.mails) == 1
    assert len(service.publisher.ids) == 1


def test_waiting_is_for_one_mail(service: Service, key: str) -> None:
    answer = service.public.post_json("/v1/emails?wait=1s", [GOOD], {"X-API-Key": key})
    assert (answer.status, answer.json["field"]) == (400, "wait")


def test_a_list_is_as_large_as_a_body_may_be(make_service: MakeService) -> None:
    service = make_service(MAX_BODY_BYTES="1024")
    assert post(service, [GOOD] * 50, service.keys.add("k")).status == 413
