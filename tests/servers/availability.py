"""What a test does where a server is not on the machine."""

import os

import pytest

from stack.packages import missing


def require(*names: str) -> None:
    """Go on if all of `names`, of stack.packages, are here; else a skip for a person and an error in CI."""
    lacking = missing(names)
    if not lacking:
        return
    reason = f"not on this machine: {', '.join(lacking)} (python -m stack.packages {' '.join(lacking)})"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
