"""Mail goes over TLS that is checked, or it does not go."""

import asyncio
import socket
from collections.abc import Callable

import pytest

from analytics.clock import SystemClock
from analytics.errors import InvalidRequestError, MailUnavailableError
from analytics.mail.mailer import Mailer
from analytics.mail.server_address import parse_mail_url
from tests.fixtures.mail_server import MailBox

pytestmark = pytest.mark.anyio


def mailer(box: MailBox, url: str | None = None) -> Mailer:
    return Mailer(parse_mail_url(url or box.url), "analytics@example.com", SystemClock())


@pytest.mark.parametrize("starttls", [True, False])
async def test_a_mail_arrives_as_it_was_written(start_mail_server: Callable[..., MailBox], starttls: bool) -> None:
    box = start_mail_server(starttls=starttls)
    await mailer(box).send("ada@example.org", "Grüße", "Ein Link:\n\nhttps://x/accept?token=in_1\n")
    ((sender, to, message),) = box.received
    assert (sender, to) == ("analytics@example.com", ["ada@example.org"])
    assert (message["subject"], message["to"], message["auto-submitted"]) == ("Grüße", "ada@example.org", "auto-generated")
    assert message.get_content().replace("\r\n", "\n") == "Ein Link:\n\nhttps://x/accept?token=in_1\n"
    assert message["message-id"].endswith("@example.com>")


@pytest.mark.parametrize("starttls", [True, False])
async def test_a_certificate_of_another_name_or_authority_gets_no_mail(start_mail_server: Callable[..., MailBox], starttls: bool) -> None:
    another_name = start_mail_server(starttls=starttls, name="mail.example.com")
    unknown_authority = start_mail_server(starttls=starttls)
    for sending in (mailer(another_name), mailer(unknown_authority, unknown_authority.url.partition("?")[0])):
        with pytest.raises(MailUnavailableError):
            await sending.send("ada@example.org", "x", "x")
    assert another_name.received == unknown_authority.received == []


async def test_a_server_without_tls_gets_neither_mail_nor_password(start_mail_server: Callable[..., MailBox]) -> None:
    box = start_mail_server(tls=False)
    with pytest.raises(MailUnavailableError):
        await mailer(box).send("ada@example.org", "x", "x")
    assert box.received == []


async def test_a_refused_mail_is_said_so_without_the_servers_words(start_mail_server: Callable[..., MailBox]) -> None:
    box = start_mail_server()
    box.refuse = True
    with pytest.raises(MailUnavailableError, match=r"^The mail server did not take the mail: SMTPDataError\.$"):
        await mailer(box).send("ada@example.org", "x", "x")


@pytest.mark.parametrize("address", ["a@b\r\nBcc: c@d", "a@b, c@d", "a b@c", "", "a@", "<a@b>"])
async def test_an_address_is_one_address(start_mail_server: Callable[..., MailBox], address: str) -> None:
    box = start_mail_server()
    with pytest.raises((InvalidRequestError, MailUnavailableError)):
        await mailer(box).send(address, "x", "x")
    assert box.received == []


async def test_the_event_loop_does_not_wait_for_a_silent_server() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and says nothing; as it closes they end
        server = parse_mail_url(f"smtps://127.0.0.1:{silent.getsockname()[1]}")
        sending = asyncio.create_task(Mailer(server, "a@b.example", SystemClock()).send("a@b.example", "x", "x"))
        for _ in range(10):
            await asyncio.sleep(0.02)
        assert not sending.done()
    with pytest.raises(MailUnavailableError):
        await sending


@pytest.mark.parametrize(
    "url",
    [
        "smtp://mail.example.com",
        "http://mail.example.com",
        "smtps://",
        "smtps://user@mail.example.com",
        "smtps://mail.example.com:99999",
        "smtps://mail.example.com/path",
        "smtps://mail.example.com?verify=no",
    ],
)
async def test_an_address_of_a_server_that_would_send_in_the_clear_or_means_nothing_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"must|unknown"):
        parse_mail_url(url)


async def test_the_ports_are_the_usual_ones() -> None:
    assert (parse_mail_url("smtps://h").port, parse_mail_url("smtp+starttls://h").port) == (465, 587)
    assert "secret" not in repr(parse_mail_url("smtps://u:secret@h"))
