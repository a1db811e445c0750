"""What `analytics doctor` finds, and how it says it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pydantic import SecretStr

from analytics.settings import PREFIX, Settings
from analytics.telemetry.logging import mask_text

State = Literal["ok", "warning", "broken", "skipped"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `remedy` says how to mend it, where it is not well."""

    name: str
    state: State
    detail: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class SettingLine:
    """One setting as it counts: `source` is `environment`, `file` or `default`."""

    name: str
    value: str
    source: str
    description: str


def ok(name: str, detail: str) -> Finding:
    return Finding(name, "ok", detail)


def warning(name: str, detail: str, remedy: str) -> Finding:
    return Finding(name, "warning", detail, remedy)


def broken(name: str, detail: str, remedy: str) -> Finding:
    return Finding(name, "broken", detail, remedy)


def skipped(name: str, detail: str) -> Finding:
    return Finding(name, "skipped", detail)


def setting_lines(settings: Settings, from_environment: set[str], from_file: set[str]) -> list[SettingLine]:
    """Every setting with its value (secrets masked, the password of an address too) and where it came from."""
    lines: list[SettingLine] = []
    for name, field in type(settings).model_fields.items():
        source = "environment" if name in from_environment else "file" if name in from_file else "default"
        lines.append(SettingLine(f"{PREFIX}{name.upper()}", shown(getattr(settings, name)), source, field.description or ""))
    return lines


def shown(value: object) -> str:
    """A value for a person's eyes."""
    if value is None:
        return "-"
    if isinstance(value, SecretStr):
        masked = mask_text(value.get_secret_value())
        return masked if "://" in masked else "***"
    if isinstance(value, tuple | list):
        return ",".join(str(part) for part in value)  # pyright: ignore[reportUnknownArgumentType]
    return mask_text(str(value))


def as_json(findings: Sequence[Finding], settings: Sequence[SettingLine]) -> dict[str, Any]:
    """The answer of `--json`."""
    return {
        "ok": not any(finding.state == "broken" for finding in findings),
        "checks": [asdict(finding) for finding in findings],
        "settings": [asdict(line) for line in settings],
    }


def as_text(findings: Sequence[Finding], settings: Sequence[SettingLine]) -> list[str]:
    """The answer for a person: what was looked at, what to mend, every setting."""
    marks = {"ok": "ok", "warning": "WARN", "broken": "BROKEN", "skipped": "-"}
    width = max(len(finding.name) for finding in findings)
    lines: list[str] = []
    for finding in findings:
        lines.append(f"{marks[finding.state]:<6}  {finding.name:<{width}}  {finding.detail}")
        if finding.remedy:
            lines.append(f"{'':<6}  {'':<{width}}  -> {finding.remedy}")
    if settings:
        width = max(len(line.name) for line in settings)
        lines += ["", "Settings:"]
        lines += [f"  {line.name:<{width}}  {line.value}  ({line.source})" for line in settings]
    wrong = sum(finding.state == "broken" for finding in findings)
    lines += ["", "Nothing is broken." if not wrong else f"{wrong} of {len(findings)} things are broken."]
    return lines
