"""How much strangers may send: to each address, from each client, in all; and how much a key may."""

import json
import math
from urllib.parse import unquote

import pytest

from config.values import Rate
from tests.fixtures.client import JSON, Answer
from tests.fixtures.service import MakeService, Service
from tests.fixtures.storage import connected
from tests.fixtures.threads import all_at_once

OFF = {"OPEN_PER_RECIPIENT": "off", "OPEN_PER_CLIENT": "off", "OPEN_TOTAL": "off"}
FORMS = ["GET", "POST /", "POST /v1/emails", "POST /notify/"]

every_form = pytest.mark.parametrize("form", FORMS)


def send(service: Service, recipient: str, client: str = "198.51.100.7", form: str = "POST /", key: str = "") -> Answer:
    headers = {"X-Forwarded-For": client, **({"X-API-Key": key} if key else {})}
    match form:
        case "GET":
            return service.public.get(f"/?sendmail={recipient}", headers)
        case "POST /":
            return service.public.post_form("/", f"sendmail={recipient}", headers)
        case "POST /v1/emails":
            return service.public.post_json("/v1/emails", {"to": unquote(recipient)}, headers)
    return service.public.post_json("/notify/", {"email": unquote(recipient)}, headers)


def statuses(answers: list[Answer]) -> list[int]:
    return [answer.status for answer in answers]


@pytest.fixture
def per_recipient(make_service: MakeService) -> Service:
    return make_service(**OFF | {"OPEN_PER_RECIPIENT": "3/h", "REPEAT_WINDOW": "0s"})


@pytest.fixture
def per_client(make_service: MakeService) -> Service:
    return make_service(**OFF | {"OPEN_PER_CLIENT": "2/m"})


@every_form
def test_an_address_gets_so_many_and_no_more_whoever_sends_them(per_recipient: Service, form: str) -> None:
    answers = [send(per_recipient, "me@example.com", f"198.51.100.{number}", form) for number in range(5)]
    assert statuses(answers) == [202, 202, 202, 429, 429]
    assert len(per_recipient.mails) == len(per_recipient.publisher.ids) == 3
    assert send(per_recipient, "you@example.com").status == 202


@pytest.mark.parametrize(
    "spelling",
    [
        "ME@EXAMPLE.COM",
        "me+tag@example.com",
        "Me+another+tag@Example.com",
        "me%2Btag@example.com",
        "m%65@example.com",
    ],
)
def test_an_address_is_the_same_however_it_is_spelled(per_recipient: Service, spelling: str) -> None:
    answers = [send(per_recipient, spelling if number % 2 else "me@example.com") for number in range(4)]
    assert statuses(answers) == [202, 202, 202, 429]
    assert send(per_recipient, spelling).status == 429


@pytest.mark.parametrize("spelling", ["me@b%C3%BCcher.example", "me@xn--bcher-kva.example", "ME@B%C3%9CCHER.EXAMPLE"])
def test_a_domain_is_the_same_in_every_script(per_recipient: Service, spelling: str) -> None:
    assert statuses([send(per_recipient, "me@b%C3%BCcher.example") for _ in range(3)]) == [202] * 3
    assert send(per_recipient, spelling).status == 429


def test_mail_goes_where_it_was_sent_however_it_is_counted(per_recipient: Service) -> None:
    assert send(per_recipient, "Me+tag@example.com").status == 202
    assert per_recipient.mails[0].recipient == "Me+tag@example.com"


def test_a_client_sends_so_many_and_no_more_to_whomever(per_client: Service) -> None:
    assert statuses([send(per_client, f"user{number}@example.com") for number in range(3)]) == [202, 202, 429]
    assert send(per_client, "user9@example.com", "198.51.100.8").status == 202


def test_what_a_client_says_of_itself_makes_it_no_other(per_client: Service) -> None:
    answers = [send(per_client, f"user{number}@example.com", f"10.0.0.{number}, 198.51.100.7") for number in range(3)]
    assert statuses(answers) == [202, 202, 429]


def test_who_has_a_network_of_ipv6_is_one_client(per_client: Service) -> None:
    answers = [send(per_client, f"user{number}@example.com", f"2001:db8::{number}:1") for number in range(3)]
    assert statuses(answers) == [202, 202, 429]
    assert send(per_client, "user9@example.com", "2001:db8:0:1::1").status == 202


def test_without_a_proxy_of_ours_the_header_is_nobody_s(make_service: MakeService) -> None:
    service = make_service(**OFF | {"OPEN_PER_CLIENT": "2/m", "TRUSTED_PROXIES": "0"})
    answers = [send(service, f"user{number}@example.com", f"10.0.0.{number}") for number in range(3)]
    assert statuses(answers) == [202, 202, 429]


def test_all_together_send_so_many(make_service: MakeService) -> None:
    service = make_service(**OFF | {"OPEN_TOTAL": "5/d"})
    answers = [send(service, f"user{number}@example.com", f"10.0.0.{number}") for number in range(7)]
    assert statuses(answers) == [202] * 5 + [429] * 2


@every_form
def test_the_refusal_says_what_and_until_when_to_the_second(per_recipient: Service, form: str) -> None:
    for _ in range(3):
        send(per_recipient, "me@example.com", form=form)
        per_recipient.clock.pass_s(100.25)
    answer = send(per_recipient, "me@example.com", form=form)
    wait_s = math.ceil(3600 - 300.75)
    assert answer.headers["Retry-After"] == str(wait_s)
    words = f"without a key one address may get 3/h; there is room again in {wait_s} s"
    assert words in answer.body.decode()
    per_recipient.clock.pass_s(wait_s - 1)
    assert send(per_recipient, "me@example.com", form=form).status == 429
    per_recipient.clock.pass_s(1)
    assert send(per_recipient, "me@example.com", form=form).status == 202


def test_the_refusal_in_text_and_in_json(per_client: Service) -> None:
    for number in range(2):
        send(per_client, f"user{number}@example.com")
    headers = {"X-Forwarded-For": "198.51.100.7"}
    text = per_client.public.get("/?sendmail=me@example.com", headers).text
    assert text == "error: without a key one client may send 2/m; there is room again in 60 s"
    problem = per_client.public.get("/?sendmail=me@example.com", headers | JSON).json
    assert (problem["status"], problem["title"]) == (429, "Too Many Requests")


def test_a_time_that_was_logged_is_told_where_there_was_no_room(per_client: Service) -> None:
    for number in range(2):
        send(per_client, f"user{number}@example.com")
    answer = per_client.public.get("/?sendmail=me@example.com&talktome", {"X-Forwarded-For": "198.51.100.7"})
    (line,) = per_client.log_lines
    assert answer.status == 429
    assert answer.text.startswith(f"error: logged {line.split()[0]}; without a key one client may send 2/m; ")


def test_requests_that_are_refused_for_another_reason_count_against_nothing(per_client: Service) -> None:
    for number in range(9):
        assert send(per_client, f"user{number}@", key="").status == 422
        assert send(per_client, f"user{number}@example.com", key="nonsense").status == 401
    assert statuses([send(per_client, f"user{number}@example.com") for number in range(3)]) == [202, 202, 429]


def test_a_key_is_not_a_stranger_s(make_service: MakeService) -> None:
    service = make_service(OPEN_PER_RECIPIENT="1/h", OPEN_PER_CLIENT="1/h", OPEN_TOTAL="1/h")
    key = service.keys.add("backup")
    assert statuses([send(service, "me@example.com", key=key) for _ in range(20)]) == [202] * 20
    assert statuses([send(service, "me@example.com") for _ in range(2)]) == [202, 429]
    assert send(service, "me@example.com", key=key).status == 202


def test_a_key_may_have_a_limit_of_its_own(service: Service) -> None:
    limited, other = service.keys.add("shop", rate=Rate(3, 3600.0)), service.keys.add("other", rate=Rate(3, 3600.0))
    answers = [send(service, f"user{number}@example.com", key=limited) for number in range(4)]
    assert statuses(answers) == [202, 202, 202, 429]
    assert answers[-1].headers["Retry-After"] == "3600"
    assert "this key may send 3/h" in answers[-1].text
    assert send(service, "me@example.com", key=other).status == 202
    service.clock.pass_s(3600)
    assert send(service, "me@example.com", key=limited).status == 202


def test_every_limit_can_be_lifted(make_service: MakeService) -> None:
    service = make_service(**OFF)
    assert statuses([send(service, "me@example.com") for _ in range(30)]) == [202] * 30
    with connected(service.database_path) as connection:
        assert connection.execute("SELECT count(*) FROM uses").fetchone() == (0,)


@pytest.mark.slow
@every_form
def test_100_at_the_same_moment_are_no_more_than_one_after_the_other(per_recipient: Service, form: str) -> None:
    def one(number: int) -> int:
        return send(per_recipient, "me@example.com", f"10.0.0.{number}", form).status

    found = sorted(result.result() for result in all_at_once(one, range(100)))
    assert found == [202] * 3 + [429] * 97
    assert len(per_recipient.mails) == 3


@pytest.mark.slow
def test_a_victim_gets_no_more_than_the_limit_whatever_is_tried(service: Service) -> None:
    """From 50 clients, with tags, in all cases, by IDN spellings; and nobody else feels it."""
    spellings = [
        "me@b%C3%BCcher.example",
        "ME@xn--bcher-kva.example",
        "me+{}@b%C3%BCcher.example",
        "Me+{}@B%C3%9Ccher.example",
    ]
    answers = [
        send(service, spellings[number % 4].format(number), f"10.9.8.7, 203.0.113.{number % 50}", FORMS[number % 3])
        for number in range(1000)
    ]
    mails = {answer.id for answer in answers if answer.status == 202}
    assert len(mails) == len(service.mails) == 3
    assert {answer.status for answer in answers} == {202, 429}
    assert send(service, "you@example.com", "198.51.100.7").status == 202


def test_a_mailbox_at_gmail_is_one_however_it_is_dotted_and_mail_goes_where_it_was_sent(service: Service) -> None:
    spellings = ["meyou@gmail.com", "me.you@googlemail.com", "m.e.y.o.u+tag@gmail.com", "m.eyou@gmail.com"]
    assert [send(service, each, "198.51.100.7").status for each in spellings] == [202, 202, 202, 429]
    assert {mail.recipient for mail in service.mails} == set(spellings[:3])


def test_neither_addresses_nor_clients_are_kept_for_counting(service: Service) -> None:
    send(service, "michael@example.com", form="GET")
    with connected(service.database_path) as connection:
        kept = json.dumps([connection.execute(f"SELECT * FROM {table}").fetchall() for table in ("uses", "repeats")])
    assert len(kept) > 100
    assert not any(word in kept for word in ("michael", "example", "198.51", "greeting"))
