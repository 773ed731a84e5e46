"""What one request and one mail cost, counted in rounds of a reference loop: a regression shows on a busy machine, too.

The reference is timed in turns with what is measured, and of each the fastest block counts: whatever slows the machine
down can only add to a block.
"""

import itertools
import json
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from wsgiref.util import setup_testing_defaults

import pytest

from config.message import ACTOR
from config.settings import Settings
from messaging.outbox.confirms import Confirms
from messaging.outbox.database import Database
from messaging.outbox.outbox import Outbox
from messaging.outbox.states import State
from tests.fixtures.service import MakeService, make_service
from tests.fixtures.storage import accept, listed
from tests.fixtures.transports import ScriptedTransport
from workers.assembly import assemble_worker

pytestmark = pytest.mark.alone

__all__ = ["make_service"]

#: Rounds of the reference loop that one accepted request and one delivered mail may cost. They cost 35 and 30 on a
#: machine of their own, and twice as much where others use its caches: the reference needs less of those.
ACCEPT_BUDGET = 100
DELIVER_BUDGET = 120

#: The same for a confirm that is noted with others: it costs 0.15, and would cost 6 alone.
CONFIRM_BUDGET = 0.5
_CONFIRMED_TOGETHER = 100

#: What a disk costs the processor is the machine's, and three times as much now and then: nothing is written to one.
_MEMORY = Path("/dev/shm")

_BLOCKS = 40
_PER_BLOCK = 20
_REFERENCE_PER_BLOCK = 500

_WORDS = re.compile(r"[a-z]+")
_TEXT = " ".join(f"word{number} = {number * 7919}" for number in range(12))


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as name:
        yield Path(name)


def _reference(_number: int) -> None:
    """A little of what a request does, by the standard library alone."""
    found = {f"{word}-{at}": at for at, word in enumerate(_WORDS.findall(_TEXT))}
    assert json.loads(json.dumps(found)) == found


def _cost(path: Callable[[int], object]) -> float:
    """How many rounds of the reference one call of `path` costs; it is called with 0, 1, 2…"""
    path_s: list[float] = []
    reference_s: list[float] = []
    for block in range(_BLOCKS):
        for times, each, number in (
            (path_s, path, _PER_BLOCK),
            (reference_s, _reference, _REFERENCE_PER_BLOCK),
        ):
            began = time.process_time()
            for call in range(number):
                each(block * number + call)
            times.append((time.process_time() - began) / number)
    return min(path_s) / min(reference_s)


def test_accepting_a_request_costs_no_more_than_its_budget(
    make_service: MakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = make_service(OPEN_PER_RECIPIENT="off", OPEN_PER_CLIENT="off", OPEN_TOTAL="off")
    published: list[str] = []
    monkeypatch.setattr(service.publisher, "publish", published.append)
    statuses: set[str] = set()

    def request(number: int) -> None:
        environ = {"PATH_INFO": "/", "QUERY_STRING": f"sendmail=m{number}@example.com", "wsgi.input": BytesIO()}
        setup_testing_defaults(environ)
        chunks = service.application(environ, lambda status, _headers: statuses.add(status))
        assert b"".join(chunks)

    cost = _cost(request)
    assert statuses == {"202 Accepted"}
    assert len(published) == len(set(published)) == _BLOCKS * _PER_BLOCK
    assert cost <= ACCEPT_BUDGET, f"one request costs {cost:.0f} rounds of the reference"


def test_delivering_a_mail_costs_no_more_than_its_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings.load({"DATABASE_URL": f"sqlite:///{tmp_path}/messaging.db"})
    database = Database(settings.database_url)
    database.upgrade()
    outbox, relay = Outbox(database), ScriptedTransport()
    ids = [accept(outbox, f"m{number}@example.com").id for number in range(_BLOCKS * _PER_BLOCK)]
    monkeypatch.setattr("workers.assembly.make_transport", lambda _relay, _takes_mails: relay)
    deliver = assemble_worker(settings, database, []).broker.get_actor(ACTOR).fn

    cost = _cost(lambda number: deliver(ids[number]))
    assert len(relay.mails) == len(ids)
    assert len(listed(outbox, state=State.SENT, limit=len(ids) + 1)) == len(ids)
    database.close()
    assert cost <= DELIVER_BUDGET, f"one mail costs {cost:.0f} rounds of the reference"


def test_noting_a_confirm_costs_next_to_nothing(tmp_path: Path) -> None:
    settings = Settings.load({"DATABASE_URL": f"sqlite:///{tmp_path}/messaging.db"})
    database = Database(settings.database_url)
    database.upgrade()
    outbox = Outbox(database)
    confirms = Confirms(database, itertools.count().__next__)
    ids = [accept(outbox).id for _ in range(_CONFIRMED_TOGETHER)]

    def note(_number: int) -> None:
        confirms.came(ids)
        confirms.note()

    cost = _cost(note) / len(ids)
    assert {outbox.published_at(mail_id) for mail_id in ids} == {_BLOCKS * _PER_BLOCK - 1}
    database.close()
    assert cost <= CONFIRM_BUDGET, f"one confirm costs {cost:.2f} rounds of the reference"
