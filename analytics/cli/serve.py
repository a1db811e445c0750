"""`analytics serve`: the service, in the foreground."""

import ctypes
import signal

import click

from analytics.cli.context import Command, CommandLine, pass_command_line
from analytics.supervisor import serve as run_service
from analytics.telemetry.logging import configure_logging

_PR_SET_PDEATHSIG = 1


@click.command(cls=Command)
@click.option("--data-dir", type=click.Path(file_okay=False), help="Folder of the data (ANALYTICS_DATA_DIR).")
@click.option("--host", help="Address to listen on (ANALYTICS_HOST).")
@click.option("--port", type=int, help="Port to listen on; 0 takes a free one (ANALYTICS_PORT).")
@click.option("--with-parent", is_flag=True, hidden=True, help="Stop when the process that started this one ends.")
@pass_command_line
def serve(line: CommandLine, data_dir: str | None, host: str | None, port: int | None, with_parent: bool) -> None:
    """Run the service until Ctrl-C or SIGTERM.

    Prints one line `READY url=… project=… write_key=…` to standard output once events can be sent; logs go to standard error.
    """
    if with_parent:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    settings = line.settings(data_dir=data_dir, host=host, port=port)
    configure_logging(settings.log_format, settings.log_level)
    raise SystemExit(run_service(settings, click.echo))
