"""A secret stays one however it is printed."""

from config.secret import Secret


def test_a_secret_is_shown_only_to_who_asks_for_it() -> None:
    secret = Secret("hunter2")
    assert secret.reveal() == "hunter2"
    for shown in (
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret!r:>20}",
        repr([secret]),
        repr({1: secret}),
    ):
        assert "hunter2" not in shown
        assert "Secret(…)" in shown


def test_an_empty_secret_is_false() -> None:
    assert not Secret("")
    assert Secret("x")


def test_secrets_of_the_same_text_are_equal() -> None:
    assert Secret("x") == Secret("x")
    assert Secret("x") != Secret("y")
    assert len({Secret("x"), Secret("x")}) == 1
