"""What the relay of a drill does: scripts that are made anew for each run, as they remember whom they have seen."""

from collections import Counter
from collections.abc import Callable
from typing import Final

from tests.servers.script import Action, Conversation, Delay, Script, Stage

#: Makes a script.
MakeScript = Callable[[], Script]


def always(script: Script) -> MakeScript:
    """The same for every mail."""
    return lambda: script


#: The relay has a mail for a moment before it says so: there always are some under way.
SLOW: Final = always({"END": Delay(0.2)})


def first_tries(stage: Stage, times: int, action: Action) -> MakeScript:
    """The relay does `action` at a stage, so often with each recipient."""

    def make() -> Script:
        tried: Counter[str] = Counter()

        def script(at: Stage, argument: str, _talk: Conversation) -> Action | None:
            if at != stage:
                return None
            tried[argument] += 1
            return action if tried[argument] <= times else None

        return script

    return make


def some_mails(stage: Stage, number: int, action: Action) -> Script:
    """The relay does `action` at a stage with the recipients that come first, so many, and with no other."""
    chosen: set[str] = set()

    def script(at: Stage, argument: str, _talk: Conversation) -> Action | None:
        if at != stage:
            return None
        if len(chosen) < number:
            chosen.add(argument)
        return action if argument in chosen else None

    return script
