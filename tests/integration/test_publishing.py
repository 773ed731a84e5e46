"""What the outbox takes for published lies in RabbitMQ, and what does not stays due, whatever happens in between."""

import json
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import ModuleType

import pika
import pytest

from config.broker import make_broker, make_queue
from config.broker_url import parse_broker_url
from config.mail_queue import MailQueue
from config.message import QUEUE
from messaging import publisher as publisher_module
from messaging.outbox import outbox as outbox_module
from messaging.outbox.confirms import Confirms
from messaging.outbox.database import Database
from messaging.outbox.due import DueMails
from messaging.outbox.heartbeats import Heartbeats
from messaging.outbox.outbox import Outbox
from messaging.outbox.relay_hold import RelayHold
from messaging.outbox.retention import Retention
from messaging.publisher import BrokerPublisher
from stack.rabbitmq import RabbitMQ
from tests.fixtures.storage import accept, connected, url_of
from tests.fixtures.waiting import until
from workers import dispatcher as dispatcher_module
from workers.dispatcher import Dispatcher


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "messaging.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    database = Database(url_of(path))
    database.upgrade()
    yield database
    database.close()


@pytest.fixture
def queue(broker_url: str) -> MailQueue:
    return make_queue(make_broker(parse_broker_url(broker_url), []))


@contextmanager
def publishing(database: Database, queue: MailQueue) -> Iterator[BrokerPublisher]:
    publisher = BrokerPublisher(queue, DueMails(database, 5), RelayHold(database, 60.0), Confirms(database))
    publisher.start()
    try:
        yield publisher
    finally:
        publisher.stop(10)


@contextmanager
def dispatching(database: Database, queue: MailQueue) -> Iterator[None]:
    stop = threading.Event()
    dispatcher = Dispatcher(
        DueMails(database, 5),
        RelayHold(database, 60.0),
        queue,
        Retention(database, None),
        Heartbeats(database),
        Confirms(database),
    )
    thread = threading.Thread(target=dispatcher.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def said_by(module: ModuleType, caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """What one of our modules logged, as level and words: pika's own words are not for the log."""
    return [(each.levelname, each.getMessage()) for each in caplog.records if each.name == module.__name__]


def published(path: Path) -> set[str]:
    """The ids that the outbox takes for published."""
    with connected(path) as connection:
        return {mail_id for (mail_id,) in connection.execute("SELECT id FROM mails WHERE published")}


def lying_in(broker_url: str) -> set[str]:
    """The ids in the queue; they stay there."""
    found = set()
    with closing(pika.BlockingConnection(pika.URLParameters(broker_url))) as connection:
        channel = connection.channel()
        while (got := channel.basic_get(QUEUE))[0]:
            found.add(json.loads(got[2])["args"][0])
    return found


def test_what_is_noted_while_the_broker_is_killed_is_in_its_queue(
    rabbitmq: RabbitMQ, broker_url: str, database: Database, path: Path, queue: MailQueue
) -> None:
    outbox = Outbox(database)
    ids = [accept(outbox).id for _ in range(600)]
    half = threading.Event()

    def requests() -> None:
        for number, mail_id in enumerate(ids):
            publisher.publish(mail_id)
            time.sleep(0.002)
            if number == 300:
                half.set()

    with publishing(database, queue) as publisher:
        publisher.publish(accept(outbox).id)
        until(lambda: published(path))
        # RabbitMQ may write down that there is a queue some time after it says so (seen in 2 of 20 kills).
        rabbitmq.ctl("eval", "mnesia:sync_log().")
        asking = threading.Thread(target=requests)
        asking.start()
        assert half.wait(20)
        rabbitmq.kill()
        rabbitmq.start()
        asking.join()
        until(lambda: set(ids[:200]) <= published(path))
        late = accept(outbox).id

        def published_again() -> bool:
            publisher.publish(late)
            time.sleep(0.1)
            return late in published(path)

        until(published_again)
    assert published(path) <= lying_in(broker_url)
    assert published(path) != {*ids, late}  # some were on their way just then


def test_a_backlog_goes_out_when_the_broker_is_back_each_mail_once(
    rabbitmq: RabbitMQ,
    broker_url: str,
    database: Database,
    path: Path,
    queue: MailQueue,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(outbox_module, "PUBLISH_WITHIN_MS", 0)
    caplog.set_level(logging.INFO, dispatcher_module.__name__)
    outbox = Outbox(database)
    ids = {accept(outbox).id for _ in range(1500)}
    rabbitmq.stop()
    with dispatching(database, queue):
        until(lambda: said_by(dispatcher_module, caplog))
        assert published(path) == set()
        rabbitmq.start()
        until(lambda: published(path) == ids)
    assert lying_in(broker_url) == ids
    (warning, away), (info, _back) = said_by(dispatcher_module, caplog)
    assert (warning, info) == ("WARNING", "INFO")
    assert f":{rabbitmq.port}: ConnectionRefusedError" in away


def test_a_queue_that_does_not_fit_is_said_once_by_name_and_loses_nothing(
    broker_url: str, database: Database, path: Path, queue: MailQueue, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(pika.BlockingConnection(pika.URLParameters(broker_url))) as connection:
        channel = connection.channel()
        channel.queue_declare(QUEUE, durable=True, arguments={"x-max-priority": 3})
        caplog.set_level(logging.INFO, publisher_module.__name__)
        outbox = Outbox(database)
        with publishing(database, queue) as publisher:
            for _ in range(5):
                publisher.publish(accept(outbox).id)
                time.sleep(0.3)
            ((level, words),) = said_by(publisher_module, caplog)
            assert level == "WARNING"
            assert "(queue mail: PRECONDITION_FAILED" in words
            assert "; delete it, it is made anew)" in words
            assert published(path) == set()
            channel.queue_delete(QUEUE)
            mail_id = accept(outbox).id

            def published_again() -> bool:
                publisher.publish(mail_id)
                time.sleep(0.1)
                return mail_id in published(path)

            until(published_again)
            until(lambda: said_by(publisher_module, caplog)[1:] == [("INFO", "publishing again")])
