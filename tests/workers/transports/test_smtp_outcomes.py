"""Commands that go out together end in what they would have ended in one by one, for all that may be answered."""

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping

import pytest

from tests.fixtures.waiting import until
from tests.servers.script import Action, Conversation, Dribble, Drop, Hold, Script, Stage
from tests.servers.smtp import SmtpServer
from tests.workers.transports.relays import numbered, transport_to
from workers.errors import DeliveryError
from workers.transports import smtp as module
from workers.transports.smtp import SmtpTransport

pytestmark = pytest.mark.slow

_STAGES: tuple[Stage, ...] = ("MAIL", "RCPT", "DATA", "END")

#: What is answered, by its name here.
_YES: dict[Stage, Action] = {"MAIL": "250 2.1.0 Ok", "RCPT": "250 2.1.5 Ok", "DATA": "354 Go on", "END": "250 2.0.0 Ok"}
_NO: dict[str, Action] = {
    "later": "450 4.2.0 Later",
    "never": "550 5.1.1 Never",
    "farewell": "421 4.3.2 Closing",
    "end": Drop(),
}

#: How answers travel: each in a segment of its own, byte by byte, and as many together as there are.
_TRAVELS: dict[str, Callable[[str], Action]] = {
    "each": str,
    "dribbled": lambda answer: Dribble(answer, 0.0),
    "held": Hold,
}

#: By stage, what is answered.
_Words = tuple[str, ...]

_Outcome = tuple[object, ...]


def combinations() -> Iterator[_Words]:
    """All of them: where one of the first three is no yes, there is nothing to answer at the end."""
    words = ("yes", *_NO)
    for first_three in itertools.product(words, repeat=3):
        yield from ((*first_three, last) for last in (words if first_three == ("yes",) * 3 else ("yes",)))


def script_of(words: _Words, travel: Callable[[str], Action]) -> dict[Stage, Action]:
    told = {stage: _YES[stage] if word == "yes" else _NO[word] for stage, word in zip(_STAGES, words, strict=True)}
    return {stage: travel(action) if isinstance(action, str) else action for stage, action in told.items()}


def once(script: Mapping[Stage, Action]) -> Script:
    """The relay follows the script with the next mail, and is well afterwards."""
    mails: list[tuple[Conversation, int]] = []

    def act(at: Stage, _argument: str, talk: Conversation) -> Action | None:
        if at not in script:
            return None
        mails.append((talk, talk.commands().count("MAIL")))
        return script[at] if mails[0] == mails[-1] else None

    return act


class Trials:
    """Mails to one relay, each with a script of its own, and after each another that shows that nothing is left of it.

    Args:
        server: the relay.
        transport: to it.
        kept: whether the mails go by connections that were used before.
    """

    def __init__(self, server: SmtpServer, transport: SmtpTransport, *, kept: bool) -> None:
        self._server = server
        self._transport = transport
        self._kept = kept
        self._numbers = itertools.count()
        self._send_well()

    def outcome(self, script: Mapping[Stage, Action]) -> _Outcome:
        """The error or the receipt, how many connections were made, and how often the mail arrived."""
        if not self._kept:
            self._transport.close()
        mail, connections = numbered(next(self._numbers)), len(self._server.conversations)
        self._server.follow(once(script))
        try:
            receipt = self._transport.deliver(mail)
            end: _Outcome = (receipt.code, receipt.reply)
        except DeliveryError as error:
            end = (type(error), error.code, error.reply.partition(":")[0], error.gone)
        connections = len(self._server.conversations) - connections
        self._send_well()
        arrived = sum(received.content == mail.content for received in self._server.mails)
        return (*end, connections, arrived)

    def end(self) -> bool:
        """See that nothing arrived that was not sent; returns whether anything was sent ahead of an answer."""
        self._transport.close()
        until(lambda: not any(conversation.open for conversation in self._server.conversations))
        sent = {numbered(number).content for number in range(next(self._numbers))}
        assert {received.content for received in self._server.mails} <= sent
        return any(conversation.ahead for conversation in self._server.conversations)

    def _send_well(self) -> None:
        mail = numbered(next(self._numbers))
        self._server.follow({})
        assert self._transport.deliver(mail).code == 250
        assert self._server.accepted[-1].content == mail.content


@pytest.mark.parametrize("kept", [False, True], ids=["fresh", "kept"])
@pytest.mark.parametrize("travel", _TRAVELS)
def test_a_mail_ends_as_it_would_have_one_by_one(travel: str, kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_MAILS", 10**9)
    expected: dict[_Words, _Outcome] = {}
    with contextlib.ExitStack() as stack:

        def trials(*, pipelining: bool) -> Trials:
            server = stack.enter_context(SmtpServer(pipelining=pipelining))
            return Trials(server, stack.enter_context(transport_to(server.url)), kept=kept)

        together, one_by_one = trials(pipelining=True), trials(pipelining=False)
        for words in combinations():
            if travel == "held" and "end" in words:
                continue  # what is held when the connection ends is never heard
            # One by one, nothing is said after the first no.
            heard = words[: 1 + len([*itertools.takewhile(lambda word: word == "yes", words)])]
            if heard not in expected:
                expected[heard] = one_by_one.outcome(script_of(words, str))
            assert together.outcome(script_of(words, _TRAVELS[travel])) == expected[heard], words
        assert (together.end(), one_by_one.end()) == (True, False)
