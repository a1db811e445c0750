"""`analytics load`: events from files, sent through the front door of a running service."""

import contextlib
import itertools
import sys
from collections.abc import Generator, Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from analytics.cli.connection import connect, service_url, trust
from analytics.cli.context import EXIT_PARTLY_REFUSED, Command, CommandLine, pass_command_line
from analytics.cli.front_door import write_key_of
from analytics.errors import InvalidRequestError
from analytics.load.batches import event_line
from analytics.load.checkpoint import Checkpoint
from analytics.load.loader import Loader, Summary
from analytics.load.mapping import FIELDS, FieldMap, parse_map
from analytics.load.sender import Sender
from analytics.load.sources import Format, Identity, Source, find_sources

_EPILOG = f"""Columns go to the field of their own name, the others into the properties. Fields: {", ".join(FIELDS)}.

Loading the same file again is harmless: a row without an event_id gets one made of its content, its number and the file's first row.

Exit code 3: some rows were refused (see --rejects)."""


@click.command(cls=Command, epilog=_EPILOG)
@click.argument("paths", metavar="FILE|DIR|-...", nargs=-1, required=True)
@click.option("--map", "pairs", metavar="COLUMN=FIELD", multiple=True, help="Where a column goes, e.g. ts=timestamp; `COLUMN=-` drops it.")
@click.option("--event", metavar="NAME", help="Name of events that have none.")
@click.option("--property", "properties", metavar="NAME", multiple=True, help="Keep only these unmapped columns as properties.")
@click.option("--text", metavar="COLUMN", multiple=True, help="Keep a CSV column as text even where it looks like a number.")
@click.option("--format", "given", type=click.Choice(["ndjson", "csv", "parquet"]), help="Default: by the file's name; `-` is NDJSON.")
@click.option("--delimiter", metavar="CHAR", help="Of CSV; default: seen from the first line.")
@click.option("--encoding", default="utf-8", show_default=True, help="Of CSV.")
@click.option("--project", metavar="SLUG", help="Project to load into; default: that of the settings.")
@click.option("--write-key", metavar="KEY", envvar="ANALYTICS_WRITE_KEY", help="Its write key; default: asked of the service.")
@click.option("--rejects", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Refused rows, as NDJSON with the reason.")
@click.option(
    "--checkpoint", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Remember progress here; go on from it next time."
)
@click.option("--batch", default=1_000, show_default=True, type=click.IntRange(1, 10_000), help="Most events in a request.")
@click.option("--in-flight", default=4, show_default=True, type=click.IntRange(1, 64), help="Requests at a time.")
@click.option("--patience", default=300.0, show_default=True, type=click.FloatRange(0), help="Seconds to keep trying a busy service.")
@click.option("--dry-run", is_flag=True, help="Print the first events as they would be sent, and send nothing.")
@pass_command_line
def load(
    line: CommandLine,
    paths: Sequence[str],
    pairs: Sequence[str],
    event: str | None,
    properties: Sequence[str],
    text: Sequence[str],
    given: Format | None,
    delimiter: str | None,
    encoding: str,
    project: str | None,
    write_key: str | None,
    rejects: Path | None,
    checkpoint: Path | None,
    batch: int,
    in_flight: int,
    patience: float,
    dry_run: bool,
) -> None:
    """Load events from NDJSON, CSV or Parquet files (plain, .gz, .zst), folders of them, or standard input."""
    try:
        fields = parse_map(pairs, event, properties, text)
        sources = find_sources(paths, given, delimiter, encoding)
    except InvalidRequestError as error:
        raise click.UsageError(error.detail) from error
    if dry_run:
        _preview(sources, fields)
        return
    settings = line.settings()
    url = service_url(line, settings)
    if not write_key:
        with connect(line) as service:
            write_key = write_key_of(service, project or settings.bootstrap_project)
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(rejects.open("w", encoding="utf-8")) if rejects else None
        meter = stack.enter_context(_progress(sources, quiet=line.json or not sys.stderr.isatty()))
        sender = Sender(url, write_key, in_flight=in_flight, patience_seconds=patience, waiting=meter.waiting, trust=trust(url, settings))
        loader = Loader(
            sender,
            fields,
            batch_events=batch,
            rejects=file,
            checkpoint=Checkpoint(checkpoint) if checkpoint else None,
            advance=meter.advance,
            tally=meter.tally,
        )
        try:
            loader.run(sources)
        except KeyboardInterrupt:
            line.tell("Stopped. Loading the same files again is harmless and goes on.")
            raise
        finally:
            meter.finish()
            if loader.summary.rows:
                _report(line, loader.summary, rejects)
    if loader.summary.rejected:
        raise click.exceptions.Exit(EXIT_PARTLY_REFUSED)


def _preview(sources: Sequence[Source], fields: FieldMap) -> None:
    for source in sources[:3]:
        identity = Identity()
        with contextlib.closing(source.rows(fields.is_plain)) as rows:
            for row in itertools.islice(rows, 5):
                if row.problem:
                    click.echo(f"{source.name}:{row.number}: {row.problem}", err=True)
                else:
                    click.echo(event_line(row, fields, identity, source.format == "csv"))


def _report(line: CommandLine, summary: Summary, rejects: Path | None) -> None:
    rate = summary.rows / summary.elapsed_seconds if summary.elapsed_seconds else 0.0
    lines = [f"{summary.accepted:,} events accepted, {summary.rejected:,} refused ({rate:,.0f} a second)"]
    lines += [f"  {count:>9,}  {code}" for code, count in sorted(summary.refused.items(), key=lambda item: -item[1])]
    if summary.skipped:
        lines.append(f"{summary.skipped:,} rows were done before.")
    if summary.rejected:
        lines.append(f"Refused rows are in {rejects}." if rejects else "--rejects FILE keeps refused rows with their reasons.")
    line.answer({**summary.as_dict(), "rejects": str(rejects) if rejects else None}, lines)


class _Meter:
    """A progress bar by bytes read, where sizes are known."""

    def __init__(self, progress: Progress, sources: Sequence[Source]) -> None:
        self._progress = progress
        self._sizes = {source: source.size_bytes or 0 for source in sources}
        self._read = 0
        self._before: dict[Source, int] = {}
        total = sum(self._sizes.values())
        self._task = progress.add_task("loading", total=total // 1_000_000 or (1 if total else None), accepted=0, rejected=0)

    def advance(self, source: Source, position: int) -> None:
        self._read += position - self._before.get(source, 0)
        self._before[source] = position
        self._progress.update(self._task, completed=self._read // 1_000_000)

    def tally(self, summary: Summary) -> None:
        self._progress.update(self._task, accepted=summary.accepted, rejected=summary.rejected)

    def waiting(self, reason: str) -> None:
        self._progress.console.log(f"waiting for the service: {reason}")

    def finish(self) -> None:
        self._progress.stop()


@contextlib.contextmanager
def _progress(sources: Sequence[Source], quiet: bool) -> Generator[_Meter]:
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("MB"),
        TextColumn("{task.fields[accepted]:,} accepted, {task.fields[rejected]:,} refused"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True, quiet=quiet), disable=quiet) as progress:
        yield _Meter(progress, sources)
