"""The database's file is made for one user's eyes, which are those of whom the folder belongs to."""

import os
from pathlib import Path

import pytest

from messaging.outbox.making import make_file
from tests.fixtures.disks import NOBODY, give_away


def test_it_is_for_its_owner_alone_and_the_folders_above_it_are_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "messaging.db"
    make_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text("kept")
    make_file(path)
    assert path.read_text() == "kept"


def test_what_root_makes_belongs_to_whom_the_folder_does(tmp_path: Path) -> None:
    give_away(tmp_path)
    path = tmp_path / "var" / "messaging.db"
    make_file(path)
    assert [(each.stat().st_uid, each.stat().st_gid) for each in (path, path.parent)] == [(NOBODY, NOBODY)] * 2


def test_what_is_there_is_given_to_nobody(tmp_path: Path) -> None:
    path = tmp_path / "var" / "messaging.db"
    make_file(path)
    give_away(path.parent)
    make_file(path)
    assert path.stat().st_uid == os.geteuid()


def test_a_file_of_root_s_is_not_given_away_through_a_link(tmp_path: Path) -> None:
    folder = tmp_path / "nobody"
    folder.mkdir()
    give_away(folder)
    (folder / "messaging.db").symlink_to(tmp_path / "root")
    with pytest.raises(OSError, match="Too many levels"):
        make_file(folder / "messaging.db")
    assert (tmp_path / "root").stat().st_uid == os.geteuid()
