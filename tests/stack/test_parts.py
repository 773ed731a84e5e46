"""What the parts of the stack are told."""

from pathlib import Path

from config.settings import Settings
from messaging.exposure import words_at_start
from stack.__main__ import environ_of_parts
from stack.nginx import Edge


def told(environ: dict[str, str]) -> dict[str, str]:
    edge = Edge("127.0.0.1:8000", "127.0.0.1:8080", 262144, Path("run"))
    return environ_of_parts(Settings.load(environ), environ, edge, None)


def test_the_web_process_knows_of_nginx_and_proposes_no_tunnel_that_goes_past_it() -> None:
    words = words_at_start(Settings.load(told({})))
    assert words.startswith("Whoever reaches this service may have the greeting sent")
    assert "ngrok" not in words
    assert words_at_start(Settings.load(told({"OPEN_SENDMAIL": "false"}))) == ""


def test_it_believes_nginx_who_calls_unless_somebody_says_otherwise() -> None:
    assert told({})["PROXY_ADDRESSES"] == "127.0.0.1"
    assert told({"PROXY_ADDRESSES": "10.0.0.1"})["PROXY_ADDRESSES"] == "10.0.0.1"
