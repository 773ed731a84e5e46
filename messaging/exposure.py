"""Whether strangers can reach the service, as far as its settings tell, and what they may do then."""

from ipaddress import ip_address

from config.settings import Settings


def warning(settings: Settings) -> str:
    """What strangers can do and which setting ends it, in one line; empty if they cannot reach us or may do nothing."""
    if settings.open_sendmail and (settings.in_front or not _is_loopback(settings.listen.host)):
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
            f"Whoever reaches this service may have the greeting sent to {whom} without a key, "
            f"{', '.join(limits) or 'as often as they like'}; OPEN_SENDMAIL=false ends that."
        )
    return ""


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
