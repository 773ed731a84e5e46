"""The stack's own addresses, settled before anything starts."""

import pytest

from config.errors import SettingError
from config.values import Endpoint
from stack.addresses import check_free, edge_rate, tunnel_address
from stack.errors import StackError
from stack.ports import free_port


@pytest.mark.parametrize("text", ["127.0.0.1", "::1", "10.0.0.0/8", "192.168.183.1"])
def test_a_tunnel_is_an_address_or_a_network(text: str) -> None:
    assert tunnel_address({"TUNNEL_ADDRESS": text}) == text


@pytest.mark.parametrize("text", ["foo bar", "localhost", "127.0.0.1; return 200", "10.0.0.1/8", "1.2.3"])
def test_anything_else_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(SettingError) as caught:
        tunnel_address({"TUNNEL_ADDRESS": text})
    assert str(caught.value).startswith(f'TUNNEL_ADDRESS: "{text}" cannot be used; allowed: ')


def test_without_one_the_tunnel_is_on_this_machine() -> None:
    assert tunnel_address({}) == "127.0.0.1"


def test_the_rate_is_a_number_of_requests_a_second() -> None:
    assert edge_rate({}) == 100
    assert edge_rate({"EDGE_RATE": "5000"}) == 5000


@pytest.mark.parametrize("text", ["0", "-1", "many", "1r/s; return 200", "10000000"])
def test_another_rate_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(SettingError) as caught:
        edge_rate({"EDGE_RATE": text})
    assert str(caught.value) == f'EDGE_RATE: "{text}" cannot be used; allowed: a whole number from 1 to 1000000'


def test_two_listeners_at_one_address_are_refused_by_name() -> None:
    where = Endpoint("127.0.0.1", free_port())
    with pytest.raises(StackError, match="LISTEN and INTERNAL_LISTEN are both"):
        check_free({"LISTEN": where, "INTERNAL_LISTEN": where})
