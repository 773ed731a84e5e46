"""Every setting of the service: its name, default, parser and meaning, in one table."""

import os
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from config import values
from config.broker_url import BrokerUrl, parse_broker_url
from config.environment import text_of
from config.errors import SettingError
from config.masking import masked
from config.relay import Maildir, Relay, parse_relay
from config.secret import Secret

T = TypeVar("T")

#: What `make stack`, compose and an ngrok agent are told; a service that nobody else is to find needs none of it.
_IN_FRONT: Final = ("EDGE_LISTEN", "TUNNEL_ADDRESS", "NGROK_AUTHTOKEN", "NGROK_URL")

_SQLITE: Final = "sqlite:///"

MIB: Final = 1024 * 1024


@dataclass(frozen=True)
class Setting:
    """One row of the table."""

    #: The environment variable.
    name: str
    #: Turns the variable's text into the field's value; raises `ValueError` saying what is allowed.
    parse: Callable[[str], Any]
    #: As it would be written in `.env`.
    default: str
    about: str
    #: Whether the value may hold a password: never shown, and `NAME_FILE` may hold it instead.
    secret: bool = False


def _row(
    name: str, parse: Callable[[str], T], default: str, about: str, *, secret: bool = False, shown: bool = True
) -> T:
    """Make a field; `shown` is whether it is in the `repr` of all settings, where nobody's address belongs."""
    return cast("T", field(metadata={"setting": Setting(name, parse, default, about, secret)}, repr=shown))


def _database_url(value: str) -> Secret:
    if not value.startswith(_SQLITE) or value == _SQLITE or ":memory:" in value or "?" in value:
        raise ValueError("sqlite:///PATH, or sqlite:////PATH from the root")
    return Secret(value)


@dataclass(frozen=True)
class Settings:
    """What the environment decides, read once at the start of a process."""

    listen: values.Endpoint = _row("LISTEN", values.endpoint, "127.0.0.1:8080", "the public side")
    internal_listen: values.Endpoint = _row(
        "INTERNAL_LISTEN", values.endpoint, "127.0.0.1:8501", "health and metrics; never proxied"
    )
    database_url: Secret = _row(
        "DATABASE_URL",
        _database_url,
        "sqlite:///var/messaging.db",
        "where the outbox is kept",
        secret=True,
    )
    broker_url: BrokerUrl = _row(
        "BROKER_URL",
        parse_broker_url,
        "memory://",
        "`memory://`: workers inside the web process; or `amqp://…`, several separated by `;`",
        secret=True,
    )
    relay: Relay = _row(
        "SMTP_URL",
        parse_relay,
        "maildir:var/mailbox",
        "`smtp://[user:pass@]host[:587]` (STARTTLS required unless `?tls=none`) or `smtps://[user:pass@]host[:465]`",
        secret=True,
    )
    email_username: str = _row(
        "EMAIL_USERNAME", values.ascii_text, "", "the login, where `SMTP_URL` has none", shown=False
    )
    email_password: Secret = _row(
        "EMAIL_PASSWORD", values.password, "", "its password, such as an app password", secret=True
    )
    mail_from: str = _row("MAIL_FROM", values.sender, "messaging@localhost", "the only sender", shown=False)
    talktome_log: Path = _row(
        "TALKTOME_LOG",
        values.path,
        "/var/log/messaging_system.log",
        "not set and not writable: `var/messaging_system.log`; set and not writable: no start",
    )
    talktome_log_max_bytes: int = _row(
        "TALKTOME_LOG_MAX_BYTES", values.integer(1024, 2**40), str(10 * MIB), "a larger talktome log is rotated"
    )
    talktome_log_backups: int = _row(
        "TALKTOME_LOG_BACKUPS", values.integer(1, 1000), "5", "how many rotated talktome logs are kept"
    )
    greeting_subject: str = _row(
        "GREETING_SUBJECT", values.line, "Hello from Messaging", "what a keyless `?sendmail` sends: its subject"
    )
    greeting_text: str = _row(
        "GREETING_TEXT",
        values.text,
        "This mail was asked for with one request to Messaging.",
        "what a keyless `?sendmail` sends: its text",
    )
    retry_schedule_s: tuple[float, ...] = _row(
        "RETRY_SCHEDULE",
        values.durations,
        "1m,5m,15m,30m,1h,2h,4h,8h,16h",
        "waits between attempts, ±20 % jitter; then `failed`",
    )
    lease_s: float = _row(
        "LEASE", values.positive_duration, "2m", "after this long without a sign of life a worker is taken for dead"
    )
    hold_probe_s: float = _row(
        "HOLD_PROBE", values.positive_duration, "1m", "wait between tries of a relay that is away or refuses us"
    )
    poison_limit: int = _row(
        "POISON_LIMIT", values.integer(3, 1000), "5", "a mail has `failed` when so many workers died sending it"
    )
    retention_s: float | None = _row(
        "RETENTION", values.optional_duration, "30d", "finished mails are kept for this long; `off` keeps them"
    )
    repeat_window_s: float = _row(
        "REPEAT_WINDOW", values.duration, "10s", "an identical GET in it is answered with the first mail's id"
    )
    open_sendmail: bool = _row(
        "OPEN_SENDMAIL", values.boolean, "true", "keyless `?sendmail` allowed (greeting only, limited)"
    )
    open_per_recipient: values.Rate | None = _row(
        "OPEN_PER_RECIPIENT", values.rate, "3/h", "limit of keyless use for each recipient; `off` lifts it"
    )
    open_per_client: values.Rate | None = _row(
        "OPEN_PER_CLIENT", values.rate, "20/h", "limit of keyless use for each client; `off` lifts it"
    )
    open_total: values.Rate | None = _row(
        "OPEN_TOTAL", values.rate, "200/h", "limit of keyless use in all; `off` lifts it"
    )
    allowed_recipients: tuple[str, ...] = _row(
        "ALLOWED_RECIPIENTS", values.recipients, "", "comma-separated addresses and `@domains`; empty: all", shown=False
    )
    aliases: tuple[tuple[str, str], ...] = _row(
        "ALIASES",
        values.aliases,
        "",
        "whose mail to local names is, for `sendmail`: `root=me@example.com,*=you@example.com`",
        shown=False,
    )
    trusted_proxies: int = _row(
        "TRUSTED_PROXIES", values.integer(0, 10), "1", "how many hops of X-Forwarded-For are ours"
    )
    proxy_addresses: tuple[IPv4Network | IPv6Network, ...] = _row(
        "PROXY_ADDRESSES",
        values.networks,
        "127.0.0.0/8,::1",
        "where our proxies connect from; X-Forwarded-For of others is not read",
    )
    max_body_bytes: int = _row(
        "MAX_BODY_BYTES", values.integer(1024, 64 * MIB), "262144", "a larger request body is refused with 413"
    )
    log_format: str = _row("LOG_FORMAT", values.choice("text", "json"), "text", "`json` for machines")
    log_level: str = _row(
        "LOG_LEVEL", values.choice("debug", "info", "warning", "error"), "info", "the least that is logged"
    )
    web_threads: int = _row("WEB_THREADS", values.integer(1, 512), "32", "requests answered at the same time")
    worker_threads: int = _row(
        "WORKER_THREADS", values.integer(1, 512), "8", "mails sent at the same time by the embedded worker"
    )
    #: The names that the environment set itself, as opposed to defaults.
    given: frozenset[str] = frozenset()
    #: Whether the environment tells of an edge or a tunnel in front of us, that others read it for.
    in_front: bool = False

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> "Settings":
        """Read every setting from `environ`; an empty variable counts as not set.

        Raises:
            SettingError: for the first value that cannot be used.
        """
        read: dict[str, Any] = {}
        given: set[str] = set()
        for field_name, setting in TABLE.items():
            text = text_of(setting.name, environ) if setting.secret else environ.get(setting.name, "")
            if text:
                given.add(setting.name)
            read[field_name] = _parsed(setting, text or setting.default)
        in_front = any(environ.get(name) for name in _IN_FRONT)
        if "SMTP_URL" in given:
            _check_maildir(read["relay"])
        _check_database(read["database_url"])
        _check_apart(read["listen"], read["internal_listen"])
        return _with_login(cls(**read, given=frozenset(given), in_front=in_front))


#: Field name to row, in the order of the documents.
TABLE: Final[Mapping[str, Setting]] = {f.name: f.metadata["setting"] for f in fields(Settings) if f.default is MISSING}


def _parsed(setting: Setting, text: str) -> Any:
    try:
        return setting.parse(text)
    except ValueError as error:
        # What is said at the start ends in the same places as the logs.
        shown = "the value" if setting.secret else f'"{masked(text)}"'
        raise SettingError(setting.name, f"{shown} cannot be used", str(error)) from None


def _check_maildir(relay: Relay) -> None:
    """Refuse what can never be a Maildir; whether one can be written, the doctor and each mail find out."""
    if not isinstance(relay, Maildir):
        return
    for place in (relay.path, *relay.path.parents):
        # (These two never raise.)
        if os.path.exists(place) and not os.path.isdir(place):  # noqa: PTH110, PTH112
            raise SettingError(
                "SMTP_URL", f'"{masked(str(place))}" is a file', "maildir: and a folder, which may not be there yet"
            )


def _check_database(url: Secret) -> None:
    path = url.reveal().removeprefix(_SQLITE)
    if os.path.isdir(path):  # noqa: PTH112 - never raises
        raise SettingError("DATABASE_URL", f'"{masked(path)}" is a folder', "sqlite:///PATH of a file in one")


def _check_apart(listen: values.Endpoint, internal_listen: values.Endpoint) -> None:
    if listen == internal_listen and listen.port:
        problem = f'"{internal_listen}" is LISTEN already'
        raise SettingError("INTERNAL_LISTEN", problem, "another address, or another port of it")


def _with_login(settings: Settings) -> Settings:
    """Fill the login of `EMAIL_USERNAME` and `EMAIL_PASSWORD` into a relay whose URL has none."""
    if bool(settings.email_username) != bool(settings.email_password):
        missing = "EMAIL_PASSWORD" if settings.email_username else "EMAIL_USERNAME"
        raise SettingError(missing, "not set", "EMAIL_USERNAME and EMAIL_PASSWORD together, or neither")
    where = settings.relay
    if isinstance(where, Maildir) or where.username or not settings.email_username:
        return settings
    login = replace(where, username=settings.email_username, password=settings.email_password)
    return replace(settings, relay=login)
