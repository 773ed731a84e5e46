"""README.md, `.env.example` and compose.yaml say of the settings what the table of settings says."""

import re
from io import StringIO
from pathlib import Path

import pytest
from dotenv import dotenv_values

from config.settings import TABLE, Setting, Settings

_ROOT = Path(__file__).parents[2]
_README = (_ROOT / "README.md").read_text()
_EXAMPLE = (_ROOT / ".env.example").read_text()
_COMPOSE = (_ROOT / "compose.yaml").read_text()

#: A setting of `.env.example`: the line about it, its name, its default.
_ENTRY = re.compile(r"^# (.+)\n#([A-Z_]+)=(.*)$", re.MULTILINE)

#: Settings whose row in the README leaves out what somebody who edits the file wants to see.
_LONGER_IN_THE_EXAMPLE = {"ALLOWED_RECIPIENTS", "BROKER_URL", "DATABASE_URL", "LOG_FORMAT", "LOG_LEVEL", "SMTP_URL"}


@pytest.mark.parametrize("setting", TABLE.values(), ids=lambda setting: setting.name)
def test_the_readme_has_the_row_of_a_setting(setting: Setting) -> None:
    default = f" `{setting.default}`" if setting.default else ""
    assert f"\n| `{setting.name}` |{default} | {setting.about} |\n" in _README


def test_the_readme_has_the_settings_in_the_table_s_order_and_no_others() -> None:
    section = _README.partition("\n## Settings\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `([A-Z_]+)` \|", section, re.MULTILINE) == [setting.name for setting in TABLE.values()]


def test_the_example_has_every_setting_once_and_what_the_edge_and_compose_need() -> None:
    names = [name for _, name, _ in _ENTRY.findall(_EXAMPLE)]
    ours = [setting.name for setting in TABLE.values()]
    for_compose = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", _COMPOSE)) - set(ours)
    assert sorted(names) == sorted([*ours, *for_compose, "EDGE_LISTEN"])


def test_every_setting_of_the_example_is_commented_out_below_a_line_about_it() -> None:
    assert dotenv_values(stream=StringIO(_EXAMPLE)) == {}
    assert len(_ENTRY.findall(_EXAMPLE)) == len(re.findall(r"^#[A-Z_]+=", _EXAMPLE, re.MULTILINE))


def test_the_example_uncommented_is_what_the_service_does_without_it() -> None:
    uncommented = dotenv_values(stream=StringIO(re.sub(r"^#(?=[A-Z_]+=)", "", _EXAMPLE, flags=re.MULTILINE)))
    environ = {name: value for name, value in uncommented.items() if value}
    for setting in TABLE.values():
        assert environ.get(setting.name, "") == setting.default
    assert Settings.load(environ).given == {setting.name for setting in TABLE.values() if setting.default}


@pytest.mark.parametrize("setting", TABLE.values(), ids=lambda setting: setting.name)
def test_the_line_of_the_example_says_what_the_table_says(setting: Setting) -> None:
    about = next(about for about, name, _ in _ENTRY.findall(_EXAMPLE) if name == setting.name)
    same = about.casefold() == setting.about.replace("`", "").casefold()
    assert same is (setting.name not in _LONGER_IN_THE_EXAMPLE)
