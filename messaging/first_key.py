"""The first key: made where there is none yet, and shown in a link to the page that has it already."""

from config.values import Endpoint
from messaging.keys import KeyExistsError, Keys


def show_first_key(keys: Keys, endpoint: Endpoint) -> None:
    """Make a key if there is none, and print it, past every log; nobody can ask for it again.

    To be called by who listens already: a link of another program's would give the key away.

    Args:
        keys: the service's.
        endpoint: where its public side listens.

    Raises:
        OutboxUnavailableError: if the database is away.
    """
    if keys.list():
        return
    try:
        key = keys.add("first")
    except KeyExistsError:  # another process was faster
        return
    # Behind the `#`, where neither a server nor its log sees it.
    url = f"http://{endpoint.reachable}/#key={key}"
    print(f"Open this in a browser; the key in it is shown only now:\n  {url}", flush=True)
