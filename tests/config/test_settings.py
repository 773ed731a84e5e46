"""The table of settings: what is read, from where, and what stops a start."""

from dataclasses import FrozenInstanceError
from ipaddress import ip_network
from pathlib import Path

import pytest

from config.broker_url import BrokerUrl
from config.environment import environment
from config.errors import SettingError
from config.relay import Maildir, SmtpRelay
from config.secret import Secret
from config.settings import TABLE, Settings
from config.values import Endpoint, Rate

#: For each setting a value that cannot be used.
BAD = {
    "LISTEN": "8080",
    "INTERNAL_LISTEN": "localhost",
    "DATABASE_URL": "mysql://db/hunter2",
    "BROKER_URL": "kafka://me:hunter2@host",
    "SMTP_URL": "smtp://me:hunter2@host/path",
    "EMAIL_USERNAME": "caf\udce9",
    "EMAIL_PASSWORD": "café hunter2",
    "MAIL_FROM": "nobody",
    "TALKTOME_LOG": "a\0b",
    "TALKTOME_LOG_MAX_BYTES": "1023",
    "TALKTOME_LOG_BACKUPS": "0",
    "GREETING_SUBJECT": "two\nlines",
    "GREETING_TEXT": "caf\udce9",
    "RETRY_SCHEDULE": "1m,soon",
    "LEASE": "0s",
    "HOLD_PROBE": "1 minute",
    "POISON_LIMIT": "2",
    "RETENTION": "never",
    "REPEAT_WINDOW": "10",
    "OPEN_SENDMAIL": "yes",
    "OPEN_PER_RECIPIENT": "3",
    "OPEN_PER_CLIENT": "0/h",
    "OPEN_TOTAL": "many",
    "ALLOWED_RECIPIENTS": "example.com",
    "ALIASES": "root",
    "TRUSTED_PROXIES": "11",
    "PROXY_ADDRESSES": "nginx",
    "MAX_BODY_BYTES": "1kB",
    "LOG_FORMAT": "xml",
    "LOG_LEVEL": "loud",
    "WEB_THREADS": "0",
    "WORKER_THREADS": "513",
}

SECRETS = {"DATABASE_URL", "BROKER_URL", "SMTP_URL", "EMAIL_PASSWORD"}


def test_every_setting_has_a_default() -> None:
    settings = Settings.load({})
    assert settings.listen == Endpoint("127.0.0.1", 8080)
    assert settings.internal_listen == Endpoint("127.0.0.1", 8501)
    assert settings.database_url == Secret("sqlite:///var/messaging.db")
    assert settings.broker_url == BrokerUrl()
    assert settings.relay == Maildir(Path("var/mailbox"))
    assert settings.mail_from == "messaging@localhost"
    assert settings.talktome_log == Path("/var/log/messaging_system.log")
    assert (settings.talktome_log_max_bytes, settings.talktome_log_backups) == (10 * 1024 * 1024, 5)
    assert settings.retry_schedule_s == (60, 300, 900, 1800, 3600, 7200, 14400, 28800, 57600)
    assert (settings.lease_s, settings.hold_probe_s, settings.repeat_window_s) == (120, 60, 10)
    assert (settings.poison_limit, settings.retention_s) == (5, 30 * 86400)
    assert settings.open_sendmail is True
    assert settings.open_per_recipient == Rate(3, 3600)
    assert settings.open_per_client == Rate(20, 3600)
    assert settings.open_total == Rate(200, 3600)
    assert settings.allowed_recipients == ()
    assert settings.aliases == ()
    assert settings.trusted_proxies == 1
    assert settings.proxy_addresses == (ip_network("127.0.0.0/8"), ip_network("::1"))
    assert settings.max_body_bytes == 262144
    assert (settings.log_format, settings.log_level) == ("text", "info")
    assert (settings.web_threads, settings.worker_threads) == (32, 8)
    assert settings.given == frozenset()


def test_each_row_of_the_table_has_its_own_name_and_a_line_about_it() -> None:
    names = [setting.name for setting in TABLE.values()]
    assert len(set(names)) == len(names)
    assert all(setting.about and "\n" not in setting.about and "|" not in setting.about for setting in TABLE.values())


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Settings.load({}).log_level = "debug"  # type: ignore[misc]


def test_there_is_a_bad_value_here_for_every_setting() -> None:
    assert set(BAD) == {setting.name for setting in TABLE.values()}


@pytest.mark.parametrize(("name", "value"), BAD.items())
def test_a_bad_value_is_named_in_one_line_with_what_is_allowed(name: str, value: str) -> None:
    with pytest.raises(SettingError) as caught:
        Settings.load({name: value})
    line = str(caught.value)
    assert line.isprintable()
    assert caught.value.name == name
    assert line.startswith(f"{name}: ")
    assert line.endswith(f" cannot be used; allowed: {caught.value.allowed}")
    shown = "the value" if name in SECRETS else f'"{value}"'.encode("unicode_escape").decode()
    assert line.startswith(f"{name}: {shown} ")
    assert caught.value.allowed


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_bad_value_that_may_hold_a_secret_is_shown_nowhere(name: str) -> None:
    with pytest.raises(SettingError) as caught:
        Settings.load({name: BAD[name]})
    error: BaseException | None = caught.value
    assert error is not None
    assert "hunter2" not in f"{error!r} {error} {vars(error)}"
    assert error.__cause__ is None
    assert error.__suppress_context__


@pytest.mark.parametrize("name", [setting.name for setting in TABLE.values()])
def test_an_empty_variable_counts_as_not_set(name: str) -> None:
    assert Settings.load({name: ""}) == Settings.load({})


def test_what_the_environment_set_itself_can_be_told_from_a_default() -> None:
    settings = Settings.load({"LISTEN": "127.0.0.1:8080", "LOG_LEVEL": "", "HOME": "/"})
    assert settings.given == {"LISTEN"}


def test_secrets_are_not_shown_with_the_settings() -> None:
    settings = Settings.load(
        {
            "DATABASE_URL": "sqlite:///hunter1.db",
            "BROKER_URL": "amqp://me:hunter2@host",
            "SMTP_URL": "smtp://me:hunter3@host",
            "EMAIL_USERNAME": "me",
            "EMAIL_PASSWORD": "hunter4",
        }
    )
    assert "hunter" not in f"{settings!r} {settings} {settings.relay} {settings.broker_url} {settings.database_url}"


@pytest.mark.parametrize(
    "value",
    [
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///a.db?mode=ro",
        "postgresql://host/db",
        "var/messaging.db",
    ],
)
def test_the_outbox_is_kept_in_a_file(value: str) -> None:
    assert Settings.load({"DATABASE_URL": "sqlite:////srv/a.db"}).database_url.reveal() == "sqlite:////srv/a.db"
    with pytest.raises(SettingError, match="sqlite:///PATH"):
        Settings.load({"DATABASE_URL": value})


@pytest.mark.parametrize("folder", ["/", "/tmp", "."])
def test_a_folder_is_no_place_for_the_outbox(folder: str) -> None:
    with pytest.raises(SettingError) as caught:
        Settings.load({"DATABASE_URL": f"sqlite:///{folder}"})
    assert str(caught.value) == f'DATABASE_URL: "{folder}" is a folder; allowed: sqlite:///PATH of a file in one'


@pytest.mark.parametrize("address", ["127.0.0.1:8080", "[::1]:80"])
def test_the_two_sides_listen_apart(address: str) -> None:
    with pytest.raises(SettingError) as caught:
        Settings.load({"LISTEN": address, "INTERNAL_LISTEN": address})
    assert str(caught.value) == (
        f'INTERNAL_LISTEN: "{address}" is LISTEN already; allowed: another address, or another port of it'
    )
    assert Settings.load({"LISTEN": "[::1]:0", "INTERNAL_LISTEN": "[::1]:0"})


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("  pass word\n")
    settings = Settings.load({"EMAIL_USERNAME": "me", "EMAIL_PASSWORD_FILE": str(file), "EMAIL_PASSWORD": ""})
    assert settings.email_password == Secret("pass word")
    assert settings.given == {"EMAIL_USERNAME", "EMAIL_PASSWORD"}


@pytest.mark.parametrize("content", ["", "\n", " \n\n"])
@pytest.mark.parametrize("name", sorted(SECRETS))
def test_an_empty_file_is_not_the_default(tmp_path: Path, name: str, content: str) -> None:
    file = tmp_path / "secret"
    file.write_text(content)
    with pytest.raises(SettingError) as caught:
        Settings.load({f"{name}_FILE": str(file)})
    assert str(caught.value) == f'{name}_FILE: "{file}" is empty; allowed: a file with {name} in it'


def test_only_secrets_have_a_file(tmp_path: Path) -> None:
    file = tmp_path / "listen"
    file.write_text("127.0.0.1:1")
    assert {setting.name for setting in TABLE.values() if setting.secret} == SECRETS
    assert Settings.load({"LISTEN_FILE": str(file)}) == Settings.load({})


def test_a_secret_that_is_set_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("hunter2")
    with pytest.raises(SettingError) as caught:
        Settings.load({"EMAIL_PASSWORD": "hunter3", "EMAIL_PASSWORD_FILE": str(file)})
    assert str(caught.value) == "EMAIL_PASSWORD: set twice, here and as EMAIL_PASSWORD_FILE; allowed: one of the two"


@pytest.mark.parametrize(
    ("file", "reason"), [("missing", "No such file or directory"), (".", "Is a directory"), ("bytes", "not UTF-8")]
)
def test_a_file_that_cannot_be_read_is_named_with_the_reason(tmp_path: Path, file: str, reason: str) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    path = tmp_path / file
    with pytest.raises(SettingError) as caught:
        Settings.load({"SMTP_URL_FILE": str(path)})
    assert str(caught.value) == f'SMTP_URL_FILE: "{path}" cannot be read ({reason}); allowed: a readable text file'


def test_a_bad_value_in_a_file_is_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("smtp://me:hunter2@host/path")
    with pytest.raises(SettingError, match=r"^SMTP_URL: the value cannot be used; allowed: ") as caught:
        Settings.load({"SMTP_URL_FILE": str(file)})
    assert "hunter2" not in str(caught.value)


def test_the_login_fills_in_what_the_relay_s_url_lacks() -> None:
    login = {"EMAIL_USERNAME": "me@example.com", "EMAIL_PASSWORD": "abcd efgh"}
    relay = Settings.load({"SMTP_URL": "smtp://host", **login}).relay
    assert relay == SmtpRelay("host", 587, "starttls", "me@example.com", Secret("abcd efgh"))
    assert Settings.load({"SMTP_URL": "smtp://you:pw@host", **login}).relay == SmtpRelay(
        "host", 587, "starttls", "you", Secret("pw")
    )
    assert Settings.load(login).relay == Maildir(Path("var/mailbox"))


@pytest.mark.parametrize(
    ("environ", "missing"),
    [({"EMAIL_USERNAME": "me"}, "EMAIL_PASSWORD"), ({"EMAIL_PASSWORD": "hunter2"}, "EMAIL_USERNAME")],
)
def test_half_a_login_is_refused(environ: dict[str, str], missing: str) -> None:
    with pytest.raises(SettingError) as caught:
        Settings.load(environ)
    assert str(caught.value) == f"{missing}: not set; allowed: EMAIL_USERNAME and EMAIL_PASSWORD together, or neither"


def test_a_password_is_nowhere_shown_whichever_way_it_is_given(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("hunter2 wörd\n")
    with pytest.raises(SettingError) as caught:
        Settings.load({"EMAIL_USERNAME": "me", "EMAIL_PASSWORD_FILE": str(file)})
    assert str(caught.value) == "EMAIL_PASSWORD: the value cannot be used; allowed: printable ASCII characters"


@pytest.mark.parametrize(("value", "limit"), [("3", 3), ("1000", 1000)])
def test_the_poison_limit_is_above_the_two_deaths_that_may_be_a_neighbour_s(value: str, limit: int) -> None:
    assert Settings.load({"POISON_LIMIT": value}).poison_limit == limit


@pytest.mark.parametrize("value", ["2", "1001", "off"])
def test_another_poison_limit_is_refused(value: str) -> None:
    with pytest.raises(SettingError, match=r"^POISON_LIMIT: .* allowed: a whole number from 3 to 1000$"):
        Settings.load({"POISON_LIMIT": value})


@pytest.mark.parametrize("value", ["off", "OFF"])
def test_finished_mails_can_be_kept_for_ever(value: str) -> None:
    assert Settings.load({"RETENTION": value}).retention_s is None
    assert Settings.load({"RETENTION": "7d"}).retention_s == 7 * 86400


def test_the_file_fills_in_what_the_environment_lacks_and_overrides_nothing(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "# a comment\nLISTEN=127.0.0.1:1\nexport LOG_LEVEL=debug\nGREETING_SUBJECT='Hello, you'\nWEB_THREADS=\n"
    )
    environ = {"LISTEN": "127.0.0.1:2"}
    merged = environment(environ, tmp_path)
    assert merged == {"LISTEN": "127.0.0.1:2", "LOG_LEVEL": "debug", "GREETING_SUBJECT": "Hello, you"}
    assert environ == {"LISTEN": "127.0.0.1:2"}
    assert Settings.load(merged).given == {"LISTEN", "LOG_LEVEL", "GREETING_SUBJECT"}


def test_an_empty_variable_of_the_environment_lets_the_file_speak(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("WEB_THREADS=4\n")
    assert Settings.load(environment({"WEB_THREADS": ""}, tmp_path)).web_threads == 4


def test_a_dollar_in_the_file_is_a_dollar(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("EMAIL_USERNAME=me\nEMAIL_PASSWORD='a${HOME}b$c'\n")
    assert Settings.load(environment({}, tmp_path)).email_password.reveal() == "a${HOME}b$c"


def test_there_may_be_no_such_file(tmp_path: Path) -> None:
    assert environment({"LISTEN": "x"}, tmp_path) == {"LISTEN": "x"}


def test_a_file_that_is_not_text_stops_the_start_in_one_line(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"LISTEN=\xff\n")
    with pytest.raises(SettingError) as caught:
        environment({}, tmp_path)
    assert str(caught.value) == f'.env: "{tmp_path}/.env" cannot be read (not UTF-8); allowed: a readable text file'


@pytest.mark.parametrize("name", ["EDGE_LISTEN", "TUNNEL_ADDRESS", "NGROK_AUTHTOKEN", "NGROK_URL"])
def test_what_others_read_tells_of_something_in_front(name: str) -> None:
    assert not Settings.load({}).in_front
    assert not Settings.load({name: ""}).in_front
    assert Settings.load({name: "something"}).in_front


def test_an_address_with_a_space_in_it_would_open_or_close_what_nobody_meant() -> None:
    with pytest.raises(SettingError, match=r"^ALLOWED_RECIPIENTS: "):
        Settings.load({"ALLOWED_RECIPIENTS": "@example.com @example.org"})


@pytest.mark.parametrize("url", ["maildir:{file}", "maildir:{file}/mailbox", "maildir:{file}/a/b"])
def test_a_maildir_that_is_a_file_or_below_one_is_refused(tmp_path: Path, url: str) -> None:
    file = tmp_path / "README.md"
    file.touch()
    with pytest.raises(
        SettingError, match=r"^SMTP_URL: \"[^\"]*README\.md\" is a file; allowed: maildir: and a folder"
    ):
        Settings.load({"SMTP_URL": url.format(file=file)})


@pytest.mark.parametrize("name", ["not/there/yet", "", "x" * 300])
def test_a_maildir_may_be_a_folder_that_is_there_or_not(tmp_path: Path, name: str) -> None:
    assert Settings.load({"SMTP_URL": f"maildir:{tmp_path / name}"}).relay == Maildir(tmp_path / name)


def test_an_address_in_a_bad_value_is_masked_as_in_a_log() -> None:
    for name, value in {
        "MAIL_FROM": "Michael <michael@example.com>",
        "ALLOWED_RECIPIENTS": "michael@example.com, mi chael@example.com",
        "OPEN_TOTAL": "michael@example.com",
    }.items():
        with pytest.raises(SettingError, match=r"m\*\*\*@example\.com") as caught:
            Settings.load({name: value})
        assert "michael@" not in str(caught.value)
        assert name in str(caught.value)
