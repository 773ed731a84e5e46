"""The sender's domain: that its DNS says who may send for it (SPF, RFC 7208)."""

from ipaddress import ip_address
from typing import Final

import dns.exception
import dns.resolver

from messaging.doctor.finding import TroubleError

#: How long DNS may take, in seconds.
_WITHIN_S: Final = 5.0

#: RFC 2606 and RFC 6761: nobody looks these up.
_PRIVATE: Final = ("localhost", "test", "example", "invalid", "local", "internal", "lan")


def check_sender(mail_from: str, resolver: dns.resolver.Resolver | None = None, within_s: float = _WITHIN_S) -> str:
    """Look for the SPF record.

    Args:
        mail_from: the only sender.
        resolver: asks DNS; as this machine does if not given.
        within_s: how long that may take.

    Raises:
        TroubleError: if the domain says nothing, or contradicts itself: then many receivers take its mail for spam.
    """
    domain = mail_from.rpartition("@")[2]
    if "." not in domain or domain.rpartition(".")[2] in _PRIVATE or _is_address(domain):
        return f"{mail_from}, whose domain is in no public DNS"
    try:
        found = (resolver or dns.resolver.Resolver()).resolve(domain, "TXT", lifetime=within_s)
        texts = [b"".join(each.strings).decode("ascii", "replace") for each in found]
    except (dns.resolver.NoAnswer, dns.resolver.NXDOMAIN):
        texts = []
    except (dns.exception.DNSException, OSError) as error:
        return f"{mail_from}; DNS does not tell who may send for it ({type(error).__name__})"
    # RFC 7208, section 4.5: the version, alone or before a space.
    records = [each for each in texts if each.lower() == "v=spf1" or each.lower().startswith("v=spf1 ")]
    if not records:
        raise TroubleError(
            f"{domain} does not say in DNS who may send for it",
            f'Add a TXT record to {domain} that names your relay, such as "v=spf1 include:RELAY ~all"',
        )
    if len(records) > 1:
        raise TroubleError(f"{domain} has {len(records)} SPF records", f"Leave one TXT record of {domain} with v=spf1")
    return f"{mail_from}, {domain} says {records[0]}"


def _is_address(domain: str) -> bool:
    try:
        ip_address(domain.strip("[]"))
    except ValueError:
        return False
    return True
