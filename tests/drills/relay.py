"""Drills in which the relay is away, slow, rude or forgetful."""

from typing import Final

from tests.drills.expectations import (
    all_are_refused,
    all_but_these_come_at_once,
    attempts_are,
    logins_are_few,
    nothing_is_charged,
    relay_says,
    relay_was_not_away,
    some_waited,
    waits_are,
)
from tests.drills.rig import Rig
from tests.drills.scenario import Scenario
from tests.drills.scripts import always, first_tries, some_mails
from tests.servers.room import Room
from tests.servers.script import Action, Conversation, Delay, Dribble, Drop, Silence, Stage

_TRIES: Final = 3

#: Mails with which the relay is slow; there are more threads than that.
_SLOW_MAILS: Final = 5

#: Fewer than a worker process has threads.
_ROOM: Final = 3

_RCPT_OK: Final = "250 2.1.5 Ok"
_NO_SUCH_USER: Final = "550 5.1.1 no such user"
_BAD_LOGIN: Final = "535 5.7.8 bad credentials"
_CLOSING: Final = "421 4.3.2 closing"


def _just_load(rig: Rig) -> None:
    rig.pause(1.0)


def _half_the_load(rig: Rig) -> None:
    rig.pause(0.5)


def _down(rig: Rig) -> None:
    rig.pause(0.3)
    rig.relay.stop()
    rig.outage()
    rig.relay.start()
    rig.trouble_ended()


def _silent(rig: Rig) -> None:
    rig.pause(0.2)
    rig.relay.follow({"GREETING": Silence()})
    rig.relay.cut()
    rig.outage()
    rig.relay.follow({})
    rig.trouble_ended()


def _refuses_our_login(rig: Rig) -> None:
    rig.pause(0.2)
    rig.relay.follow({"AUTH": _BAD_LOGIN})
    rig.relay.cut()
    rig.spell()
    rig.relay.follow({})
    rig.trouble_ended()


def _dribbles(rig: Rig) -> None:
    rig.relay.follow(some_mails("RCPT", _SLOW_MAILS, Dribble(_RCPT_OK, rig.size.spell_s / len(_RCPT_OK))))
    rig.spell()


def _answers_late(rig: Rig) -> None:
    rig.relay.follow(some_mails("END", _SLOW_MAILS, Delay(rig.size.spell_s)))
    rig.spell()


def _closing_on_reuse(at: Stage, _argument: str, talk: Conversation) -> Action | None:
    return _CLOSING if at == "MAIL" and talk.commands().count("MAIL") > 2 else None


_ONCE: Final = attempts_are(1)
#: Steps that are told apart.
_SCHEDULE_S: Final = (1, 2, 4)
_STEPS: Final = {"RETRY_SCHEDULE": ",".join(f"{step_s}s" for step_s in _SCHEDULE_S)}
_SCHEDULED: Final = (attempts_are(_TRIES + 1), waits_are(*_SCHEDULE_S))

#: With RabbitMQ where it matters that there are several worker processes; elsewhere it adds time and nothing else.
SCENARIOS: Final = [
    Scenario("relay down", 3, _down, expects=(nothing_is_charged, some_waited)),
    Scenario("relay silent", 3, _silent, expects=(nothing_is_charged, some_waited)),
    Scenario(
        "relay refuses our login (535)",
        3,
        _refuses_our_login,
        environ={"HOLD_PROBE": "3s"},
        login=("me", "secret"),
        expects=(nothing_is_charged, logins_are_few(probe_every_s=3), some_waited),
    ),
    Scenario(
        f"relay dribbles to {_SLOW_MAILS} recipients",
        4,
        _dribbles,
        embedded=True,
        expects=(_ONCE, all_but_these_come_at_once(_SLOW_MAILS), some_waited),
    ),
    Scenario(
        f"answer to {_SLOW_MAILS} mails later than the lease",
        2,
        _answers_late,
        environ={"LEASE": "2s"},
        embedded=True,
        expects=(_ONCE, all_but_these_come_at_once(_SLOW_MAILS), some_waited),
    ),
    Scenario(
        f"relay takes {_ROOM} connections",
        3,
        _just_load,
        lambda: Room(_ROOM),
        environ={"HOLD_PROBE": "1m"},
        expects=(_ONCE, relay_says(421), relay_was_not_away),
    ),
    Scenario("421 on reuse", 3, _just_load, always(_closing_on_reuse), embedded=True, expects=(_ONCE, relay_says(421))),
    Scenario(
        "421 on QUIT",
        2,
        _just_load,
        always({"QUIT": _CLOSING}),
        embedded=True,
        web="tests.integration.restless",
        expects=(_ONCE, relay_says(421)),
    ),
    Scenario(
        f"451 to the first {_TRIES} RCPT",
        3,
        _half_the_load,
        first_tries("RCPT", _TRIES, "451 4.7.1 try later"),
        environ=_STEPS,
        embedded=True,
        expects=_SCHEDULED,
    ),
    Scenario(
        f"451 to the first {_TRIES} mails",
        3,
        _half_the_load,
        first_tries("END", _TRIES, "451 4.3.0 try later"),
        environ=_STEPS,
        embedded=True,
        expects=_SCHEDULED,
    ),
    Scenario(
        "550",
        3,
        _just_load,
        always({"RCPT": _NO_SUCH_USER}),
        embedded=True,
        expects=(_ONCE, all_are_refused),
    ),
    Scenario(
        "mail taken, no answer",
        2,
        _half_the_load,
        first_tries("END", 1, Drop()),
        embedded=True,
        lost_answers=1,
        expects=(attempts_are(2),),
    ),
]
