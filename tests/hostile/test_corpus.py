"""Hostile requests, one by one: what each is answered and, when all are through, that nothing else came of them."""

import json
import re
from collections import Counter
from email import message_from_bytes
from email.policy import default
from typing import Final

import pytest

from tests.fixtures.waiting import until
from tests.hostile.cases import KEY, VICTIM, Case
from tests.hostile.corpus.addresses import ADDRESSES
from tests.hostile.corpus.documents import DOCUMENTS
from tests.hostile.corpus.fields import FIELDS
from tests.hostile.corpus.framing import FRAMING
from tests.hostile.corpus.lines import LINES
from tests.hostile.corpus.mails import MAILS
from tests.hostile.corpus.parameters import PARAMETERS
from tests.hostile.corpus.words import WORDS
from tests.hostile.target import ALONE, EDGE, Target
from tests.hostile.wire import Answer, exchange

CORPUS: Final = (*LINES, *FIELDS, *FRAMING, *PARAMETERS, *ADDRESSES, *DOCUMENTS, *WORDS, *MAILS)

#: All that a mail of ours has in its header, in this order.
_MAIL_FIELDS: Final = [
    "Subject",
    "From",
    "To",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "Content-Type",
    "Content-Transfer-Encoding",
    "MIME-Version",
]

#: All that an answer of ours, or of Nginx, may have in its header.
_ANSWER_FIELDS: Final = {
    "allow",
    "cache-control",
    "connection",
    "content-length",
    "content-type",
    "date",
    "etag",
    "location",
    "referrer-policy",
    "retry-after",
    "server",
    "www-authenticate",
    "x-content-type-options",
    "x-request-id",
    "x-robots-tag",
}

#: All that the service has to say about requests.
_LOG_LINE: Final = re.compile(
    r"[0-9TZ:-]{20} INFO +(messaging\.intake: mail [0-9a-f-]{36} accepted for \S{1,2}\*{3}@\S+ \(request \S+\)"
    r"|workers\.delivery: mail [0-9a-f-]{36} sent.*)"
)
_EDGE_LINE: Final = re.compile(r'127\.0\.0\.1 \[\S+\] "[^"]*" [0-9]{3} [0-9]+ [0-9.]+ web=\S+ "[^"]*" [0-9a-f]{32}')


class Ledger:
    """What came back, and what may have come of it."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []
        self.talks: list[str] = []
        self.edge_ids: list[str] = []
        self.rows = 0


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    return Ledger()


def numbered(case: Case, number: int) -> tuple[bytes, tuple[bytes, ...]]:
    """What to send, and the recipients of its mails, with an address that is nobody else's."""
    name = VICTIM.partition(b"@")[0]
    own = name.replace(b"000", b"%03d" % number)
    return case.raw.replace(name, own), tuple(recipient.replace(name, own) for recipient in case.mails)


def check(answer: Answer, way: str) -> None:
    """See that an answer is one of ours, whatever it answers."""
    assert answer.status < 500
    answer.raw_head.decode("ascii")
    names = [name.lower() for name in answer.headers]
    assert set(names) <= _ANSWER_FIELDS
    assert len(set(names)) == len(names)
    assert re.fullmatch(r"[0-9a-f]{16}|[0-9a-f]{32}", answer.id)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Robots-Tag"] == "noindex"
    assert answer.headers["Server"] == (None if way == ALONE else "nginx")
    assert b"<" not in answer.body
    if not answer.body:
        return
    assert answer.body.endswith(b"\n")
    assert answer.body[:-1].decode().isprintable()
    if "json" in answer.headers["Content-Type"]:
        json.loads(answer.body)


@pytest.mark.parametrize("way", [ALONE, EDGE])
@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name.replace("/", "|"))
def test_a_hostile_request_is_answered_with_the_reason_and_nothing_else(
    target: Target, ledger: Ledger, case: Case, way: str
) -> None:
    ledger.rows += 1
    raw, recipients = numbered(case, ledger.rows)
    statuses = case.edge if way == EDGE and case.edge is not None else case.alone
    answers = exchange(target.address(way), raw.replace(KEY, target.key.encode()), waits=not statuses)
    assert tuple(answer.status for answer in answers) == statuses, [answer.body for answer in answers]
    for answer in answers:
        check(answer, way)
    says = b"".join(answer.body for answer in answers).decode()
    if way == ALONE:
        assert case.why in says
    else:
        # Where it is Nginx that refuses, or mends, it has words of its own.
        assert case.edge is not None or case.why in says or '"type":"about:blank"' in says
        ledger.edge_ids += [answer.id for answer in answers]
    if 202 in statuses:
        ledger.mails += recipients
    if "logged" in says:
        ledger.talks += [answer.id for answer in answers]


def test_afterwards_there_are_exactly_the_mails_that_were_allowed(target: Target, ledger: Ledger) -> None:
    wanted = sorted(to.decode() for to in ledger.mails)
    assert sorted(target.recipients()) == wanted
    until(lambda: len(target.delivered()) == len(wanted))
    mails = [message_from_bytes(file.read_bytes(), policy=default) for file in target.delivered()]
    assert sorted(str(mail["To"]) for mail in mails) == wanted
    for mail in mails:
        assert mail.keys() == _MAIL_FIELDS
        assert len(mail["To"].addresses) == 1
        assert not mail.defects


def test_afterwards_the_talktome_log_has_exactly_the_lines_that_were_allowed(target: Target, ledger: Ledger) -> None:
    assert [line.split(" ")[1:] for line in target.talktome_lines()] == [["talktome", each] for each in ledger.talks]


def test_afterwards_the_service_has_said_one_line_for_each_mail_and_no_other(target: Target, ledger: Ledger) -> None:
    lines = [line for line in target.log_lines() if re.match("[0-9]{4}-", line)]
    assert [line for line in lines if not _LOG_LINE.fullmatch(line)] == []
    assert sum(" accepted for " in line for line in lines) == len(ledger.mails)


def test_afterwards_nginx_has_said_one_line_for_each_request(target: Target, ledger: Ledger) -> None:
    lines = target.edge_lines()
    assert [line for line in lines if not _EDGE_LINE.fullmatch(line)] == []
    ids = Counter(line.split()[-1] for line in lines)
    assert {ids[each] for each in ledger.edge_ids} <= {1}
    assert not any("@" in line or "sendmail" in line for line in lines)


def test_afterwards_it_serves_as_before(target: Target, ledger: Ledger) -> None:
    for way in (ALONE, EDGE):
        (answer,) = exchange(target.address(way), b"GET /?talktome HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert answer.status == 200
    assert Counter(ledger.mails).most_common(1)[0][1] <= 2
