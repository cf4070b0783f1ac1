"""A real mail server on loopback, which keeps what it is sent and refuses what it is told to."""

import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

# It tells every word of every conversation.
logging.getLogger("mail.log").setLevel(logging.ERROR)


class MailServer:
    """What it has accepted, in order; `refusals` by address, and `answer` for what to say to each mail."""

    def __init__(self) -> None:
        self.accepted: list[EmailMessage] = []
        self.asked: list[str] = []
        self.refusals: dict[str, str] = {}
        self.answer: Callable[[], str] = lambda: "250 OK"

    async def handle_RCPT(  # noqa: N802  aiosmtpd calls it so
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.asked.append(address)
        if address in self.refusals:
            return self.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        said = self.answer()
        if said.startswith("250"):
            assert isinstance(envelope.content, bytes)
            self.accepted.append(message_from_bytes(envelope.content, policy=policy.default))
        return said

    def addressees(self) -> list[str]:
        """To whom the accepted mails went."""
        return [letter["To"] for letter in self.accepted]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def listening(server: MailServer, port: int) -> Iterator[MailServer]:
    """Have the server listen for as long as the block runs."""
    controller = Controller(server, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield server
    finally:
        controller.stop()
