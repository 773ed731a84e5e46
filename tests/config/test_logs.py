"""What a process logs, in both forms."""

import io
import json
import logging
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from config.logs import configure_logging, say
from config.uncaught import log_uncaught
from tests.fixtures.waiting import until

KEY = "msg_ZmFrZS1mYWtlLWZha2UtZmFrZS1mYWtlLWZha2UtZmE"


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    hooks = threading.excepthook, sys.excepthook
    others = {name: logging.getLogger(name).level for name in ("pika", "waitress", "waitress.queue")}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    threading.excepthook, sys.excepthook = hooks
    for name, least in others.items():
        logging.getLogger(name).setLevel(least)


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def far_east(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose clock shows another time than UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "XXX-9")
        time.tzset()
        yield
    time.tzset()


def written(stream: io.StringIO) -> str:
    for handler in logging.getLogger().handlers:
        handler.flush()
    return stream.getvalue()


@pytest.mark.usefixtures("far_east")
def test_text_is_one_line_with_the_time_in_utc(stream: io.StringIO) -> None:
    configure_logging("text", "info", stream)
    record = logging.makeLogRecord(
        {
            "created": 0,
            "name": "messaging.intake",
            "levelno": 20,
            "levelname": "INFO",
            "msg": "mail %s",
            "args": ("42",),
        }
    )
    logging.getLogger().handle(record)
    assert written(stream) == "1970-01-01T00:00:00Z INFO    messaging.intake: mail 42\n"


def test_json_is_one_object_a_line(stream: io.StringIO) -> None:
    configure_logging("json", "info", stream)
    logging.getLogger("messaging.intake").warning('a "quoted"\nline %s', "é")
    logging.getLogger().error("another")
    first, second = (json.loads(line) for line in written(stream).splitlines())
    assert (first["level"], first["logger"], first["message"]) == ("WARNING", "messaging.intake", 'a "quoted"\nline é')
    assert first["process"] > 0
    assert first["timestamp"]
    assert (second["level"], second["message"]) == ("ERROR", "another")


def test_json_has_the_ids_in_fields_of_their_own(stream: io.StringIO) -> None:
    configure_logging("json", "info", stream)
    logging.getLogger("messaging").info("mail %s accepted (request %s)", "m1", "r1")
    document = json.loads(written(stream))
    assert (document["mail_id"], document["request_id"]) == ("m1", "r1")
    assert document["message"] == "mail m1 accepted (request r1)"


def test_json_stays_json_where_a_message_and_its_arguments_do_not_fit(stream: io.StringIO) -> None:
    configure_logging("json", "info", stream)
    logging.getLogger().handlers[0].handle(logging.makeLogRecord({"name": "a", "msg": "%d mails", "args": ("many",)}))
    assert "cannot be formatted" in json.loads(written(stream))["message"]


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_what_is_said_to_people_is_a_line_of_the_log_for_machines(
    log_format: str, stream: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(log_format, "info", stream)
    say("two\nlines")
    said = capsys.readouterr().err
    if log_format == "text":
        assert (said, written(stream)) == ("two\nlines\n", "")
    else:
        assert (said, json.loads(written(stream))["message"]) == ("", "two\nlines")


def test_json_keeps_an_exception_within_its_line(stream: io.StringIO) -> None:
    configure_logging("json", "info", stream)
    try:
        int("boom")
    except ValueError:
        logging.getLogger("messaging").exception("a bug")
    (line,) = written(stream).splitlines()
    assert "ValueError: invalid literal" in json.loads(line)["exc_info"]


@pytest.mark.parametrize(("level", "logged"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_what_is_less_severe_than_the_level_is_not_logged(level: str, logged: int, stream: io.StringIO) -> None:
    configure_logging("text", level, stream)
    for each in ("debug", "info", "warning", "error"):
        getattr(logging.getLogger("messaging"), each)("said")
    assert len(written(stream).splitlines()) == logged


def test_the_stream_is_looked_up_when_logging_is_configured(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO
) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    configure_logging("text", "info")
    logging.getLogger("messaging").info("said")
    assert written(stream).endswith("messaging: said\n")


def test_configuring_again_does_not_log_twice(stream: io.StringIO) -> None:
    configure_logging("json", "info", io.StringIO())
    configure_logging("text", "info", stream)
    logging.getLogger("messaging").info("said")
    assert len(written(stream).splitlines()) == 1
    assert len(logging.getLogger().handlers) == 1


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_nothing_that_is_logged_shows_an_address_a_key_or_a_password(log_format: str, stream: io.StringIO) -> None:
    configure_logging(log_format, "debug", stream)
    log = logging.getLogger("messaging")
    log.info("INSERT INTO mails %r", ("me@example.com", "jürgen@example.com"))
    log.info("Client disconnected while serving /?key=%s", KEY)
    log.info("connecting to amqp://guest:hunter2@host, %d args", "too few")
    error = ValueError(f"550 <me@example.com> amqp://guest:hunter2@host {KEY}")
    log.error("a bug of %s", "you@example.com", exc_info=error)
    text = written(stream)
    assert "a bug of y***@example.com" in text
    assert "550 <m***@example.com> amqp://***@host msg_***" in text
    assert not any(word in text for word in ("me@", "rgen", "you@", "hunter2", KEY))
    if log_format == "json":
        for line in text.splitlines():
            assert "cannot be formatted" in line or json.loads(line)


def test_neither_words_nor_an_exception_of_a_client_make_a_line_that_looks_like_another(stream: io.StringIO) -> None:
    configure_logging("text", "info", stream)
    forged = "2026-01-01T00:00:00Z INFO    messaging.intake: forged"
    error = ValueError(f"x\n{forged}\r{forged}\x1b[2J\u2028{forged}")
    logging.getLogger("waitress").error("Exception while serving /\n%s\r%s", forged, forged, exc_info=error)
    first, *rest = written(stream).splitlines()
    assert f"serving /\\n{forged}\\r{forged}" in first
    assert all(line.startswith("  ") for line in rest)
    assert sum(forged in line for line in rest) == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("end", ["\n", "\r", "\x85", "\u2028", "\x1b[2K"])
def test_what_is_quoted_in_text_begins_no_line_of_its_own(stream: io.StringIO, end: str) -> None:
    configure_logging("text", "info", stream)
    logging.getLogger("waitress").warning("Exception while serving %s", f"/é{end}1970-01-01T00:00:00Z INFO    forged")
    text = written(stream)
    assert len(text.splitlines()) == 1
    assert text.removesuffix("\n").isprintable()


def test_what_nobody_caught_is_logged_like_anything_else(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    for owner, name in ((sys, "excepthook"), (threading, "excepthook"), (sys, "unraisablehook")):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    configure_logging("text", "info", stream)
    log_uncaught()

    def fail() -> None:
        raise ValueError("no mail for me@example.com")

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    until(lambda: "ValueError: no mail for m***@example.com" in written(stream))
    try:
        fail()
    except ValueError as error:
        sys.excepthook(ValueError, error, None)
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    text = written(stream)
    assert text.count("CRITICAL config.uncaught: ") == text.count("ValueError: no mail for m***@example.com") == 2
    assert "me@" not in text
    logging.captureWarnings(False)


def test_libraries_do_not_tell_every_step_of_their_own(stream: io.StringIO) -> None:
    configure_logging("text", "debug", stream)
    logging.getLogger("pika.adapters.blocking_connection").error("Connection lost")
    logging.getLogger("waitress.queue").warning("Task queue depth is 1")
    assert written(stream) == ""
