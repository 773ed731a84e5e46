"""A thousand requests for one victim, however they are spelled and wherever they say they come from."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest

from tests.hostile.target import ALONE, EDGE, Target
from tests.integration.system import Answer, ask

#: One address in many spellings; the number makes a tag of its own.
_SPELLINGS = [
    "{way}@bücher.example",
    "{way}@xn--bcher-kva.example",
    "{way}+{number}@bücher.example",
    "{WAY}+{number}@BÜCHER.example",
    "{WAY}@XN--BCHER-KVA.EXAMPLE",
]
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_JSON = {"Content-Type": "application/json"}


def send(address: str, recipient: str, client: str, form: int) -> Answer:
    """Ask for a greeting in one of three forms, with a chain of hops that the client made up but for the last one."""
    headers = {"X-Forwarded-For": f"10.9.8.7, {client}"}
    encoded = quote(recipient, safe="@+")
    if form == 0:
        return ask(address, "GET", f"/?sendmail={encoded}", headers=headers)
    if form == 1:
        return ask(address, "POST", "/", body=f"sendmail={encoded}".encode(), headers=_FORM | headers)
    return ask(address, "POST", "/v1/emails", body=json.dumps({"to": recipient}).encode(), headers=_JSON | headers)


@pytest.mark.parametrize("way", [ALONE, EDGE])
def test_a_victim_gets_no_more_mails_than_the_limit_and_nobody_else_feels_it(limited_target: Target, way: str) -> None:
    host, port = limited_target.address(way)
    address = f"{host}:{port}"

    def bomb(number: int) -> Answer:
        spelling = _SPELLINGS[number % len(_SPELLINGS)].format(way=way, WAY=way.upper(), number=number)
        return send(address, spelling, f"203.0.113.{number % 50}", number % 3)

    def another(number: int) -> Answer:
        return send(address, f"{way}-other{number}@example.com", "198.51.100.7", number % 3)

    with ThreadPoolExecutor(16) as bombers, ThreadPoolExecutor(1) as others:
        bombs = [bombers.submit(bomb, number) for number in range(1000)]
        untouched = list(others.map(another, range(10)))
        answers = [each.result() for each in bombs]
    assert {answer.status for answer in answers} == {202, 429}
    assert {int(answer.headers["Retry-After"]) > 3000 for answer in answers if answer.status == 429} == {True}
    assert [answer.status for answer in untouched] == [202] * 10
    got = Counter(recipient.lower().partition("@")[0].partition("+")[0] for recipient in limited_target.recipients())
    assert got[way] == 3
    assert sum(got[f"{way}-other{number}"] for number in range(10)) == 10
