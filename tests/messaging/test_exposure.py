"""Who can be reached by strangers says so when it starts."""

import pytest

from config.settings import Settings
from messaging.exposure import warning, words_at_start

EVIDENCE = {
    "EDGE_LISTEN": "127.0.0.1:80",
    "TUNNEL_ADDRESS": "192.168.183.1",
    "NGROK_AUTHTOKEN": "token",
    "NGROK_URL": "https://name.ngrok-free.app",
}


def said(**environ: str) -> str:
    return warning(Settings.load(environ))


@pytest.mark.parametrize("listen", ["127.0.0.1:8080", "127.9.9.9:80", "[::1]:8080", "localhost:8080"])
def test_of_a_service_of_this_machine_alone_nothing_is_said(listen: str) -> None:
    assert said(LISTEN=listen) == ""


@pytest.mark.parametrize(
    "listen", ["0.0.0.0:8080", "[::]:8080", "192.168.0.7:80", "198.51.100.7:80", "mail.example:80"]
)
def test_of_one_that_others_reach_one_line_is_said(listen: str) -> None:
    assert said(LISTEN=listen) == (
        "Whoever reaches this service may have the greeting sent to any address without a key, "
        "3/h to each, 20/h from each client, 200/h in all; OPEN_SENDMAIL=false ends that."
    )


@pytest.mark.parametrize("name", EVIDENCE)
def test_a_tunnel_or_an_edge_in_front_is_as_good_as_an_open_port(name: str) -> None:
    assert "OPEN_SENDMAIL=false" in said(**{name: EVIDENCE[name]})


def test_where_strangers_may_do_nothing_nothing_is_said() -> None:
    assert said(LISTEN="0.0.0.0:8080", OPEN_SENDMAIL="false", **EVIDENCE) == ""


@pytest.mark.parametrize("listen", ["127.0.0.1:8080", "[::1]:8080", "localhost:8080"])
def test_at_the_start_it_is_said_what_a_tunnel_would_change_that_nobody_tells_us_of(listen: str) -> None:
    assert words_at_start(Settings.load({"LISTEN": listen})) == (
        "As far as the settings tell, only this machine reaches this service. "
        "Through a tunnel to it (ngrok http 8080) everybody does, and may have the greeting sent to any address "
        "without a key, 3/h to each, 20/h from each client, 200/h in all; OPEN_SENDMAIL=false ends that."
    )
    assert words_at_start(Settings.load({"LISTEN": listen, "OPEN_SENDMAIL": "false"})) == ""


def test_at_the_start_a_warning_is_the_same_as_anywhere() -> None:
    for environ in ({"LISTEN": "0.0.0.0:8080"}, {"NGROK_URL": EVIDENCE["NGROK_URL"]}):
        settings = Settings.load(environ)
        assert words_at_start(settings) == warning(settings) != ""


def test_it_says_what_is_so() -> None:
    assert said(LISTEN="0.0.0.0:8080", ALLOWED_RECIPIENTS="@example.com", OPEN_PER_CLIENT="off") == (
        "Whoever reaches this service may have the greeting sent to the addresses of ALLOWED_RECIPIENTS without a key, "
        "3/h to each, 200/h in all; OPEN_SENDMAIL=false ends that."
    )
    lifted = said(LISTEN="0.0.0.0:8080", OPEN_PER_RECIPIENT="off", OPEN_PER_CLIENT="off", OPEN_TOTAL="off")
    assert "as often as they like" in lifted
