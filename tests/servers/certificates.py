"""A certificate authority that exists for one run of the tests."""

import functools
import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme


class Authority:
    """Signs certificates for servers of the tests; who trusts `file` trusts them."""

    def __init__(self) -> None:
        self._authority = trustme.CA()
        self._folder = tempfile.TemporaryDirectory(prefix="authority-")
        #: PEM; a process trusts it by SSL_CERT_FILE.
        self.file = Path(self._folder.name) / "ca.pem"
        self._authority.cert_pem.write_to_path(str(self.file))

    def server_context(self, *names: str, expired: bool = False) -> ssl.SSLContext:
        """What a server needs to be one of `names`: 127.0.0.1 and localhost if none is given."""
        ends = datetime.now(UTC) - timedelta(days=1) if expired else None
        certificate = self._authority.issue_cert(*(names or ("127.0.0.1", "localhost")), not_after=ends)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        return context


@functools.cache
def authority() -> Authority:
    """The one of this run: making keys takes a while."""
    return Authority()
