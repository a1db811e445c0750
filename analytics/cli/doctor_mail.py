"""Whether the links in mails lead anywhere."""

from collections.abc import Iterator

from analytics.cli.doctor_findings import Finding, ok, warning
from analytics.settings import PREFIX, Settings


def mail_findings(settings: Settings) -> Iterator[Finding]:
    """A finding if mails are sent at all."""
    if settings.smtp_url is None:
        return
    if settings.public_url:
        yield ok("mail", f"links in mails begin with {settings.public_url}")
    else:
        remedy = f"Set {PREFIX}PUBLIC_URL to the address at which people reach the service."
        yield warning("mail", "links in mails of invitations and resets have no address to lead to", remedy)
