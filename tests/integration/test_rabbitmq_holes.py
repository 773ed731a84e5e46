"""What Dramatiq and RabbitMQ leave open between them loses no mail, and doubles none."""

import json
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pika
import pytest

from config.broker import make_broker, make_queue
from config.broker_url import parse_broker_url
from config.message import QUEUE
from messaging.outbox import due as due_module
from messaging.outbox import outbox as outbox_module
from messaging.outbox.confirms import Confirms
from messaging.outbox.database import Database
from messaging.outbox.due import DueMails
from messaging.outbox.heartbeats import Heartbeats
from messaging.outbox.outbox import Outbox
from messaging.outbox.relay_hold import RelayHold
from messaging.outbox.retention import Retention
from stack.rabbitmq import RabbitMQ
from tests.fixtures.storage import accept, url_of
from tests.fixtures.waiting import until
from tests.integration.system import Answer, System, ask
from tests.servers.script import Action, Conversation, Delay, Script, Stage
from tests.servers.sink import SmtpSink
from tests.servers.smtp import SmtpServer
from workers import dispatcher as dispatcher_module
from workers.dispatcher import BATCH, REPUBLISH_BELOW, Dispatcher


def tokens(count: int) -> list[str]:
    return [f"t{number:06}@example.com" for number in range(count)]


def environ_of(broker_url: str, relay_url: str) -> dict[str, str]:
    return {"BROKER_URL": broker_url, "SMTP_URL": relay_url, "OPEN_TOTAL": "off", "OPEN_PER_CLIENT": "off"}


def received_by(smtp_server: SmtpServer) -> Counter[str]:
    return Counter(recipient for mail in smtp_server.accepted for recipient in mail.recipients)


def query(system: System, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(system.folder / "var" / "messaging.db")) as connection:
        return connection.execute(sql).fetchall()


def all_sent(system: System) -> Callable[[], bool]:
    return lambda: query(system, "SELECT count(*) FROM mails WHERE state != 'sent'") == [(0,)]


def accept_all(system: System, recipients: list[str]) -> list[Answer]:
    answers = system.send_all(recipients)
    assert Counter(answer.status for answer in answers) == {202: len(recipients)}
    return answers


@contextmanager
def channel_to(broker_url: str) -> Iterator[Any]:
    with closing(pika.BlockingConnection(pika.URLParameters(broker_url))) as connection:
        yield connection.channel()


def ids_in(broker_url: str) -> set[str]:
    """What lies in the queue; it stays there."""
    found = set()
    with channel_to(broker_url) as channel:
        while (got := channel.basic_get(QUEUE))[0]:
            found.add(json.loads(got[2])["args"][0])
    return found


# Connections that end.


def test_connections_that_end_again_and_again_lose_nothing_and_double_nothing(
    tmp_path: Path, rabbitmq: RabbitMQ, broker_url: str, smtp_server: SmtpServer
) -> None:
    smtp_server.follow({"END": Delay(0.3)})
    recipients = tokens(250)
    with System(tmp_path, environ_of(broker_url, smtp_server.url)) as system:
        accept_all(system, recipients)
        for _ in range(3):
            before = len(smtp_server.accepted)
            rabbitmq.ctl("close_all_connections", "--vhost", broker_url.rpartition("/")[2], "a test")
            smtp_server.wait_for(before + 20)
        until(all_sent(system), within_s=60)
    assert received_by(smtp_server) == Counter(recipients)


def test_no_message_is_acknowledged_under_the_number_of_another(
    tmp_path: Path, rabbitmq: RabbitMQ, broker_url: str, smtp_server: SmtpServer
) -> None:
    # Eight mails go at a time, and eight more wait in the worker: numbers 9 to 24 when the connection ends, and 1 to 16
    # on the next. What then is finished as 9 to 16 must not be acknowledged: these are others now, which are not.
    smtp_server.follow({"END": Delay(4)})
    with System(tmp_path, environ_of(broker_url, smtp_server.url), processes=1) as system:
        accept_all(system, tokens(60))
        smtp_server.wait_for(8)
        rabbitmq.ctl("close_all_connections", "--vhost", broker_url.rpartition("/")[2], "a test")
        system.workers.wait_for_line("Restarting consumer")
        smtp_server.wait_for(16)
        until(lambda: query(system, "SELECT count(*) FROM mails WHERE state = 'sent'") == [(16,)], within_s=5)
        time.sleep(0.3)  # for the acknowledgements
        system.workers.kill()
        unfinished = {mail_id for (mail_id,) in query(system, "SELECT id FROM mails WHERE state != 'sent'")}
        assert len(unfinished) == 44
        until(lambda: unfinished <= ids_in(broker_url), within_s=3)


# A queue that is not as we want it.


def test_a_queue_with_other_arguments_is_named_and_flows_when_it_is_gone(
    tmp_path: Path, broker_url: str, smtp_server: SmtpServer
) -> None:
    with channel_to(broker_url) as channel:
        channel.queue_declare(QUEUE, durable=True, arguments={"x-max-priority": 3})
    recipients = tokens(20)
    with System(tmp_path, environ_of(broker_url, smtp_server.url)) as system:
        answer = ask(system.internal, "GET", "/readyz")
        assert answer.status == 503
        assert f"queue {QUEUE}: PRECONDITION_FAILED".encode() in answer.body
        began = time.monotonic()
        accept_all(system, recipients)
        assert time.monotonic() - began < 5
        with channel_to(broker_url) as channel:
            channel.queue_delete(QUEUE)
        smtp_server.wait_for(20, within_s=40)
        until(lambda: ask(system.internal, "GET", "/readyz").status == 200)
        until(all_sent(system))
    assert received_by(smtp_server) == Counter(recipients)


# A broker out of memory.


def busy_at_first(times: int) -> Script:
    """The relay puts off each recipient so often."""
    tried: Counter[str] = Counter()

    def script(stage: Stage, argument: str, _talk: Conversation) -> Action | None:
        if stage != "RCPT":
            return None
        tried[argument] += 1
        return "451 4.7.1 Greylisted" if tried[argument] <= times else None

    return script


def test_a_broker_out_of_memory_delays_retries_and_loses_none(
    tmp_path: Path, rabbitmq: RabbitMQ, broker_url: str, smtp_server: SmtpServer
) -> None:
    smtp_server.follow(busy_at_first(2))
    recipients = tokens(60)
    environ = {**environ_of(broker_url, smtp_server.url), "RETRY_SCHEDULE": "1s,1s,1s"}
    with System(tmp_path, environ) as system:
        accept_all(system, recipients[:30])
        until(lambda: query(system, "SELECT count(*) FROM attempts WHERE outcome = 'busy'")[0][0] >= 30)
        rabbitmq.ctl("set_vm_memory_high_watermark", "0.00001")
        try:
            longest = 0.0
            for recipient in recipients[30:]:
                began = time.monotonic()
                assert system.sendmail(recipient).status == 202
                longest = max(longest, time.monotonic() - began)
            assert longest < 1
            time.sleep(3)  # retries fall due, and nothing can be published
            assert query(system, "SELECT count(*) FROM mails WHERE state != 'sent'")[0][0] >= 30
        finally:
            rabbitmq.ctl("set_vm_memory_high_watermark", "0.4")
        until(all_sent(system), within_s=60)
        assert query(system, "SELECT DISTINCT attempts FROM mails") == [(3,)]
    assert received_by(smtp_server) == Counter(recipients)


# The order in which things start and end.


def test_a_broker_may_start_after_us(
    tmp_path: Path, rabbitmq: RabbitMQ, broker_url: str, smtp_server: SmtpServer
) -> None:
    rabbitmq.stop()
    recipients = tokens(30)
    with System(tmp_path, environ_of(broker_url, smtp_server.url)) as system:
        accept_all(system, recipients)
        assert ask(system.internal, "GET", "/readyz").status == 503
        rabbitmq.start()
        smtp_server.wait_for(30, within_s=40)
        until(all_sent(system))
        until(lambda: ask(system.internal, "GET", "/readyz").status == 200)
    assert received_by(smtp_server) == Counter(recipients)


def test_a_master_that_is_killed_leaves_no_child_behind(
    tmp_path: Path, broker_url: str, smtp_server: SmtpServer
) -> None:
    smtp_server.follow({"END": Delay(0.5)})
    with System(tmp_path, environ_of(broker_url, smtp_server.url)) as system:
        accept_all(system, tokens(40))
        smtp_server.wait_for(1)
        assert len(system.workers.family()) >= 3  # two workers, and the dispatcher
        system.workers.signal(signal.SIGKILL)
        until(lambda: not system.workers.survivors(), within_s=5)


def test_without_a_broker_workers_go_on_with_what_they_have_and_end_in_time(
    tmp_path: Path, rabbitmq: RabbitMQ, broker_url: str, smtp_server: SmtpServer
) -> None:
    # Sixteen mails go at a time, and sixteen more wait in the workers; Dramatiq would stand still for 5 s in between.
    smtp_server.follow({"END": Delay(1)})
    with System(tmp_path, environ_of(broker_url, smtp_server.url)) as system:
        accept_all(system, tokens(60))
        until(lambda: sum("DATA" in talk.commands() for talk in smtp_server.conversations) == 16)
        rabbitmq.kill()
        smtp_server.wait_for(32, within_s=5)
        began = time.monotonic()
        assert system.workers.stop() == 0
        assert time.monotonic() - began < 15
        assert query(system, "SELECT state, count(*) FROM mails GROUP BY state") == [("queued", 28), ("sent", 32)]
    assert set(received_by(smtp_server).values()) == {1}


def test_a_broker_that_hangs_keeps_nobody_from_ending_in_time(
    tmp_path: Path, rabbitmq: RabbitMQ, broker_url: str, smtp_server: SmtpServer
) -> None:
    smtp_server.follow({"END": Delay(2)})
    recipients = tokens(60)
    with System(tmp_path, environ_of(broker_url, smtp_server.url)) as system:
        accept_all(system, recipients)
        until(lambda: sum("DATA" in talk.commands() for talk in smtp_server.conversations) == 16)
        rabbitmq.freeze()
        try:
            began = time.monotonic()
            for program in (system.workers, system.web):
                program.signal(signal.SIGTERM)
            assert [program.wait(25) for program in (system.web, system.workers)] == [0, 0]
            assert time.monotonic() - began < 8
            assert query(system, "SELECT state, count(*) FROM mails GROUP BY state") == [("queued", 44), ("sent", 16)]
        finally:
            rabbitmq.thaw()
        smtp_server.follow({})
        system.start()
        until(all_sent(system))
    assert received_by(smtp_server) == Counter(recipients)


# A backlog.


def test_a_backlog_does_not_multiply_itself(
    tmp_path: Path, broker_url: str, smtp_sink: SmtpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_module, "PUBLISH_WITHIN_MS", 0)
    monkeypatch.setattr(due_module, "PUBLISHED_FOR_MS", 200)
    monkeypatch.setattr(dispatcher_module, "PERIOD_S", 0.05)
    recipients = tokens(3000)
    system = System(tmp_path, environ_of(broker_url, smtp_sink.url))
    database = Database(url_of(tmp_path / "var" / "messaging.db"))
    database.upgrade()
    broker = make_broker(parse_broker_url(broker_url), [])
    gauge = make_queue(broker)
    gauge.open(lambda _ids, _refused: None)
    stop = threading.Event()
    due = DueMails(database, 5)
    rounds = 0

    def counted(take: Callable[[int], due_module.Due]) -> Callable[[int], due_module.Due]:
        def taken(most: int) -> due_module.Due:
            nonlocal rounds
            found = take(most)
            rounds += bool(found.waiting)
            return found

        return taken

    monkeypatch.setattr(due, "take", counted(due.take))
    dispatcher = Dispatcher(
        due,
        RelayHold(database, 60.0),
        make_queue(broker),
        Retention(database, None),
        Heartbeats(database),
        Confirms(database),
    )
    dispatching = threading.Thread(target=dispatcher.run, args=(stop,))
    try:
        outbox = Outbox(database)
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda recipient: accept(outbox, recipient), recipients))
        assert gauge.depth() == 0
        dispatching.start()
        deepest = 0

        def depth() -> int:
            nonlocal deepest
            found = gauge.depth()
            deepest = max(deepest, found)
            return found

        until(lambda: depth() >= 3000)
        before = rounds
        until(lambda: depth() and rounds > before + 60)
        assert deepest < 3000 + REPUBLISH_BELOW + BATCH
    finally:
        stop.set()
        dispatching.join()
        gauge.close(1)
        database.close()
    with system.workers:
        smtp_sink.wait_for(3000, within_s=60)
        until(all_sent(system))
    assert sorted(smtp_sink.recipients()) == recipients
