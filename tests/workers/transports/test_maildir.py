"""Mails are put down in a Maildir that every reader of Maildirs can read."""

import mailbox
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email import message_from_bytes
from pathlib import Path
from types import SimpleNamespace

import pytest

from messaging.outbox.outbox import Outbox
from tests.fixtures.disks import unwritable
from tests.fixtures.storage import accept
from workers.composing import Composed, compose
from workers.errors import LeaseEndedError, RelayError
from workers.transports.maildir import MaildirTransport


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "mailbox"


@pytest.fixture
def transport(path: Path) -> MaildirTransport:
    return MaildirTransport(path)


@pytest.fixture
def mail(outbox: Outbox) -> Composed:
    return compose(accept(outbox))


def files(path: Path) -> list[Path]:
    return sorted((path / "new").iterdir())


def test_what_is_not_for_us_to_send_is_not_put_down(transport: MaildirTransport, path: Path, mail: Composed) -> None:
    transport.deliver(mail)
    with pytest.raises(LeaseEndedError):
        transport.deliver(mail, lambda: False)
    assert len(files(path)) == 1


def numbered(number: int) -> Composed:
    content = f"Subject: mail {number}\r\n\r\nThis is mail {number}.\r\n"
    return Composed("a@localhost", "b@example.com", content.encode())


def test_a_mail_is_a_file_with_the_ends_of_lines_of_this_system(
    transport: MaildirTransport, path: Path, mail: Composed
) -> None:
    transport.deliver(mail)
    (file,) = files(path)
    assert file.read_bytes() == mail.content.replace(b"\r\n", b"\n")
    assert b"\r" not in file.read_bytes()


def test_the_standard_library_reads_it(transport: MaildirTransport, path: Path, mail: Composed) -> None:
    transport.deliver(mail)
    (found,) = mailbox.Maildir(path, create=False)
    sent = message_from_bytes(mail.content)
    assert dict(found.items()) == dict(sent.items())
    assert found.get_payload().splitlines() == sent.get_payload().splitlines()  # type: ignore[union-attr]


def test_the_receipt_says_where_it_lies(transport: MaildirTransport, path: Path, mail: Composed) -> None:
    receipt = transport.deliver(mail)
    (file,) = files(path)
    assert receipt.code is None
    assert receipt.reply == f"written to {file}"
    assert receipt.connect_ms == 0
    assert 0 <= receipt.transfer_ms < 10_000


def test_the_folder_is_made_at_the_first_mail(transport: MaildirTransport, path: Path, mail: Composed) -> None:
    assert not path.parent.exists()
    transport.deliver(mail)
    assert sorted(folder.name for folder in path.iterdir()) == ["cur", "new", "tmp"]
    assert list((path / "tmp").iterdir()) == []


def test_an_empty_folder_becomes_a_maildir(transport: MaildirTransport, path: Path, mail: Composed) -> None:
    path.mkdir(parents=True)
    transport.deliver(mail)
    assert len(files(path)) == 1


def test_a_maildir_that_is_there_is_added_to(transport: MaildirTransport, path: Path, mail: Composed) -> None:
    transport.deliver(mail)
    MaildirTransport(path).deliver(mail)
    assert len(files(path)) == 2


@pytest.fixture
def _hurried_threads() -> Iterator[None]:
    """Threads take turns as often as they can, which finds what is not safe between them."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.slow
@pytest.mark.usefixtures("_hurried_threads")
def test_many_threads_put_down_each_mail_once(
    transport: MaildirTransport, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # At the same moment: the library's names differ by its counter alone.
    monkeypatch.setattr(mailbox, "time", SimpleNamespace(time=lambda: 1.0))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: transport.deliver(numbered(number)), range(400)))
    assert sorted(file.read_bytes() for file in files(path)) == sorted(
        numbered(number).content.replace(b"\r\n", b"\n") for number in range(400)
    )


def test_a_folder_that_cannot_be_written_is_the_relays_fault_until_it_can(
    transport: MaildirTransport, path: Path, mail: Composed
) -> None:
    transport.deliver(mail)
    with unwritable(path), pytest.raises(RelayError, match="cannot be written"):
        transport.deliver(mail)
    transport.deliver(mail)
    assert len(files(path)) == 2


def test_a_file_in_the_place_of_the_folder_is_the_relays_fault(
    transport: MaildirTransport, path: Path, mail: Composed
) -> None:
    path.parent.mkdir()
    path.touch()
    with pytest.raises(RelayError):
        transport.deliver(mail)
    path.unlink()
    transport.deliver(mail)
    assert len(files(path)) == 1


def test_a_maildir_that_was_removed_is_made_again(transport: MaildirTransport, path: Path, mail: Composed) -> None:
    transport.deliver(mail)
    shutil.rmtree(path.parent)
    with pytest.raises(RelayError):
        transport.deliver(mail)
    transport.deliver(mail)
    assert len(files(path)) == 1


def test_looking_at_it_makes_nothing(transport: MaildirTransport, path: Path, mail: Composed, tmp_path: Path) -> None:
    transport.check()
    assert list(tmp_path.rglob("var*")) == []
    with unwritable(tmp_path), pytest.raises(RelayError, match="cannot be written"):
        transport.check()
    transport.deliver(mail)
    transport.check()
    assert len([each for each in path.rglob("*") if each.is_file()]) == 1
    shutil.rmtree(path)
    path.touch()
    with pytest.raises(RelayError, match="cannot be written"):
        transport.check()


def test_aborting_does_nothing(transport: MaildirTransport, mail: Composed) -> None:
    transport.abort()
    transport.deliver(mail)
