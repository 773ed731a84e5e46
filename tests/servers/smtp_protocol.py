"""aiosmtpd's side of one SMTP connection, following a script and writing down everything."""

import asyncio
import functools
import ssl
import time
from collections.abc import Awaitable, Callable
from typing import Any, AnyStr, NoReturn

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.servers.script import Action, Conversation, Delay, Dribble, Drop, Hold, Received, Silence, Stage

#: aiosmtpd's own way with a command, and what EHLO announces.
_Usual = Callable[[str | None], Awaitable[None]]
_Extensions = Callable[[list[str]], list[str]]

_STAGES: dict[str, Stage] = {
    "EHLO": "EHLO", "HELO": "HELO", "STARTTLS": "STARTTLS", "AUTH": "AUTH", "MAIL": "MAIL", "RCPT": "RCPT",
    "DATA": "DATA", "RSET": "RSET", "NOOP": "NOOP", "QUIT": "QUIT",
}  # fmt: skip


class ScriptedSmtp(SMTP):
    """One connection.

    Args:
        script: says what to do at a stage, with a command's argument, in a conversation.
        login: the name and password that are accepted; None offers no AUTH, and asks for none.
        starttls: what STARTTLS needs; None does not offer it.
        pipelining: whether that is offered.
        on_mail: called with each mail that came in whole.
    """

    def __init__(
        self,
        script: Callable[[Stage, str, Conversation], Action | None],
        login: tuple[str, str] | None,
        starttls: ssl.SSLContext | None,
        on_mail: Callable[[Received], None],
        *,
        pipelining: bool,
    ) -> None:
        self._script = script
        self._login = login
        self._pipelining = pipelining
        self._on_mail = on_mail
        self._greeted = False
        #: Sent in place of whatever aiosmtpd answers to the command at hand.
        self._instead: Action | None = None
        #: Answers that were kept back.
        self._held = b""
        self.conversation = Conversation()
        super().__init__(
            _Hooks(self._extensions, self._mail),
            hostname="scripted.test",
            tls_context=starttls,
            auth_require_tls=starttls is not None,
            authenticator=self._check_login,
            loop=asyncio.get_running_loop(),
        )
        for verb, stage in _STAGES.items():
            self._smtp_methods[verb] = functools.partial(self._command, stage, self._smtp_methods[verb])

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.conversation.tls = transport.get_extra_info("ssl_object") is not None

    def connection_lost(self, error: Exception | None) -> None:
        self.conversation.open = False
        super().connection_lost(error)

    def cut(self) -> None:
        """End the connection, now."""
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()

    async def push(self, status: AnyStr) -> None:
        """Send one line of an answer, as aiosmtpd has it; the greeting is one, too."""
        if not self._greeted:
            self._greeted = True
            self._instead = await self._told("GREETING", "")
            await self._send(self._instead or _text(status))
            self._instead = None
        elif self._instead is None:
            await self._send(_text(status))
        elif self._instead:
            await self._send(self._instead)
            self._instead = ""  # an answer of several lines is replaced as a whole

    async def _command(
        self, stage: Stage, usual: Callable[[str | None], Awaitable[None]], argument: str | None
    ) -> None:
        self.conversation.note(f"C: {stage} {argument or ''}".rstrip())
        if stage == "MAIL" and self._login and not self.conversation.login:
            await self._send("530 5.7.0 Authentication required")
            return
        told = await self._told(stage, argument or "")
        if self._more_is_waiting():
            self.conversation.ahead.append(stage)
        if told is None:
            await usual(argument)
        elif _answer(told).startswith(("2", "3")):
            self._instead = told
            if stage == "DATA" and self.envelope is not None and not self.envelope.rcpt_tos:
                self.envelope.rcpt_tos.append("nobody")  # it is told to take a mail for nobody
            await usual(argument)
            self._instead = None
        else:
            await self._send(told)

    async def _told(self, stage: Stage, argument: str) -> Action | None:
        told = self._script(stage, argument, self.conversation)
        while isinstance(told, Delay):
            await asyncio.sleep(told.seconds)
            told = told.then
        return told

    async def _send(self, action: Action) -> None:
        """Do what an action says; does not return where that leaves nothing to go on with."""
        if isinstance(action, Drop):
            await self._end()
        if isinstance(action, Silence):
            await _for_ever()
        answer = _answer(action)
        if not answer:
            return
        self.conversation.note(*(f"S: {line}" for line in answer.splitlines()))
        sent = "".join(f"{line}\r\n" for line in answer.splitlines()).encode()
        if isinstance(action, Hold) and self._more_is_waiting():
            self._held += sent
            return
        sent, self._held = self._held + sent, b""
        pause_s = action.pause_s if isinstance(action, Dribble) else None
        for piece in [sent] if pause_s is None else [sent[at : at + 1] for at in range(len(sent))]:
            self._writer.write(piece)
            await self._writer.drain()
            await asyncio.sleep(pause_s or 0)
        if answer.startswith("421"):
            self._writer.close()
            await _for_ever()

    def _more_is_waiting(self) -> bool:
        return bool(self._reader._buffer)  # type: ignore[attr-defined]

    async def _end(self) -> NoReturn:
        self.cut()
        await _for_ever()

    async def _mail(self, envelope: Envelope) -> str:
        try:
            told = await self._told("END", str(envelope.rcpt_tos[0]))
        except asyncio.CancelledError:
            self._remember(envelope, None)  # whoever sent it did not wait for the answer
            raise
        action = "250 2.0.0 Ok: queued" if told is None else told
        self._remember(envelope, _answer(action) or None)
        await self._send(action)
        return ""  # nothing more to say

    def _remember(self, envelope: Envelope, answer: str | None) -> None:
        content = envelope.original_content or b""
        recipients = tuple(str(recipient) for recipient in envelope.rcpt_tos)
        self._on_mail(Received(str(envelope.mail_from), recipients, content, answer, time.time(), self.conversation))

    def _extensions(self, answer: list[str]) -> list[str]:
        """The server's name, and what EHLO offers: no login where none is accepted."""
        name, *offered = [line for line in answer if self._login or not line.startswith("250-AUTH")]
        return [name, "250-PIPELINING", *offered] if self._pipelining else [name, *offered]

    def _check_login(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        name, password = (part.decode() for part in data) if isinstance(data, LoginPassword) else ("", "")
        if (name, password) != self._login:
            return AuthResult(success=False, handled=False)
        self.conversation.login = name
        return AuthResult(success=True, auth_data=data)


class _Hooks:
    """What aiosmtpd asks of whoever uses it."""

    def __init__(
        self, extensions: Callable[[list[str]], list[str]], mail: Callable[[Envelope], Awaitable[str]]
    ) -> None:
        self._extensions = extensions
        self._mail = mail

    async def handle_EHLO(
        self, _server: SMTP, session: Session, _envelope: Envelope, hostname: str, answer: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return self._extensions(answer)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        return await self._mail(envelope)


def _answer(action: Action) -> str:
    return action.answer if isinstance(action, Dribble | Hold) else action if isinstance(action, str) else ""


def _text(status: str | bytes) -> str:
    return status.decode() if isinstance(status, bytes) else status


async def _for_ever() -> NoReturn:
    """Until the connection is gone: aiosmtpd then cancels whatever it was doing."""
    await asyncio.get_running_loop().create_future()
    raise AssertionError
