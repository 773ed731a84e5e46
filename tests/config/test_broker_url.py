"""`BROKER_URL`, parsed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.broker_url import ALLOWED, parse_broker_url
from tests.fixtures.refusals import refusal


def test_memory_is_the_broker_inside_the_process() -> None:
    assert parse_broker_url("memory://").embedded
    assert str(parse_broker_url("memory://")) == "memory, inside this process"


@pytest.mark.parametrize(
    ("value", "hosts"),
    [
        ("amqp://localhost", ["amqp://localhost"]),
        ("amqps://u:p@a.example.com:5671/vhost", ["amqps://u:p@a.example.com:5671/vhost"]),
        ("amqp://u:p@a:5672/%2F?heartbeat=60", ["amqp://u:p@a:5672/%2F?heartbeat=60"]),
        ("amqp://a ; amqp://b:5673;amqp://[::1]", ["amqp://a", "amqp://b:5673", "amqp://[::1]"]),
    ],
)
def test_hosts_are_tried_in_the_order_they_are_written_in(value: str, hosts: list[str]) -> None:
    url = parse_broker_url(value)
    assert not url.embedded
    assert [host.reveal() for host in url.hosts] == hosts


@pytest.mark.parametrize(
    "value",
    [
        "",
        "memory",
        "memory://x",
        "memory://;amqp://a",
        "localhost:5672",
        "redis://localhost",
        "amqp://",
        "amqp://:5672",
        "amqp://a:port",
        "amqp://a:0",
        "amqp://a:65536",
        "amqp://a;",
        "amqp://a;;amqp://b",
        "amqp://a,amqp://b;x",
        "amqp://[::1",
        "amqp://a?heartbeat=soon",
        "amqp://a?socket_timeout=0",
        "amqp://a?unheard_of=1",
        "amqp://a?ssl_options={",
        "amqp://a?ssl_options=%7B%27x%27:1%7D",
    ],
)
def test_anything_else_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"^memory://, or amqp://") as caught:
        parse_broker_url(value)
    assert str(caught.value) == ALLOWED


def test_hosts_are_shown_without_their_passwords() -> None:
    url = parse_broker_url("amqp://me:hunter2@a:5672/%2F?heartbeat=60;amqp://me:hunter3@b")
    assert str(url) == "RabbitMQ at a:5672, b"
    assert "hunter" not in repr(url)


@given(st.text() | st.text().map("amqp://a?".__add__) | st.text().map("amqp://".__add__))
def test_any_text_is_a_broker_or_refused_with_what_is_allowed(value: str) -> None:
    assert refusal(ValueError, parse_broker_url, value) in ("", ALLOWED)
