"""What all tests share: how hypothesis looks for examples, and that nothing secret is written down."""

import os

from hypothesis import settings

pytest_plugins = ["tests.leaks.plugin"]

# Machines that run the tests may be slow, so no example has a time limit; CI tries the same examples every time.
settings.register_profile("people", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "people")
