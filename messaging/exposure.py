"""Whether strangers can reach the service, as far as its settings tell, and what they may do then."""

from ipaddress import ip_address

from config.settings import Settings


def warning(settings: Settings) -> str:
    """What strangers can do and which setting ends it, in one line; empty if they cannot reach us or may do nothing."""
    if settings.open_sendmail and (settings.in_front or not _is_loopback(settings.listen.host)):
        return f"Whoever reaches this service {_may(settings)}"
    return ""


def words_at_start(settings: Settings) -> str:
    """The warning, or what becomes of it with a tunnel that nobody tells us of; empty if strangers may do nothing.

    An agent that somebody starts by hand connects from this machine, and may do so at any time.
    """
    if not settings.open_sendmail:
        return ""
    return warning(settings) or (
        "As far as the settings tell, only this machine reaches this service. "
        f"Through a tunnel to it (ngrok http {settings.listen.port}) everybody does, and {_may(settings)}"
    )


def _may(settings: Settings) -> str:
    whom = "the addresses of ALLOWED_RECIPIENTS" if settings.allowed_recipients else "any address"
    limits = [
        f"{rate} {each}"
        for rate, each in (
            (settings.open_per_recipient, "to each"),
            (settings.open_per_client, "from each client"),
            (settings.open_total, "in all"),
        )
        if rate
    ]
    return (
        f"may have the greeting sent to {whom} without a key, {', '.join(limits) or 'as often as they like'}; "
        "OPEN_SENDMAIL=false ends that."
    )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
