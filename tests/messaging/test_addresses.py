"""One address that mail can be sent to, and nothing that could be read as another one."""

import smtplib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from messaging.addresses import canonical, parse_recipient
from messaging.errors import InvalidError
from tests.fixtures.refusals import refusal

_LONGEST = "a" * 64 + "@" + ".".join(["b" * 61] * 3) + ".com"

#: Texts that are nearly addresses.
_NEARLY = st.builds(
    "{}@{}{}".format,
    st.text(st.sampled_from("ab.+-_!#$%&'*/=?^`{|}~\"\\ <>(),:;@é\t\r\n\0"), max_size=8),
    st.text(st.sampled_from("abA0.-é。ß@[]:<>,; \n"), max_size=8),
    st.sampled_from(["", ".com", ".example.org", ".test", "\n", ">"]),
)


@pytest.mark.parametrize(
    ("text", "recipient"),
    [
        ("me@example.com", "me@example.com"),
        ("me+tag@example.com", "me+tag@example.com"),
        ("Me.You@EXAMPLE.Com", "Me.You@example.com"),
        ("o'neil!#$%&*/?=^`{|}~-_@example.com", "o'neil!#$%&*/?=^`{|}~-_@example.com"),
        ("me@bücher.de", "me@xn--bcher-kva.de"),
        ("me@BÜCHER.de", "me@xn--bcher-kva.de"),
        ("me@xn--bcher-kva.de", "me@xn--bcher-kva.de"),
        ("me@пример.рф", "me@xn--e1afmkfd.xn--p1ai"),
        ("me@example。com", "me@example.com"),
        ("a?=@example.com", "a?=@example.com"),
        ("a" * 64 + "@example.com", "a" * 64 + "@example.com"),
        (_LONGEST, _LONGEST),
    ],
)
def test_an_address_becomes_what_the_envelope_needs(text: str, recipient: str) -> None:
    assert parse_recipient(text, "to") == recipient


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "an address is missing"),
        ("me", "must have an @-sign"),
        ("@example.com", "something before the @-sign"),
        ("me@", "something after the @-sign"),
        ("me@@example.com", "not an address"),
        ("me@localhost", "should have a period"),
        ("me@[127.0.0.1]", "bracketed IP address"),
        ("me@127.0.0.1", "not within a valid top-level domain"),
        ("me@foo.test", "special-use or reserved"),
        (".me@example.com", "cannot start with a period"),
        ("m..e@example.com", "two periods in a row"),
        ("me@example.com.", "cannot end with a period"),
        ("a" * 65 + "@example.com", "too long before the @-sign"),
        ("me@" + "a" * 64 + ".com", "1 character too many"),
        (_LONGEST + "m", "at most 254 characters"),
        ("x" * 300_000, "at most 254 characters"),
    ],
)
def test_what_is_no_address_is_refused_with_the_reason(text: str, reason: str) -> None:
    assert reason in refusal(InvalidError, parse_recipient, text, "to")


@pytest.mark.parametrize(
    "text", ["a@b.com,c@d.com", "a@b.com;c@d.com", "a@b.com, ", "group:a@b.com;", "a@b.com c@d.com"]
)
def test_a_list_is_refused(text: str) -> None:
    assert refusal(InvalidError, parse_recipient, text, "to")
    assert "not a list" in refusal(InvalidError, parse_recipient, text.replace(" c", ",c"), "to")


@pytest.mark.parametrize(
    "text",
    [
        "=?utf-8?q?victim=40evil.example=2C?=user@example.com",
        "=?utf-8?b?dmljdGltQGV2aWwuZXhhbXBsZSw=?=user@example.com",
        "user@=?utf-8?q?example.com?=",
        "user=?@example.com",
    ],
)
def test_an_encoded_word_that_could_hide_another_address_is_refused(text: str) -> None:
    assert refusal(InvalidError, parse_recipient, text, "to") == "to: an address has no encoded words"


@pytest.mark.parametrize(
    "text", ["alice@example.org<bob@evil.org>", "<a@b.com>", "A <a@b.com>", "a(b)@c.com", "a@b.com(c)"]
)
def test_what_mail_software_reads_in_more_than_one_way_is_refused(text: str) -> None:
    assert refusal(InvalidError, parse_recipient, text, "to")


@pytest.mark.parametrize("text", ['"me"@example.com', '"a b"@example.com', r'"a\"b"@example.com', '"a@b"@example.com'])
def test_a_quoted_local_part_is_refused(text: str) -> None:
    assert refusal(InvalidError, parse_recipient, text, "to")


@pytest.mark.parametrize(
    "nasty", ["\r\nBcc: x@y.com", "\n", "\r", "\0", "\t", "\x7f", "\x85", "\u2028", "\u202e", "\ud800"]
)
@pytest.mark.parametrize("form", ["{}me@example.com", "m{}e@example.com", "me@exa{}mple.com", "me@example.com{}"])
def test_a_control_character_anywhere_is_refused(form: str, nasty: str) -> None:
    said = refusal(InvalidError, parse_recipient, form.format(nasty), "to")
    assert said == "to: an address has no control characters"


@pytest.mark.parametrize("text", ["josé@example.com", "ме@пример.рф", "İ@example.com"])
def test_a_local_part_that_a_relay_may_not_take_is_refused(text: str) -> None:
    assert refusal(InvalidError, parse_recipient, text, "to") == "to: the part before the @ must be ASCII"


def test_the_error_names_the_field_it_stood_in() -> None:
    with pytest.raises(InvalidError) as caught:
        parse_recipient("me", "sendmail")
    assert caught.value.field == "sendmail"
    assert str(caught.value) == "sendmail: An email address must have an @-sign."


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>@example.com", "me@<b>.com", "me@e&x.com", "`id`@", "'\"@x.com"]
)
def test_markup_is_not_sent_back(text: str) -> None:
    said = refusal(InvalidError, parse_recipient, text, "to")
    assert said
    assert not set(said) & set("<>&\"'`")


@given(st.text() | st.emails() | _NEARLY)
@example("me@" + "é" * 60 + ".com")
@example("me@" + ".".join(["é" * 30] * 6))
def test_any_text_is_one_plain_address_or_refused_in_one_line_without_markup(text: str) -> None:
    said = refusal(InvalidError, parse_recipient, text, "to")
    assert said.isprintable()
    assert not set(said) & set("<>&\"'`")
    if said:
        return
    recipient = parse_recipient(text, "to")
    local, _, domain = recipient.partition("@")
    assert recipient.isascii()
    assert recipient.isprintable()
    assert recipient.count("@") == 1
    assert not set(recipient) & set(' <>(),;:"[]\\')
    assert local == text.rpartition("@")[0]
    assert domain == domain.lower()
    assert len(recipient) <= 254
    # Whoever parses it again finds the same one, also the standard library's lenient parser (CVE-2023-27043).
    assert parse_recipient(recipient, "to") == recipient
    assert smtplib.quoteaddr(recipient) == f"<{recipient}>"


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("me@example.com", "me@example.com"),
        ("Me@Example.com", "me@example.com"),
        ("me+tag@example.com", "me@example.com"),
        ("me+a+b@example.com", "me@example.com"),
        ("me+@example.com", "me@example.com"),
        ("+me@example.com", "+me@example.com"),
        ("+@example.com", "+@example.com"),
        ("m.e@example.com", "m.e@example.com"),
        ("me.you@gmail.com", "meyou@gmail.com"),
        ("M.e.Y.o.u+tag@GoogleMail.com", "meyou@gmail.com"),
        ("me.you@not-gmail.com", "me.you@not-gmail.com"),
        ("me.you@gmail.com.example", "me.you@gmail.com.example"),
    ],
)
def test_an_address_is_counted_by_one_spelling(address: str, counted: str) -> None:
    assert canonical(parse_recipient(address, "to")) == counted


@pytest.mark.parametrize("spelling", ["me@b\u00fccher.example", "me@bu\u0308cher.example", "ME@B\u00dcCHER.example"])
def test_a_domain_is_counted_by_one_script(spelling: str) -> None:
    assert canonical(parse_recipient(spelling, "to")) == "me@xn--bcher-kva.example"
