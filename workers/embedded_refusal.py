"""Why no worker of its own starts beside the embedded broker."""

from config.broker_url import BrokerUrl
from config.errors import SettingError
from config.start import USED_WRONGLY, exit_with


def refuse_embedded(url: BrokerUrl) -> None:
    """End this process, with one line, if its broker is inside another one."""
    if url.embedded:
        problem = "memory:// has its workers inside the web process"
        exit_with(SettingError("BROKER_URL", problem, "amqp://… for workers of their own"), USED_WRONGLY)
