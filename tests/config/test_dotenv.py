"""A `.env` that cannot be understood stops the start: what it passed over might have closed something."""

from pathlib import Path

import pytest

from config.environment import environment
from config.errors import SettingError


@pytest.mark.parametrize(
    "line", ["OPEN_SENDMAIL false", "OPEN_SENDMAIL", "export OPEN_SENDMAIL # false", "= x", "'A=1", "A='1"]
)
def test_a_line_that_is_no_setting_stops_the_start_and_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / ".env").write_text(f"# a comment\nLISTEN=127.0.0.1:1\n\n{line}\n")
    with pytest.raises(SettingError) as caught:
        environment({}, tmp_path)
    assert str(caught.value).startswith(".env: line 4 cannot be understood; allowed: ")


def test_a_name_with_nothing_behind_its_sign_is_as_good_as_not_there(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("LISTEN=\nWEB_THREADS=3\n")
    assert environment({}, tmp_path) == {"WEB_THREADS": "3"}


@pytest.mark.parametrize("value", ["pa$word", "${HOME}", "$$", "a # b", 'a"b', "$(id)"])
def test_a_value_in_single_quotes_is_what_it_says_for_us_as_for_compose(tmp_path: Path, value: str) -> None:
    # Compose's rules: "Single-quoted (') values are used literally"; in all others it replaces what follows a dollar.
    (tmp_path / ".env").write_text(f"EMAIL_PASSWORD='{value}'\n")
    assert environment({}, tmp_path) == {"EMAIL_PASSWORD": value}
