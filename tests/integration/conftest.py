"""Real servers for these tests."""

from tests.servers.fixtures import broker_url, nginx, rabbitmq, rabbitmq_node, smtp_server, smtp_sink, web_address

__all__ = ["broker_url", "nginx", "rabbitmq", "rabbitmq_node", "smtp_server", "smtp_sink", "web_address"]
