"""Drills go red: every way in which mails or the status go wrong is counted, and found to be one."""

from collections.abc import Sequence
from dataclasses import replace
from http.client import HTTPMessage, RemoteDisconnected
from typing import Any

import pytest

from tests.drills.load import CLIENTS, Sent
from tests.drills.scenario import Scenario
from tests.drills.tally import Tally, count
from tests.drills.test_drills import check
from tests.drills.unanswered import Absence, Unanswered
from tests.drills.watcher import Seen
from tests.integration.system import Answer
from tests.servers.script import Conversation, Received

ME = "me@example.com"
YOU = "you@example.com"

SCENARIO = Scenario("nothing", 1, lambda _rig: None)
KILLS = replace(SCENARIO, kills_with=8)
LOST_ANSWERS = replace(SCENARIO, lost_answers=1)
CUTS = replace(SCENARIO, cuts=True)
TURNS_DOWN = replace(SCENARIO, turns_down=True)

#: From when to when the web process is away in those tests in which it is.
AWAY = (100.0, 103.0)


def received(recipient: str = ME, answer: str | None = "250 Ok", at: float = 10.0, message_id: str = "1") -> Received:
    content = f"Message-ID: <{message_id}@example.com>\r\n\r\nHi\r\n".encode()
    return Received("us@example.com", (recipient,), content, answer, at, Conversation())


def tally_of(
    *mails: Received,
    refused: frozenset[str] = frozenset(),
    state: str = "sent",
    sent: Sent | None = None,
    seen: Seen | None = None,
    in_hand: frozenset[str] = frozenset(),
    absences: Sequence[Absence] = (),
    recovered_s: float = 1.0,
) -> Tally:
    """What is counted where one mail, to `ME`, was accepted."""
    return count(
        sent or Sent({ME: "/v1/emails/1"}),
        mails,
        set(refused),
        {ME: state},
        seen or Seen(looks=2, again=1),
        set(in_hand),
        absences,
        recovered_s,
    )


def unanswered(
    number: int, error: Exception, began_at: float = AWAY[0] + 1, took_s: float = 0.1
) -> list[dict[str, Any]]:
    """So many requests without an answer, for mails or for the status."""
    none = [Unanswered.by(error, began_at, began_at + took_s)] * number
    return [{"sent": Sent({ME: "/"}, unanswered=none)}, {"seen": Seen(looks=2, again=1, unanswered=none)}]


def is_red(scenario: Scenario, tally: Tally) -> bool:
    try:
        check(scenario, tally)
    except AssertionError:
        return True
    return False


def test_a_mail_that_came_once_is_as_it_has_to_be() -> None:
    tally = tally_of(received())
    assert (tally.accepted, tally.delivered, tally.lost, tally.doubled, tally.lies) == (1, 1, 0, 0, ())
    assert not is_red(SCENARIO, tally)


def test_a_mail_that_the_relay_refused_is_not_lost() -> None:
    tally = tally_of(received(answer="550 no"), refused=frozenset({ME}), state="failed")
    assert (tally.delivered, tally.refused, tally.lost) == (0, 1, 0)
    assert not is_red(SCENARIO, tally)


@pytest.mark.parametrize(
    "tally",
    [
        tally_of(state="failed"),
        tally_of(state="sending"),
        tally_of(received(answer="451 later"), state="failed"),
        tally_of(received(), state="failed"),
        tally_of(received(answer=None)),
        tally_of(received(answer="550 no"), refused=frozenset({ME}), state="sent"),
        tally_of(received(), recovered_s=31.0),
        tally_of(received(), received()),
        tally_of(received(), sent=Sent()),
        tally_of(received(), sent=Sent({ME: "/"}, longest_s=1.6)),
        tally_of(received(), sent=Sent({ME: "/"}, turned_down={YOU: "503 later"})),
        tally_of(received(), sent=Sent({ME: "/"}, wrong=["500 internal error"])),
        tally_of(received(), seen=Seen()),
        tally_of(received(), seen=Seen(looks=90, again=45, watched_s=10)),
        tally_of(received(), seen=Seen(looks=190, again=10, watched_s=10)),
        tally_of(received(), seen=Seen(looks=2, again=1, lies=["sent was final, now queued"])),
        tally_of(received(at=10.0), seen=Seen(looks=2, again=1, sent_at={ME: 9.9})),
        tally_of(received(answer=None, at=9.0), received(at=11.0), seen=Seen(looks=2, again=1, sent_at={ME: 10.0})),
    ],
)
def test_anything_else_is_red(tally: Tally) -> None:
    assert is_red(SCENARIO, tally)


@pytest.mark.parametrize("scenario", [KILLS, LOST_ANSWERS])
def test_where_a_mail_may_come_twice_it_may_not_come_thrice_or_as_another(scenario: Scenario) -> None:
    in_hand = frozenset({ME})
    assert not is_red(scenario, tally_of(received(), received(), in_hand=in_hand))
    assert is_red(scenario, tally_of(received(), received(), received(), in_hand=in_hand))
    assert is_red(scenario, tally_of(received(), received(message_id="2"), in_hand=in_hand))


def test_no_more_mails_may_come_twice_than_there_were_in_hand() -> None:
    tally = replace(tally_of(received()), most_often=2)
    assert not is_red(KILLS, replace(tally, in_hand=9, doubled=8))
    assert is_red(KILLS, replace(tally, in_hand=9, doubled=9))
    assert is_red(KILLS, replace(tally, in_hand=7, doubled=8))


def test_no_other_mails_may_come_twice_than_those_that_were_in_hand() -> None:
    assert is_red(KILLS, tally_of(received(), received(), in_hand=frozenset({YOU})))
    assert not is_red(LOST_ANSWERS, tally_of(received(), received()))


@pytest.mark.parametrize("of", unanswered(200, ConnectionRefusedError()))
def test_who_is_away_answers_nobody(of: dict[str, Any]) -> None:
    assert not is_red(SCENARIO, tally_of(received(), **of, absences=[AWAY]))
    assert is_red(SCENARIO, tally_of(received(), **of))


@pytest.mark.parametrize("of", unanswered(1, RemoteDisconnected("")))
def test_only_who_is_killed_cuts_what_was_begun(of: dict[str, Any]) -> None:
    assert not is_red(CUTS, tally_of(received(), **of, absences=[AWAY]))
    assert is_red(SCENARIO, tally_of(received(), **of, absences=[AWAY]))
    assert is_red(CUTS, tally_of(received(), **of))


@pytest.mark.parametrize("of", unanswered(CLIENTS + 2, RemoteDisconnected("")))
def test_no_more_is_cut_than_there_are_clients(of: dict[str, Any]) -> None:
    assert is_red(CUTS, tally_of(received(), **of, absences=[AWAY]))


@pytest.mark.parametrize(
    ("began_at", "took_s", "red"), [(99, 0.9, True), (99, 1.1, False), (102.9, 1, False), (103.1, 1, True)]
)
def test_a_request_was_under_way_while_nobody_was_there(began_at: float, took_s: float, red: bool) -> None:
    for of in unanswered(1, ConnectionRefusedError(), began_at, took_s):
        assert is_red(SCENARIO, tally_of(received(), **of, absences=[AWAY])) is red


@pytest.mark.parametrize(
    ("status", "retry_after", "red"),
    [(503, "1", False), (503, None, True), (503, "soon", True), (500, "1", True), (429, "1", True)],
)
def test_who_turns_a_client_down_says_503_and_when_to_come_again(
    status: int, retry_after: str | None, red: bool
) -> None:
    sent, headers = Sent({ME: "/"}), HTTPMessage()
    headers["Location"] = "/"
    if retry_after:
        headers["Retry-After"] = retry_after
    sent.note(YOU, Answer(status, headers, b"words"))
    assert is_red(TURNS_DOWN, tally_of(received(), sent=sent)) is red


def test_who_was_turned_down_has_no_mail() -> None:
    assert not is_red(TURNS_DOWN, tally_of(received(), sent=Sent({ME: "/"}, {YOU: "503 later"})))
    assert is_red(TURNS_DOWN, tally_of(received(), sent=Sent({ME: "/"}, {ME: "503 later"})))
