"""What the service writes to people about their accounts, and the links in it.

The one thing to know: a link carries its token in the query, so that the page works without scripts. It is good once, our log keeps no
queries, and the page sends no referrer and holds nothing from elsewhere; whoever only looks at it (a scanner of mail) uses nothing up.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

from analytics.background import end
from analytics.errors import AnalyticsError
from analytics.mail.mailer import Mailer

ACCEPT_PATH = "/accept"
MOST_AT_ONCE = 100
_log = structlog.get_logger("analytics.mail")


class Letters:
    """Writes letters; without a mailer there are only the links, to be handed over by hand."""

    def __init__(self, mailer: Mailer | None, public_url: str | None) -> None:
        self._mailer = mailer
        self._public_url = (public_url or "").rstrip("/")
        self._under_way: set[asyncio.Task[None]] = set()

    @property
    def can_mail(self) -> bool:
        """Whether mail can be sent at all."""
        return self._mailer is not None

    def link(self, token: str) -> str:
        """Where a token is used: an address if the service knows its own, else the path alone."""
        return f"{self._public_url}{ACCEPT_PATH}?token={token}"

    async def invitation(self, email: str, token: str) -> bool:
        """Mail an invitation; False if there is no mail. Raises MailUnavailableError."""
        return await self._send(
            email,
            "You are invited to Analytics",
            f"Somebody invited you to Analytics.\n\nChoose a password here within 72 hours:\n\n{self.link(token)}\n",
        )

    async def reset(self, email: str, token: str) -> bool:
        """Mail a link to another password; False if there is no mail. Raises MailUnavailableError."""
        return await self._send(
            email,
            "Another password for Analytics",
            f"Choose another password here within an hour:\n\n{self.link(token)}\n\n"
            "If you did not ask for it, do nothing: your password stays as it is.\n",
        )

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Do `work` beside the answer, whose time must not tell what it does; too much of it is dropped."""
        if len(self._under_way) >= MOST_AT_ONCE:
            work.close()
            _log.warning("mail not sent: too much is under way")
            return
        task = asyncio.create_task(_quietly(work), name="letter")
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def aclose(self) -> None:
        """Give up what is under way."""
        await end(*self._under_way)

    async def _send(self, email: str, subject: str, text: str) -> bool:
        if self._mailer is None:
            return False
        await self._mailer.send(email, subject, text)
        return True


async def _quietly(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except AnalyticsError as error:
        _log.warning("a letter was not sent", code=error.code, detail=error.detail)
    except Exception as error:  # nobody waits for this task
        _log.error("a letter was not sent", exc_info=error)
