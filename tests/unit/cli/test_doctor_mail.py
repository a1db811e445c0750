"""`analytics doctor` warns of mails whose links lead nowhere."""

import pytest

from analytics.cli.doctor_mail import mail_findings
from analytics.settings import Settings

MAIL = {"smtp_url": "smtps://user:password@mail.example.org:465"}


@pytest.mark.parametrize(
    ("settings", "states"),
    [({}, []), (MAIL, ["warning"]), ({**MAIL, "public_url": "https://analytics.example.org"}, ["ok"])],
)
def test_mails_without_an_address_for_their_links_are_warned_of(settings: dict[str, str], states: list[str]) -> None:
    assert [finding.state for finding in mail_findings(Settings.model_validate(settings))] == states
