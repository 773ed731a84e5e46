"""The first Ctrl-C waits until what has been begun is whole, and the second does not."""

import signal

import pytest

from messaging.cli.interrupts import Interrupts


def test_the_first_interrupt_is_remembered_until_somebody_asks() -> None:
    with Interrupts() as interrupts:
        interrupts.check()
        signal.raise_signal(signal.SIGINT)
        assert interrupts.came
        with pytest.raises(KeyboardInterrupt):
            interrupts.check()


def test_the_second_interrupt_is_one_at_once() -> None:
    with Interrupts():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_after_it_the_first_is_one_at_once() -> None:
    with Interrupts():
        pass
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
