"""`GET /v1/emails`: the list, its filters and its pages."""

import pytest

from messaging.endpoints.listing import MOST_LIMIT, USUAL_LIMIT
from messaging.outbox import listing as module
from messaging.outbox.states import State
from tests.fixtures.client import JSON, Answer
from tests.fixtures.service import Service

NOBODY = "0190a000-0000-7000-8000-000000000000"


@pytest.fixture
def ids(service: Service) -> list[str]:
    """Six mails, the newest first; the two newest failed and were sent."""
    ids: list[str] = []
    for number in range(6):
        ids.insert(0, service.public.get(f"/?sendmail=Me{number}@example{number % 2}.com").id)
        service.clock.pass_s(1)
    service.bring_into(ids[0], State.FAILED)
    service.bring_into(ids[1], State.SENT)
    return ids


def ask(service: Service, query: str, key: str) -> Answer:
    return service.public.get(f"/v1/emails{query}", {"X-API-Key": key, **JSON})


def listed(service: Service, query: str, key: str) -> list[str]:
    """The ids that a query lists, on all its pages."""
    found: list[str] = []
    following: str | None = f"/v1/emails{query}"
    while following:
        document = service.public.get(following, {"X-API-Key": key, **JSON}).json
        found += [mail["id"] for mail in document["emails"]]
        following = document["next"]
    return found


def test_the_newest_comes_first_with_what_was_tried_last(service: Service, key: str, ids: list[str]) -> None:
    document = ask(service, "", key).json
    assert [mail["id"] for mail in document["emails"]] == ids
    assert document["next"] is None
    assert document["emails"][0] == {
        "id": ids[0],
        "state": "failed",
        "final": True,
        "to": "Me5@example1.com",
        "subject": "A greeting",
        "created_at": "2026-03-01T12:00:05.000Z",
        "due_at": None,
        "finished_at": "2026-03-01T12:00:07.000Z",
        "attempts": 1,
        "last_attempt": {
            "number": 1,
            "started_at": "2026-03-01T12:00:06.100Z",
            "connect_ms": 30,
            "transfer_ms": 60,
            "outcome": "refused",
            "code": 550,
            "reply": "5.1.1 No such user here",
        },
        "status_url": f"/v1/emails/{ids[0]}",
    }
    assert document["emails"][-1]["last_attempt"] is None


def test_in_text_it_says_how_many_there_are_and_where_the_others_are(
    service: Service, key: str, ids: list[str]
) -> None:
    answer = service.public.get("/v1/emails?limit=2", {"X-API-Key": key})
    assert answer.text == f"2 mails, older ones: /v1/emails?limit=2&before={ids[1]}"


@pytest.mark.parametrize("limit", [1, 2, 4, 6, 7])
def test_each_page_leads_to_the_next_until_all_are_there(
    service: Service, key: str, ids: list[str], limit: int
) -> None:
    assert listed(service, f"?limit={limit}", key) == ids


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("?state=failed", [0]),
        ("?state=sent", [1]),
        ("?state=queued", [2, 3, 4, 5]),
        ("?state=queued&limit=3", [2, 3, 4, 5]),
        ("?state=canceled", []),
        ("?to=me5@example1.com", [0]),
        ("?to=ME4@EXAMPLE0.com", [1]),
        ("?to=@example1.com", [0, 2, 4]),
        ("?to=@example1.com&state=queued&limit=1", [2, 4]),
        ("?to=me4@example0.com&state=failed", []),
        ("?to=example1.com@example1.com", []),
    ],
)
def test_filters_leave_the_others_out(
    service: Service, key: str, ids: list[str], query: str, wanted: list[int]
) -> None:
    assert listed(service, query, key) == [ids[number] for number in wanted]


def test_a_plus_in_an_address_stays_one_from_page_to_page(service: Service, key: str) -> None:
    ids = [service.public.get("/?sendmail=me+tag@example.com&subject=s", {"X-API-Key": key}).id]
    service.clock.pass_s(60)
    ids.insert(0, service.public.get("/?sendmail=me+tag@example.com&subject=s", {"X-API-Key": key}).id)
    assert listed(service, "?to=me+tag@example.com&limit=1", key) == ids


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?state=lost", "state"),
        ("?state=", "state"),
        ("?to=me", "to"),
        ("?to=@", "to"),
        ("?to=@a@b.com", "to"),
        ("?to=", "to"),
        ("?to=a@example.com,b@example.com", "to"),
        ("?before=1", "before"),
        (f"?before={NOBODY.upper()}A", "before"),
        ("?limit=0", "limit"),
        (f"?limit={MOST_LIMIT + 1}", "limit"),
        ("?limit=-1", "limit"),
        ("?limit=ten", "limit"),
        ("?limit=%D9%A1", "limit"),
        ("?limit=1e1", "limit"),
    ],
)
def test_what_is_wrong_is_refused_with_the_field(service: Service, key: str, query: str, field: str) -> None:
    answer = ask(service, query, key)
    assert (answer.status, answer.json["field"]) == (422, field)


def test_a_parameter_that_is_not_known_is_refused(service: Service, key: str) -> None:
    assert ask(service, "?order=oldest", key).status == 400


def test_a_page_has_so_many_if_nobody_asks_otherwise(service: Service, key: str) -> None:
    for number in range(USUAL_LIMIT + 1):
        service.public.post_json("/v1/emails", {"to": f"m{number}@example.com", "key": key})
    assert len(ask(service, "", key).json["emails"]) == USUAL_LIMIT


def test_strangers_see_no_list(service: Service, ids: list[str]) -> None:
    assert service.public.get("/v1/emails").status == 401
    assert service.public.get("/v1/emails?key=nonsense").status == 401


def test_a_key_with_recipients_sees_the_mails_to_them(service: Service, ids: list[str]) -> None:
    few = service.keys.add("few", recipients=["@example0.com", "me5@example1.com"])
    assert listed(service, "", few) == [ids[number] for number in (0, 1, 3, 5)]
    assert listed(service, "?state=queued&limit=1", few) == [ids[number] for number in (3, 5)]
    assert listed(service, "?to=me1@example1.com", few) == []


def test_where_a_key_goes_on_says_nothing_of_mails_that_it_does_not_see(
    service: Service, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_WINDOW", 2)
    monkeypatch.setattr(module, "_LOOK_FOR_S", -1)
    few = service.keys.add("few", recipients=["me0@example0.com"])
    document = ask(service, "?to=@example0.com", few).json
    assert (document["emails"], document["next"] is None) == ([], False)
    assert not any(mail_id[:20] in document["next"] for mail_id in ids)
    assert listed(service, "?to=@example0.com", few) == [ids[5]]


def test_a_test_key_sees_what_test_keys_sent(service: Service, ids: list[str]) -> None:
    test = service.keys.add("ci", test=True)
    sent = service.public.post_json("/v1/emails", {"to": "me@example.com", "key": test}).id
    assert listed(service, "", test) == [sent]
    assert listed(service, "?state=failed", test) == []


def test_who_has_the_list_already_is_told_so(service: Service, key: str, ids: list[str]) -> None:
    tag = ask(service, "", key).headers["ETag"]
    headers = {"X-API-Key": key, "If-None-Match": f'"other", W/{tag}', **JSON}
    answer = service.public.get("/v1/emails", headers)
    assert (answer.status, answer.body) == (304, b"")
    service.bring_into(ids[2], State.SENDING)
    assert service.public.get("/v1/emails", headers).status == 200


def test_without_the_database_there_is_no_list(service: Service, key: str) -> None:
    ask(service, "", key)
    with service.without_database():
        assert ask(service, "", key).status == 503
