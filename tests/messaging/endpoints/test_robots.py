"""Crawlers are asked to stay away: whoever follows a link to us may send a mail."""

from urllib.robotparser import RobotFileParser

import pytest

from tests.fixtures.service import Service


@pytest.mark.parametrize("path", ["/", "/?sendmail=me@example.com", "/action?talktome", "/?link=x", "/v1/emails"])
def test_no_crawler_may_fetch_anything(service: Service, path: str) -> None:
    answer = service.public.get("/robots.txt")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    rules = RobotFileParser()
    rules.parse(answer.body.decode().splitlines())
    assert not rules.can_fetch("AnyBot/1.0", path)
