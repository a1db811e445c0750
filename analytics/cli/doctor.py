"""`analytics doctor`: says in words what is wrong with this installation, and how to mend it."""

import os
import tomllib

import click

from analytics.cli.context import EXIT_FAILED, Command, CommandLine, pass_command_line
from analytics.cli.doctor_findings import Finding, SettingLine, as_json, as_text, broken, ok, setting_lines
from analytics.cli.doctor_machine import machine_findings, python_finding
from analytics.cli.doctor_mail import mail_findings
from analytics.cli.doctor_oidc import oidc_findings
from analytics.cli.doctor_stores import store_findings
from analytics.cli.doctor_tls import certificate_findings
from analytics.clock import SystemClock
from analytics.errors import SettingsError
from analytics.settings import PREFIX, Settings


@click.command(cls=Command)
@click.pass_context
@pass_command_line
def doctor(line: CommandLine, context: click.Context) -> None:
    """Check engines, disk, clock, migrations and settings; changes nothing. Exit code 1 if anything is broken."""
    findings: list[Finding] = []
    lines: list[SettingLine] = []
    try:
        settings = line.settings()
    except SettingsError as error:
        # Without settings nothing else can be looked at; the other checks would complain about defaults nobody asked for.
        findings += [python_finding(), broken("settings", error.detail, "Correct the named setting; the README lists them all.")]
    else:
        lines = setting_lines(settings, _names_in_environment(), _names_in_file(line))
        findings.append(ok("settings", f"{sum(item.source != 'default' for item in lines)} of {len(lines)} differ from the default"))
        findings += machine_findings(settings)
        findings += store_findings(settings)
        findings += mail_findings(settings)
        findings += certificate_findings(settings, SystemClock())
        findings += oidc_findings(settings)
    answer = as_json(findings, lines)
    line.answer(answer, as_text(findings, lines))
    if not answer["ok"]:
        context.exit(EXIT_FAILED)


def _names_in_environment() -> set[str]:
    given = {name.upper() for name, value in os.environ.items() if value}
    return {name for name in Settings.model_fields if f"{PREFIX}{name.upper()}" in given}


def _names_in_file(line: CommandLine) -> set[str]:
    if line.config is None:
        return set()
    return {name.lower() for name in tomllib.loads(line.config.read_text("utf-8"))}
