"""Handing mail to a server, with TLS that is checked; on worker threads, since the event loop must not wait for it."""

import smtplib
import ssl
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

import anyio
import anyio.to_thread

from analytics.clock import Clock
from analytics.errors import InvalidRequestError, MailUnavailableError
from analytics.mail.server_address import MailServer

ANSWER_SECONDS = 15.0
AT_ONCE = 4


class Mailer:
    """Sends plain-text mail through one server from one address."""

    def __init__(self, server: MailServer, sender: str, clock: Clock) -> None:
        """Raises OSError if the authority's file of `server` cannot be read, ValueError if `sender` is no address."""
        self._server = server
        self._sender = Address(addr_spec=sender)
        self._clock = clock
        self._tls = ssl.create_default_context(cafile=str(server.ca_file) if server.ca_file else None)
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_2
        self._limiter = anyio.CapacityLimiter(AT_ONCE)

    async def send(self, to: str, subject: str, text: str) -> None:
        """Hand a mail over. Raises MailUnavailableError if the server does not take it, InvalidRequestError if `to` is no address."""
        message = EmailMessage()
        try:
            message["From"] = self._sender
            message["To"] = Address(addr_spec=to)
            message["Subject"] = subject
        except (ValueError, IndexError, MessageError) as error:
            raise InvalidRequestError("Mail cannot be sent to this address.") from error
        message["Date"] = format_datetime(self._clock.now())
        message["Message-ID"] = make_msgid(domain=self._sender.domain or None)
        message["Auto-Submitted"] = "auto-generated"  # no holiday notices back
        message.set_content(text)
        await anyio.to_thread.run_sync(self._hand_over, message, to, limiter=self._limiter, abandon_on_cancel=True)

    def _hand_over(self, message: EmailMessage, to: str) -> None:
        server = self._server
        try:
            with (
                smtplib.SMTP(server.host, server.port, timeout=ANSWER_SECONDS)
                if server.starttls
                else smtplib.SMTP_SSL(server.host, server.port, timeout=ANSWER_SECONDS, context=self._tls)
            ) as connection:
                if server.starttls:
                    connection.starttls(context=self._tls)
                if server.user is not None and server.password is not None:
                    connection.login(server.user, server.password)
                connection.send_message(message, self._sender.addr_spec, [to])
        except (smtplib.SMTPException, OSError, ValueError) as error:  # what the server says may hold the address: it is not repeated
            raise MailUnavailableError(f"The mail server did not take the mail: {type(error).__name__}.", retry_after_seconds=30) from error
