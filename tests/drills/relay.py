"""Drills in which the relay is away, slow, rude or forgetful."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from tests.drills.rig import Rig
from tests.drills.scenario import Scenario
from tests.drills.tally import Tally
from tests.servers.script import Action, Conversation, Delay, Dribble, Drop, Script, Silence, Stage

_TRIES: Final = 3


def _just_load(rig: Rig) -> None:
    rig.pause(1.0)


def _down(rig: Rig) -> None:
    rig.pause(0.3)
    rig.relay.stop()
    rig.pause(0.6)
    rig.relay.start()
    rig.trouble_ended()


def _silent(rig: Rig) -> None:
    rig.pause(0.2)
    # What is connected is cut: every conversation begins with the silence.
    rig.relay.stop()
    rig.relay.follow({"GREETING": Silence()})
    rig.relay.start()
    rig.pause(0.7)
    rig.relay.follow({})
    rig.trouble_ended()


def _for_a_while(script: Script) -> Callable[[Rig], None]:
    """The relay follows `script` for most of the load, and is well again afterwards."""

    def trouble(rig: Rig) -> None:
        rig.pause(0.2)
        rig.relay.follow(script)
        rig.pause(0.7)
        rig.relay.follow({})
        rig.trouble_ended()

    return trouble


def first_tries(stage: Stage, times: int, action: Action) -> Script:
    """The relay does `action` at a stage, so often with each recipient."""
    tried: Counter[str] = Counter()

    def script(at: Stage, argument: str, _talk: Conversation) -> Action | None:
        if at != stage:
            return None
        tried[argument] += 1
        return action if tried[argument] <= times else None

    return script


def _every(stage: Stage, nth: int, action: Action) -> Script:
    count: Counter[str] = Counter()

    def script(at: Stage, _argument: str, _talk: Conversation) -> Action | None:
        if at != stage:
            return None
        count[at] += 1
        return action if count[at] % nth == 0 else None

    return script


def _closing_on_reuse(at: Stage, _argument: str, talk: Conversation) -> Action | None:
    return "421 4.3.2 closing" if at == "MAIL" and talk.commands().count("MAIL") > 2 else None


def _attempts_are(number: int) -> Callable[[Rig, Tally], None]:
    def check(rig: Rig, _tally: Tally) -> None:
        assert rig.query("SELECT DISTINCT attempts FROM mails") == [(number,)]
        tries = "SELECT DISTINCT n FROM (SELECT count(*) AS n FROM attempts GROUP BY mail_id)"
        assert rig.query(tries) == [(number,)]

    return check


def _nothing_was_charged(rig: Rig, _tally: Tally) -> None:
    assert rig.query("SELECT max(attempts) FROM mails") == [(1,)], "the relay's absence was charged to a mail"


def _few_logins(rig: Rig, tally: Tally) -> None:
    _nothing_was_charged(rig, tally)
    refused = sum(line.startswith("S: 535") for talk in rig.relay.conversations for line in talk.lines)
    # One by each worker process when the trouble begins, then one a probe: HOLD_PROBE is a second.
    assert refused <= 2 + rig.load_s * 0.7 + 2, f"{refused} logins"


def _all_refused(rig: Rig, tally: Tally) -> None:
    _attempts_are(1)(rig, tally)
    assert tally.failed == tally.accepted


_ALL: Final = [
    Scenario("relay down", 3, _down, also=_nothing_was_charged),
    Scenario("relay silent", 3, _silent, also=_nothing_was_charged),
    Scenario("relay dribbles", 4, _for_a_while({"RCPT": Dribble("250 2.1.5 Ok", 0.2)})),
    Scenario("421 on reuse", 3, _just_load, script=_closing_on_reuse, also=_nothing_was_charged),
    Scenario("421 on QUIT", 2, _just_load, script={"QUIT": "421 4.3.2 closing"}, also=_attempts_are(1)),
    Scenario(
        f"451 to the first {_TRIES} RCPT",
        3,
        _just_load,
        script=first_tries("RCPT", _TRIES, "451 4.7.1 try later"),
        also=_attempts_are(_TRIES + 1),
    ),
    Scenario(
        f"451 to the first {_TRIES} mails",
        3,
        _just_load,
        script=first_tries("END", _TRIES, "451 4.3.0 try later"),
        also=_attempts_are(_TRIES + 1),
    ),
    Scenario("550", 3, _just_load, script={"RCPT": "550 5.1.1 no such user"}, also=_all_refused),
    Scenario(
        "535 for a while",
        3,
        _for_a_while({"AUTH": "535 5.7.8 bad credentials"}),
        login=("me", "secret"),
        also=_few_logins,
    ),
    Scenario(
        "mail taken, no answer",
        2,
        _just_load,
        script=first_tries("END", 1, Drop()),
        may_double=None,
    ),
    Scenario(
        "answer later than the lease",
        2,
        _just_load,
        script=_every("END", 20, Delay(5)),
        environ={"LEASE": "2s"},
    ),
]

#: With several worker processes where it matters how many there are; elsewhere RabbitMQ adds time and nothing else.
_WITH_RABBITMQ: Final = frozenset({"relay down", "relay silent", "535 for a while"})

SCENARIOS: Final = [replace(scenario, embedded=scenario.name not in _WITH_RABBITMQ) for scenario in _ALL]
