"""Reading a Maildir that has many mails."""

import os
from pathlib import Path
from typing import Any

import pytest

from messaging.mailbox import Mailbox

LETTERS = 10_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Maildir with many mails, of which half were read."""
    folder = tmp_path_factory.mktemp("mailbox")
    first = folder / "first"
    first.write_bytes(b"Subject: x\n\n" + b"y" * 100_000)
    for name in ("new", "cur", "tmp"):
        (folder / name).mkdir()
    for number in range(LETTERS):
        name = f"{1_700_000_000 + number}.M1P1Q1.here"
        (folder / (f"cur/{name}:2,S" if number % 2 else f"new/{name}")).hardlink_to(first)
    return folder


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the folders that were read, and of the files that were looked at or opened."""
    read: list[str] = []
    for name in ("scandir", "listdir", "stat"):
        original = getattr(os, name)

        def remember(path: Any, *args: Any, original: Any = original, **options: Any) -> Any:
            read.append(str(path))
            return original(path, *args, **options)

        monkeypatch.setattr(os, name, remember)
    return read


def test_the_newest_of_many_cost_one_look_into_each_folder(folder: Path, read: list[str]) -> None:
    letters, last = Mailbox(folder).newest(50)
    assert sorted(read) == [str(folder / "cur"), str(folder / "new")]
    assert [letter.put_down_at for letter in letters] == [(1_700_000_000 + LETTERS - i) * 1000 for i in range(1, 51)]
    assert last == letters[-1].id
    assert {(letter.size, letter.fields["subject"]) for letter in letters} == {(100_012, "x")}


def test_who_goes_on_comes_to_the_first_of_them(folder: Path, read: list[str]) -> None:
    before: str | None = f"{1_700_000_000 + 150}.M1P1Q1.here"
    seen: list[str] = []
    while before:
        letters, before = Mailbox(folder).newest(60, before)
        seen += [letter.id for letter in letters]
    assert seen == [f"{1_700_000_000 + number}.M1P1Q1.here" for number in reversed(range(150))]
    assert len(read) == 2 * 3


@pytest.mark.parametrize("number", [0, LETTERS - 1])
def test_one_of_many_costs_no_more(folder: Path, read: list[str], number: int) -> None:
    letter = Mailbox(folder).find(f"{1_700_000_000 + number}.M1P1Q1.here")
    assert letter
    assert len(letter.text) == 100_000
    assert len(read) <= 2


def test_what_is_no_mail_of_a_maildir_is_not_listed(tmp_path: Path) -> None:
    (tmp_path / "new" / "folder").mkdir(parents=True)
    (tmp_path / "new" / ".hidden").write_bytes(b"Subject: x\n\n")
    assert Mailbox(tmp_path).newest(10) == ([], None)
    assert Mailbox(tmp_path).find(".hidden") is None
