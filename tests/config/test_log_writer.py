"""Whoever logs never waits: lines are written by a thread of its own, all of them, in their order, within bounds."""

import io
import logging
import os
import select
import threading
import time
from collections.abc import Callable, Iterator
from typing import TextIO

import pytest

from config import log_writer
from config.log_writer import LogWriter
from tests.fixtures.waiting import until

MakeLogger = Callable[[TextIO], tuple[logging.Logger, LogWriter]]


class Stuck(io.StringIO):
    """A reader that does not read: every write waits until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0
        self.go = threading.Event()

    def write(self, text: str) -> int:
        self.writes += 1
        self.go.wait(30)
        return super().write(text)


@pytest.fixture
def logger() -> Iterator[MakeLogger]:
    made: list[LogWriter] = []
    logger = logging.getLogger("test")
    logger.propagate = False
    logger.setLevel(logging.INFO)

    def make(stream: TextIO) -> tuple[logging.Logger, LogWriter]:
        writer = LogWriter(stream)
        made.append(writer)
        logger.addHandler(writer)
        return logger, writer

    yield make
    for writer in made:
        logger.removeHandler(writer)
        writer.close()


def test_a_line_is_written_soon(logger: MakeLogger) -> None:
    stream = io.StringIO()
    log, _ = logger(stream)
    log.info("hello %s", "you")
    until(lambda: stream.getvalue() == "hello you\n")


def test_the_end_waits_until_all_is_written_in_its_order(logger: MakeLogger) -> None:
    stream = io.StringIO()
    log, writer = logger(stream)
    for number in range(5000):
        log.info("%d", number)
    writer.close()
    assert stream.getvalue().splitlines() == [str(number) for number in range(5000)]


def test_many_threads_lose_nothing(logger: MakeLogger) -> None:
    stream = io.StringIO()
    log, writer = logger(stream)

    def talk(name: int) -> None:
        for number in range(200):
            log.info("%d %d", name, number)

    threads = [threading.Thread(target=talk, args=(name,)) for name in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    lines = stream.getvalue().splitlines()
    assert sorted(lines) == sorted(f"{name} {number}" for name in range(16) for number in range(200))


def test_a_reader_that_does_not_read_holds_up_nobody(logger: MakeLogger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_writer, "MOST_WAITING", 100)
    stream = Stuck()
    log, writer = logger(stream)
    log.info("first")
    until(lambda: stream.writes == 1)
    began = time.monotonic()
    for number in range(250):
        log.info("%d", number)
    assert time.monotonic() - began < 1
    stream.go.set()
    writer.close()
    lines = stream.getvalue().splitlines()
    assert lines == ["first", *(str(number) for number in range(100)), "150 log lines are lost: nobody read them"]


def test_a_reader_that_never_reads_does_not_hold_up_the_end(
    logger: MakeLogger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_writer, "CLOSE_S", 0.1)
    stream = Stuck()
    log, writer = logger(stream)
    log.info("first")
    until(lambda: stream.writes == 1)
    began = time.monotonic()
    writer.close()
    assert time.monotonic() - began < 1
    stream.go.set()


def test_a_reader_that_went_away_is_no_error(logger: MakeLogger) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb", buffering=0) as pipe:
        log, writer = logger(io.TextIOWrapper(pipe, write_through=True))
        log.info("first")
        log.info("second")
        writer.close()
        until(lambda: not writer.alive)


def test_words_that_do_not_fit_are_shown_as_they_are(logger: MakeLogger) -> None:
    stream = io.StringIO()
    log, writer = logger(stream)
    record = {"name": "test", "levelname": "INFO", "msg": "%d mails", "args": ("many",)}
    writer.handle(logging.makeLogRecord(record))  # pytest's own handler would raise
    log.info("next")
    writer.close()
    first, second = stream.getvalue().splitlines()
    assert first.startswith("'%d mails' % ('many',) cannot be formatted: ")
    assert second == "next"


class Writes(io.StringIO):
    """Remembers each write by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.all: list[str] = []

    def write(self, text: str) -> int:
        self.all.append(text)
        return super().write(text)


def test_each_write_is_of_whole_lines_and_one_that_a_pipe_takes_whole(logger: MakeLogger) -> None:
    stream = Writes()
    log, writer = logger(stream)
    for number in range(2000):
        log.info("%d é%s", number, "x" * (number % 97))
    log.info("y" * 5000)  # one that is too long for that is at least alone
    log.info("last")
    writer.close()
    sizes = [len(text.encode()) for text in stream.all]
    assert all(text.endswith("\n") for text in stream.all)
    assert [size for size in sizes if size > select.PIPE_BUF] == [5001]
    assert len(sizes) < 200
    assert stream.getvalue().splitlines()[-2:] == ["y" * 5000, "last"]
