"""`multipart/form-data`: a mail with files, as browsers and `curl -F` send it."""

import email
from email import policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.errors import BadRequestError
from messaging.multipart_form import MOST_PARTS, parse_multipart
from tests.fixtures.client import Answer
from tests.fixtures.service import MakeService, Service

TYPE = "multipart/form-data; boundary=x"


def field(name: str, value: str) -> bytes:
    return f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()


def file(name: str, content: bytes, content_type: str = "text/plain", field_name: str = "attachments") -> bytes:
    head = f'--x\r\nContent-Disposition: form-data; name="{field_name}"; filename="{name}"\r\n'
    kind = f"Content-Type: {content_type}\r\n" if content_type else ""
    return f"{head}{kind}\r\n".encode() + content + b"\r\n"


def body(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--x--\r\n"


TO = field("to", "me+tag@example.com")


def post(service: Service, content: bytes, key: str = "", content_type: str = TYPE) -> Answer:
    headers = {"Content-Type": content_type, **({"X-API-Key": key} if key else {})}
    return service.public.request("POST", "/v1/emails", content, headers)


def test_a_form_with_files_is_a_mail_with_attachments(service: Service, key: str) -> None:
    content = body(
        TO,
        field("subject", "Grüße"),
        field("text", "Eins"),
        file("a.txt", b"\r\n--y\0\xff", "text/plain; charset=utf-8"),
        file("größe.pdf", b"", "application/pdf"),
        file("c", b"c", ""),
    )
    sent = post(service, content, key)
    assert (sent.status, service.mails[0].recipient) == (202, "me+tag@example.com")
    source = service.public.get(f"/v1/emails/{sent.id}/source", {"X-API-Key": key}).body
    message = email.message_from_bytes(source, _class=EmailMessage, policy=policy.default)
    assert message["Subject"] == "Grüße"
    assert [(part.get_filename(), part.get_content_type()) for part in message.iter_attachments()] == [
        ("a.txt", "text/plain"),
        ("größe.pdf", "application/pdf"),
        ("c", "application/octet-stream"),
    ]
    assert next(message.iter_attachments()).get_payload(decode=True) == b"\r\n--y\0\xff"


def test_a_key_may_be_a_field(service: Service, key: str) -> None:
    assert post(service, body(TO, field("text", "Hi"), field("key", key))).status == 202


def test_a_form_whose_file_was_not_chosen_is_a_mail_without(service: Service) -> None:
    assert post(service, body(TO, file("", b"", "application/octet-stream"))).status == 202
    assert not service.mails[0].rich


def test_strangers_send_no_files(service: Service) -> None:
    assert post(service, body(TO, file("a.txt", b"a"))).status == 401
    assert service.mails == []


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400),
        (b"--x--\r\n", 422),
        (body(), 422),
        (TO, 400),
        (body(TO, TO), 400),
        (body(TO, field("cc", "x")), 400),
        (body(TO, field("attachments", "x")), 400),
        (body(TO, file("a", b"a", field_name="file")), 400),
        (body(TO, file("a", b"a", field_name="to")), 400),
        (body(TO, file("a/b", b"a").replace(b"a/b", b"=?x")), 422),
        (body(TO, file("a%0D%0ABcc: x", b"a")), 422),
        (body(TO, file("a", b"a", "multipart/mixed")), 422),
        (body(TO, field("text", "x").replace(b"x\r\n", b"\xff\r\n")), 400),
        (body(TO, *[field(f"f{number}", "") for number in range(MOST_PARTS)]), 400),
        (body(TO, b"--x\r\nX-Long: " + b"a" * 10_000 + b"\r\n\r\n\r\n"), 400),
        (body(TO, b"--x\r\nContent-Disposition: form-data\r\n\r\n\r\n"), 400),
        (body(TO, b"--x\r\n\r\n\r\n"), 400),
    ],
)
def test_what_is_wrong_is_refused(service: Service, key: str, content: bytes, status: int) -> None:
    assert post(service, content, key).status == status
    assert service.mails == []


@pytest.mark.parametrize(
    "content_type", ["multipart/form-data", "multipart/form-data; boundary=", 'multipart/form-data; boundary=""']
)
def test_a_form_without_a_boundary_is_refused(service: Service, key: str, content_type: str) -> None:
    assert post(service, body(TO), key, content_type).status == 400


def test_files_are_as_large_as_a_body_may_be(make_service: MakeService) -> None:
    service = make_service(MAX_BODY_BYTES="1024")
    assert post(service, body(TO, file("a", b"a" * 1024)), service.keys.add("k")).status == 413


_PIECES = st.sampled_from(
    [TO, b"--x", b"--x--", b"\r\n", b"\r\n\r\n", b'Content-Disposition: form-data; name="to"', b"\xff"]
)


@given(
    st.lists(_PIECES | st.binary(max_size=9)).map(b"".join),
    st.sampled_from([TYPE, "multipart/form-data; boundary=\xff"]),
)
def test_any_bytes_are_a_form_or_refused(content: bytes, content_type: str) -> None:
    try:
        fields = parse_multipart(content, content_type, "attachments")
    except BadRequestError:
        return
    assert all(isinstance(name, str) for name in fields)
