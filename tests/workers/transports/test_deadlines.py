"""A conversation that lasts too long is cut, however slowly it goes on."""

import contextlib
import math
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.fixtures.waiting import until
from workers.transports import deadlines as module
from workers.transports.deadlines import Deadlines

pytestmark = pytest.mark.slow


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The two ends of a connection: ours, and the peer's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname(), timeout=20)
        theirs, _ = listener.accept()
        with ours, theirs:
            yield ours, theirs


@pytest.fixture
def deadlines() -> Deadlines:
    return Deadlines()


def test_a_silent_peer_is_cut_on_time(deadlines: Deadlines, ends: tuple[socket.socket, socket.socket]) -> None:
    began = time.monotonic()
    with deadlines.limit(ends[0], 0.1):
        assert ends[0].recv(1) == b""
    assert 0.1 <= time.monotonic() - began < 5


def test_a_peer_that_sends_a_byte_now_and_then_is_cut_on_time(
    deadlines: Deadlines, ends: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = ends
    ours.settimeout(1.0)  # never reached: there always is another byte
    done = threading.Event()

    def dribble() -> None:
        try:
            while not done.wait(0.01):
                theirs.send(b"2")
        except OSError:
            pass

    thread = threading.Thread(target=dribble)
    thread.start()
    began = time.monotonic()
    received = 0
    # Bytes that come after the cut are answered with a reset, which may be what we hear of first.
    with deadlines.limit(ours, 0.3), contextlib.suppress(ConnectionResetError):
        while ours.recv(1):
            received += 1
    done.set()
    thread.join()
    assert received > 1
    assert 0.3 <= time.monotonic() - began < 5


def test_a_conversation_in_time_is_not_cut(deadlines: Deadlines, ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    with deadlines.limit(ours, 0.02):
        theirs.send(b"a")
        assert ours.recv(1) == b"a"
    # Another limit, which ends after the first would have, so that the first has had its chance.
    with deadlines.limit(theirs, 0.05):
        assert theirs.recv(1) == b""
    assert not deadlines._open


def test_each_conversation_has_its_own_time(deadlines: Deadlines) -> None:
    pairs = [socket.socketpair() for _ in range(3)]
    cut_at: dict[int, float] = {}
    limits_s = (0.3, 0.1, 0.2)
    began = time.monotonic()

    def wait(number: int) -> None:
        with deadlines.limit(pairs[number][0], limits_s[number]):
            pairs[number][0].recv(1)
        cut_at[number] = time.monotonic() - began

    threads = [threading.Thread(target=wait, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(cut_at, key=lambda number: cut_at[number]) == [1, 2, 0]
    assert all(cut_at[number] >= limits_s[number] for number in range(3))
    for ours, theirs in pairs:
        ours.close()
        theirs.close()


def test_all_can_be_cut_at_once(deadlines: Deadlines) -> None:
    pairs = [socket.socketpair() for _ in range(5)]
    ended: list[bytes] = []

    def wait(ours: socket.socket) -> None:
        with deadlines.limit(ours, 600):
            ended.append(ours.recv(1))

    threads = [threading.Thread(target=wait, args=(ours,)) for ours, _ in pairs]
    for thread in threads:
        thread.start()
    until(lambda: len(deadlines._open) == 5)
    deadlines.cut_all()
    for thread in threads:
        thread.join(20)
    assert ended == [b""] * 5
    for ours, theirs in pairs:
        ours.close()
        theirs.close()


def test_after_all_was_cut_what_begins_is_cut_at_once(
    deadlines: Deadlines, ends: tuple[socket.socket, socket.socket]
) -> None:
    # A thread that was still connecting when the process began to end.
    deadlines.cut_all()
    with deadlines.limit(ends[0], 600):
        assert ends[0].recv(1) == b""


def test_what_is_closed_already_can_be_cut(deadlines: Deadlines, ends: tuple[socket.socket, socket.socket]) -> None:
    with deadlines.limit(ends[0], 600):
        ends[0].close()
        ends[1].close()
        deadlines.cut_all()


def test_the_connection_is_cut_and_not_another_one_of_its_number(deadlines: Deadlines) -> None:
    first, first_peer = socket.socketpair()
    number = first.fileno()
    with deadlines.limit(first, 600):
        first.close()
        second, second_peer = socket.socketpair()
        assert number in (second.fileno(), second_peer.fileno())
        deadlines.cut_all()
        second.send(b"a")
        assert second_peer.recv(1) == b"a"
    for end in (first_peer, second, second_peer):
        end.close()


# A connection that is held has many limits.


def test_a_connection_that_is_held_has_one_limit_after_the_other(
    deadlines: Deadlines, ends: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = ends
    handle = deadlines.hold(ours)
    for _ in range(3):
        with deadlines.limit_held(handle, 0.02):
            theirs.send(b"a")
            assert ours.recv(1) == b"a"
    time.sleep(0.03)  # what the three had, and more: between conversations nothing is cut
    began = time.monotonic()
    with deadlines.limit_held(handle, 0.1):
        assert ours.recv(1) == b""
    assert 0.1 <= time.monotonic() - began < 5
    deadlines.release(handle)


def test_the_other_side_learns_of_the_end_when_the_handle_is_released(
    deadlines: Deadlines, ends: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = ends
    theirs.settimeout(0.05)
    handle = deadlines.hold(ours)
    ours.close()
    with pytest.raises(TimeoutError):
        theirs.recv(1)
    deadlines.release(handle)
    assert theirs.recv(1) == b""


def test_a_held_connection_is_cut_and_not_another_one_of_its_number(deadlines: Deadlines) -> None:
    first, first_peer = socket.socketpair()
    handle, number = deadlines.hold(first), first.fileno()
    with deadlines.limit_held(handle, 0.05):
        first.close()
        second, second_peer = socket.socketpair()
        assert number in (second.fileno(), second_peer.fileno())
        assert first_peer.recv(1) == b""  # it was cut, though closed by whoever used it
        second.send(b"a")
        assert second_peer.recv(1) == b"a"
    deadlines.release(handle)
    for end in (first_peer, second, second_peer):
        end.close()


def test_a_handle_is_not_closed_in_the_middle_of_a_cut(
    deadlines: Deadlines, ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    cutting, go_on = threading.Event(), threading.Event()

    def cut_slowly(_handle: socket.socket) -> None:
        cutting.set()
        go_on.wait(20)

    monkeypatch.setattr(module, "_cut", cut_slowly)
    handle = deadlines.hold(ends[0])
    release = threading.Thread(target=deadlines.release, args=(handle,))
    with deadlines.limit_held(handle, 0.0):
        cutting.wait(20)
        release.start()
        release.join(0.1)
        assert handle.fileno() != -1
        go_on.set()
    release.join(20)
    assert handle.fileno() == -1


def test_a_shorter_limit_that_begins_later_is_kept(
    deadlines: Deadlines, ends: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = ends
    with deadlines.limit(theirs, 600):
        began = time.monotonic()
        with deadlines.limit(ours, 0.1):
            assert ours.recv(1) == b""
    assert 0.1 <= time.monotonic() - began < 5


def test_a_limit_after_all_others_ended_is_kept(
    deadlines: Deadlines, ends: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = ends
    with deadlines.limit(theirs, 0.01):
        assert theirs.recv(1) == b""
    until(lambda: deadlines._looks_at == math.inf)
    with deadlines.limit(ours, 0.01):
        assert ours.recv(1) == b""


def test_a_conversation_in_time_wakes_nobody(
    deadlines: Deadlines, ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = deadlines.hold(ends[0])
    wakes: list[None] = []
    usual = deadlines._wake

    def wake() -> None:
        wakes.append(None)
        usual()

    monkeypatch.setattr(deadlines, "_wake", wake)
    for _ in range(50):
        with deadlines.limit_held(handle, 600):
            pass
    deadlines.release(handle)
    assert len(wakes) == 1
