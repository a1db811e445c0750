"""What every command shares: `--config`, `--json`, `--url` and `--token`, given before or after the command's name.

A command file makes its commands with `Command` and `Group` from here and receives a `CommandLine` by `pass_command_line`:

    @click.group(cls=Group)
    def project() -> None: ...

    @project.command()
    @pass_command_line
    def create(line: CommandLine) -> None: ...
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from analytics.settings import Settings, load_settings

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_PARTLY_REFUSED = 3


@dataclass
class CommandLine:
    """The shared options of one run."""

    config: Path | None = None
    json: bool = False
    url: str | None = None
    token: str | None = None

    def settings(self, **overrides: Any) -> Settings:
        """The settings of this run. Raises SettingsError."""
        return load_settings(self.config, **overrides)

    def answer(self, value: Any, text: str | Sequence[str]) -> None:
        """Print `value` as one JSON document with `--json`, `text` (a line, or several) otherwise; to standard output."""
        if self.json:
            click.echo(json.dumps(value, ensure_ascii=False, default=str))
        else:
            for line in (text,) if isinstance(text, str) else text:
                click.echo(line)

    def tell(self, text: str) -> None:
        """A remark for the person, on standard error, so that a made secret stands alone on standard output."""
        click.echo(text, err=True)


pass_command_line = click.make_pass_decorator(CommandLine, ensure=True)


def _shared_options() -> list[click.Parameter]:
    def keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
        # Only what was given is kept: `analytics --json key list` and `analytics key list --json` mean the same.
        if value:
            setattr(context.ensure_object(CommandLine), parameter.name, value)

    return [
        click.Option(
            ["--config"],
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="TOML file of settings.",
            expose_value=False,
            callback=keep,
        ),
        click.Option(["--json"], is_flag=True, help="Answer in JSON.", expose_value=False, callback=keep),
        click.Option(["--url"], metavar="URL", help="The service; default: the one of the data dir.", expose_value=False, callback=keep),
        click.Option(["--token"], metavar="TOKEN", help="Its credentials; default: the data dir's own.", expose_value=False, callback=keep),
    ]


class Command(click.Command):
    """A command with the shared options."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(_shared_options())


class Group(click.Group):
    """A group with the shared options; what is made from it has them too."""

    command_class = Command
    group_class = type

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(_shared_options())
