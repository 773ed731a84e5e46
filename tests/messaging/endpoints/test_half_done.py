"""Both parameters in one request, and only one of them can be done."""

from tests.fixtures.client import JSON
from tests.fixtures.service import Service


def test_a_logged_time_is_told_where_the_mail_could_not_be_accepted(service: Service) -> None:
    with service.without_database():
        answer = service.public.get("/?talktome&sendmail=me@example.com", headers=JSON)
    (line,) = service.log_lines
    assert answer.status == 503
    assert answer.json["detail"].startswith(f"logged {line.split()[0]}; ")
    assert "no mail was accepted" in answer.json["detail"]
    assert service.mails == []


def test_nothing_is_accepted_where_the_time_could_not_be_logged(service: Service) -> None:
    service.log_path.parent.rmdir()
    answer = service.public.get("/?talktome&sendmail=me@example.com")
    assert answer.status == 503
    assert service.mails == []
