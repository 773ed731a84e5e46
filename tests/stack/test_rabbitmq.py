"""The private node, for real: its life, its data, and that nothing of it stays."""

import http.client
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pika
import pytest
from pika.exceptions import AMQPError

from stack import amqp
from stack.errors import ServerError
from stack.family import Member, descendants, is_alive, member_of
from stack.ports import free_port
from stack.rabbitmq import RabbitMQ
from stack.rabbitmq_files import NODE
from tests.fixtures.waiting import until
from tests.servers.availability import require
from tests.servers.processes import Program

QUEUE = "letters"


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    require("rabbitmq")
    with RabbitMQ(tmp_path_factory.mktemp("node")) as node:
        yield node


@pytest.fixture
def node(started: RabbitMQ) -> RabbitMQ:
    started.start()
    return started


def put(url: str, body: bytes = b"hello") -> None:
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare(QUEUE, durable=True)
        channel.basic_publish("", QUEUE, body, pika.BasicProperties(delivery_mode=2))


def waiting(url: str) -> int:
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        count: int = connection.channel().queue_declare(QUEUE, durable=True).method.message_count
    return count


def test_a_started_node_takes_messages(node: RabbitMQ) -> None:
    put(node.url)
    assert waiting(node.url) >= 1


def test_every_vhost_is_empty_and_its_own(node: RabbitMQ) -> None:
    put(node.url)
    first, second = node.fresh_vhost(), node.fresh_vhost()
    put(first)
    assert (waiting(first), waiting(second)) == (1, 0)


def test_a_wiped_node_has_fresh_vhosts_again(node: RabbitMQ) -> None:
    before = node.fresh_vhost()
    node.wipe()
    assert waiting(node.fresh_vhost()) == 0
    with pytest.raises(AMQPError):
        waiting(before)


@pytest.mark.parametrize("end", [RabbitMQ.stop, RabbitMQ.kill])
def test_messages_survive_its_end_and_processes_do_not(node: RabbitMQ, end: Callable[[RabbitMQ], None]) -> None:
    put(node.url)
    url, before = node.url, waiting(node.url)
    family = family_of(node.pid)
    assert len(family) > 2, "the Erlang machine and its helpers"
    end(node)
    assert not node.running
    assert [member for member in family if is_alive(member)] == []
    node.start()
    assert (node.url, waiting(url)) == (url, before)


def test_a_wiped_node_is_empty_at_the_same_port(node: RabbitMQ) -> None:
    put(node.url)
    url = node.url
    node.wipe()
    assert (node.url, waiting(url)) == (url, 0)


def test_a_frozen_node_keeps_connections_open_and_answers_when_thawed(node: RabbitMQ) -> None:
    node.freeze()
    try:
        with socket.create_connection(("127.0.0.1", node.port), timeout=0.3) as connection:
            connection.sendall(b"AMQP\x00\x00\x09\x01")
            with pytest.raises(TimeoutError):
                connection.recv(1)
    finally:
        node.thaw()
    until(lambda: amqp.answers("127.0.0.1", node.port))


def test_a_frozen_node_can_be_stopped(node: RabbitMQ) -> None:
    node.freeze()
    node.stop()
    assert not amqp.answers("127.0.0.1", node.port)


def test_rabbitmqctl_works_on_it(node: RabbitMQ) -> None:
    node.ctl("set_vm_memory_high_watermark", "0.0001")
    try:
        until(lambda: "memory" in node.ctl("eval", "rabbit_alarm:get_alarms()."))
    finally:
        node.ctl("set_vm_memory_high_watermark", "0.4")


def test_what_rabbitmqctl_refuses_is_said(node: RabbitMQ) -> None:
    with pytest.raises(ServerError, match="delete_vhost nowhere"):
        node.ctl("delete_vhost", "nowhere")


def test_it_listens_on_the_loopback_interface_alone(node: RabbitMQ) -> None:
    members = {node.pid, *(member.pid for member in descendants(node.pid))}
    assert listeners(members)
    assert {address for address in listeners(members) if address != "0100007F"} == set()


def test_two_nodes_run_side_by_side_but_not_on_the_same_data(node: RabbitMQ, tmp_path: Path) -> None:
    with RabbitMQ(tmp_path / "other") as other:
        assert other.port != node.port
        assert waiting(other.url) == 0
        with pytest.raises(ServerError, match="already runs in"):
            RabbitMQ(tmp_path / "other").start()


def test_a_node_that_cannot_start_says_where_to_look(tmp_path: Path) -> None:
    require("rabbitmq")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / NODE).write_text("where its data should be")
    node = RabbitMQ(tmp_path)
    with pytest.raises(ServerError, match=r"did not start: .+ \(see .+/log/output\)"):
        node.start()
    assert not node.running


def test_a_taken_port_is_said_at_once(tmp_path: Path) -> None:
    require("rabbitmq")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServerError, match=f"port {port}: it is taken"):
            RabbitMQ(tmp_path, port=port).start()


def test_it_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    require("rabbitmq")
    script = (
        "import sys, time; from pathlib import Path; from stack.rabbitmq import RabbitMQ\n"
        "node = RabbitMQ(Path(sys.argv[1])); node.start(); print('pid', node.pid)\n"
        "while True: time.sleep(60)\n"
    )
    with Program([sys.executable, "-c", script, tmp_path / "node"], tmp_path / "output") as parent:
        pid = int(parent.wait_for_line("^pid", 60).split()[1])
        family = family_of(pid)
        parent.process.kill()
        parent.wait()
        until(lambda: not any(map(is_alive, family)))


def test_the_management_page_is_served_where_it_is_wanted(tmp_path: Path) -> None:
    require("rabbitmq")
    with RabbitMQ(tmp_path / "node", management_port=free_port()) as node:
        connection = http.client.HTTPConnection("127.0.0.1", node.management_port, timeout=10)
        connection.request("GET", "/")
        answer = connection.getresponse()
        assert (answer.status, b"RabbitMQ Management" in answer.read()) == (200, True)
        connection.close()
        node.kill()  # an orderly stop with that plugin takes RabbitMQ 3.10 five seconds more


def family_of(pid: int) -> list[Member]:
    return [member for member in (member_of(pid), *descendants(pid)) if member]


def listeners(pids: set[int]) -> list[str]:
    """The local addresses, in /proc's notation, of the sockets on which these processes listen."""
    inodes = {
        target.name.removeprefix("socket:[").removesuffix("]")
        for pid in pids
        for link in Path(f"/proc/{pid}/fd").iterdir()
        if (target := link.readlink()).name.startswith("socket:[")
    }
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *rest = line.split()
            if state == "0A" and rest[5] in inodes:
                found.append(local.partition(":")[0])
    return found
