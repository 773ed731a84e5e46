"""Waitress with an application that does nothing: the ceiling of every web side built on it.

`python -m benchmarks.peers.empty ADDRESS`.
"""

import sys
from collections.abc import Callable, Iterable
from typing import Any

import waitress

_BODY = b"ok\n"
_HEADERS = [("Content-Type", "text/plain"), ("Content-Length", str(len(_BODY)))]


def application(_environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("202 Accepted", _HEADERS)
    return [_BODY]


if __name__ == "__main__":
    waitress.serve(application, listen=sys.argv[1], threads=32)
