"""One connection to the relay, in use: what is said about a mail, and what is answered."""

import contextlib
import smtplib
import ssl
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

from workers.composing import Composed
from workers.errors import LeaseEndedError
from workers.policy import Stage, judge, lost
from workers.transports.deadlines import Deadlines

#: Longest wait for any one answer about a mail but the last, in seconds: relays may have to ask others.
ANSWER_TIMEOUT_S: Final = 60.0

#: RFC 5321, section 4.5.3.2.6: 10 minutes for the answer to the final dot. A shorter wait ends in duplicates: the
#: relay took the mail, and we did not hear it.
FINAL_TIMEOUT_S: Final = 600.0

_GOODBYE_TIMEOUT_S: Final = 1.0

#: Characters of a relay's answer that are kept.
MOST_REPLY: Final = 500

#: What is said before a mail's content, and what of it in one write: RFC 2920, section 3.1.
_ONE_BY_ONE: Final = ((Stage.MAIL,), (Stage.RCPT,), (Stage.DATA,))
_TOGETHER: Final = ((Stage.MAIL, Stage.RCPT, Stage.DATA),)

#: The first mail waits for the answer to MAIL. A relay may hold its answers back to send them together (section 3.2):
#: one that crashes over this recipient would seem to be gone at MAIL, which would hold up all other mails.
_FIRST: Final = ((Stage.MAIL,), (Stage.RCPT, Stage.DATA))

#: RFC 5321, section 4.2.3: 251 takes the mail as well, to forward it.
_HOPED_FOR: Final = {Stage.MAIL: (250,), Stage.RCPT: (250, 251), Stage.DATA: (354,), Stage.END: (250,)}


class SmtpConnection:
    """A connection that is ready for a mail.

    Args:
        smtp: has said hello, and whatever else is needed.
        deadlines: cuts it where `limit` says so.

    Raises:
        OSError: if it is closed.
    """

    def __init__(self, smtp: smtplib.SMTP, deadlines: Deadlines) -> None:
        if smtp.sock is None:
            raise OSError("the connection is closed")
        self._smtp = smtp
        self._deadlines = deadlines
        self._handle = deadlines.hold(smtp.sock)
        self._pipelines = smtp.has_extn("pipelining")
        #: Answers to what was said that have not been read.
        self._due = 0
        self._wait_at_most(ANSWER_TIMEOUT_S)
        self.opened_at = self.used_at = time.monotonic()
        #: Mails handed over, taken or not.
        self.mails = 0

    @property
    def certificate_ends_at(self) -> float | None:
        """When the relay's certificate ends, in seconds since 1970, UTC; none without TLS."""
        certificate = self._smtp.sock.getpeercert() if isinstance(self._smtp.sock, ssl.SSLSocket) else None
        return ssl.cert_time_to_seconds(str(certificate["notAfter"])) if certificate else None

    def limit(self, seconds: float) -> AbstractContextManager[None]:
        """Cut the connection if the block takes longer than `seconds`."""
        return self._deadlines.limit_held(self._handle, seconds)

    def send(self, mail: Composed, is_ours: Callable[[], bool]) -> tuple[int, str]:
        """Hand one mail over; returns the relay's 250 and its words.

        Args:
            mail: which one.
            is_ours: whether it still is for us to send; asked just before its content is sent.

        Raises:
            LeaseEndedError: if it is not; the connection is closed then.
            RefusedError, BusyError, RelayError: whatever else the relay answered, or that it did not.
        """
        commands = _commands(mail)
        groups = _ONE_BY_ONE if not self._pipelines else _TOGETHER if self.mails else _FIRST
        self.mails += 1
        stage = Stage.MAIL
        try:
            for group in groups:
                stage = group[0]
                self._smtp.send(b"".join([commands[stage] for stage in group]))
                self._due = len(group)
                for stage in group:
                    self._expect(stage)
            self._wait_at_most(FINAL_TIMEOUT_S)
            # Cut from here on, it may become a duplicate.
            self._deadlines.spared.add(self._handle)
            if not is_ours():
                self._smtp.close()
                raise LeaseEndedError
            self._smtp.send(_with_dots(mail.content))
            self._due = 1
            stage = Stage.END
            answer = self._expect(stage)
            self._wait_at_most(ANSWER_TIMEOUT_S)
        except OSError as error:  # what smtplib raises is one, too
            raise lost(stage, words_of(error)) from error
        finally:
            self._deadlines.spared.discard(self._handle)
        self.used_at = time.monotonic()
        return answer

    def reset(self) -> bool:
        """Make it ready for the next mail; False if it is of no more use."""
        if self._smtp.sock is None:
            return False
        try:
            self._wait_at_most(ANSWER_TIMEOUT_S)
            while self._due:
                code, _ = self._answer()
                if not _listens(code):
                    # RFC 2920, section 3.1: DATA may be answered with 354 though MAIL or RCPT was refused. It proposes
                    # a lone dot, which makes an empty mail; what breaks off is none (RFC 5321, section 4.1.1.10).
                    self._smtp.close()
                    return False
            stands = self._smtp.rset()[0] == 250
        except OSError:
            return False
        self.used_at = time.monotonic()
        return stands

    def close(self) -> None:
        """Say goodbye and hang up; what the relay says to that is of no consequence."""
        with contextlib.suppress(OSError):
            self._wait_at_most(_GOODBYE_TIMEOUT_S)
            self._smtp.putcmd("QUIT")
        self._smtp.close()
        self._deadlines.release(self._handle)

    def _expect(self, stage: Stage) -> tuple[int, str]:
        code, reply = self._answer()
        if code in _HOPED_FOR[stage]:
            return code, one_line(reply)
        if not _listens(code):
            self._smtp.close()
        raise judge(stage, code, one_line(reply))

    def _answer(self) -> tuple[int, bytes]:
        """Read the next answer; RFC 2920, section 3.1: each has to be, whatever those before it were."""
        answer = self._smtp.getreply()
        self._due -= 1
        return answer

    def _wait_at_most(self, seconds: float) -> None:
        if self._smtp.sock is not None:
            self._smtp.sock.settimeout(seconds)


def _listens(code: int) -> bool:
    """Whether the relay waits for a command after an answer.

    RFC 5321, section 4.2.1: after 3yz it waits for something else; 421 is its farewell, and any other no answer at all.
    """
    return code // 100 in (2, 4, 5) and code != 421


def one_line(reply: bytes | str) -> str:
    """A relay's answer as one printable line."""
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    if text.isprintable():
        return text[:MOST_REPLY]
    return "".join(character if character.isprintable() else " " for character in text)[:MOST_REPLY]


def _commands(mail: Composed) -> dict[Stage, bytes]:
    """What is said before a mail's content.

    Raises:
        ValueError: if an address cannot be part of a command.
    """
    if not (mail.sender.isprintable() and mail.recipient.isprintable()):
        raise ValueError("an address has control characters")
    return {
        Stage.MAIL: f"MAIL FROM:<{mail.sender}>\r\n".encode("ascii"),
        Stage.RCPT: f"RCPT TO:<{mail.recipient}>\r\n".encode("ascii"),
        Stage.DATA: b"DATA\r\n",
    }


def _with_dots(content: bytes) -> bytes:
    """A mail's content as it is sent; RFC 5321, section 4.5.2: a line's leading dot is doubled, a lone one ends it."""
    first = b"." if content.startswith(b".") else b""
    return first + content.replace(b"\n.", b"\n..") + b".\r\n"


def words_of(error: Exception) -> str:
    """What went wrong, as one printable line."""
    return one_line(str(error)) or type(error).__name__
