"""How fast events come in, how soon they are seen, what they cost, and that not one is lost or counted twice.

    python -m benchmarks.ingest [--seconds 120] [--rate 50000] [--quick] [--only paced,saturated,small,single,encodings]

Starts a service of its own on a fresh folder, sends the events of benchmarks/dataset.py from a process of its own, and compares with a
calibration: the engine's own burst into the same tables, before and after. Ends with code 1 if a count was not exact.
"""

import argparse
import json
import subprocess
import sys
import time
from typing import Any

from benchmarks.load import Load
from benchmarks.results import command, keep, machine
from benchmarks.service import Service, fresh_service

SCENARIOS = ("paced", "saturated", "small", "single", "encodings")


def calibrate(batches: int) -> dict[str, Any]:
    """See benchmarks/calibrate.py."""
    done = subprocess.run([sys.executable, "-m", "benchmarks.calibrate", str(batches)], stdout=subprocess.PIPE, text=True, check=True)
    result = json.loads(done.stdout.splitlines()[-1])
    print(f"calibration: {result['rows_per_second']:,} rows/s, {result['cpu_seconds_per_million']} CPU s per million", flush=True)
    return result


class Run:
    """One service, one generator, the chosen scenarios one after the other."""

    def __init__(self, service: Service, load: Load, options: argparse.Namespace) -> None:
        self._service, self._load, self._options = service, load, options
        self.results: dict[str, Any] = {}
        self.exact = True

    def scenario(self, name: str) -> None:
        """Run one of SCENARIOS."""
        getattr(self, f"_{name}")()

    def _paced(self) -> None:
        seconds, rate = self._options.seconds, self._options.rate
        repeat_after = min(60.0, seconds / 3)
        self._measure("paced", mode="paced", seconds=seconds, count_from=seconds / 2, rate=rate, repeat_after_seconds=repeat_after)

    def _saturated(self) -> None:
        seconds = self._options.seconds / 2
        # The first sixth fills queues and is not counted.
        self._measure("saturated", mode="saturate", seconds=seconds * 7 / 6, count_from=seconds / 6, connections=self._options.connections)

    def _small(self) -> None:
        self._measure("small", mode="saturate", seconds=self._short(), count_from=2, size=20, connections=64, probes_per_second=0)

    def _single(self) -> None:
        self._measure("single", mode="saturate", seconds=self._short(), count_from=2, size=1, connections=64, probes_per_second=0)

    def _encodings(self) -> None:
        # In turn, twice, so that the machine's moods fall on all of them.
        for turn in (1, 2):
            for encoding in ("identity", "gzip", "zstd"):
                self._measure(
                    f"{encoding}-{turn}",
                    mode="saturate",
                    encoding=encoding,
                    prepared=200 if self._options.quick else 600,
                    seconds=120,
                    connections=32,
                    probes_per_second=0,
                )

    def _short(self) -> float:
        return 8.0 if self._options.quick else 20.0

    def _measure(self, name: str, **phase: Any) -> None:
        result = self._load.run(name=name, **phase)
        answered = time.monotonic()
        counts = self._service.settled(self._load.unique)
        result["settled_seconds"] = round(time.monotonic() - answered, 2)
        result["counts"] = {"unique_sent": self._load.unique, **counts}
        result["exact"] = set(counts.values()) == {self._load.unique} and not result["problem"] and not result["rejected"]
        self.exact = self.exact and result["exact"]
        self.results[name] = result
        print(describe(result), flush=True)


def describe(result: dict[str, Any]) -> str:
    """The figures of one scenario, as lines."""
    cost, fresh, answer = result.get("cost", {}), result.get("freshness"), result["answer_ms"]
    lines = [
        f"\n{result['phase']}: {result['events_per_second']:,.0f} events/s answered ({result['requests_per_second']:,.0f} requests/s, "
        f"{result['repeat_share']:.0%} repeats), {cost.get('stored_per_second', 0):,.0f} rows/s stored",
        f"  answers p50 {answer.get('p50', '-')} ms, p99 {answer.get('p99', '-')} ms, max {answer.get('max', '-')} ms",
    ]
    if fresh:
        for kind in ("raw", "rollup"):
            seen = fresh[f"{kind}_ms"]
            lines.append(
                f"  fresh in {kind}: p50 {seen.get('p50', '-')} ms, p99 {seen.get('p99', '-')} ms, max {seen.get('max', '-')} ms "
                f"({seen['count']} probes, poll p50 {fresh[f'poll_{kind}_ms'].get('p50', '-')} ms)"
            )
        if fresh["problem"] or fresh["never_seen"]:
            lines.append(f"  PROBES: {fresh['never_seen']} never seen; {fresh['problem']}")
    if cost:
        cores = ", ".join(f"{name} {value}" for name, value in cost["cores"].items())
        lines.append(f"  cores: {cores}, generator {result['generator_cpu_cores']}")
        lines.append(
            f"  {cost.get('service_us_per_event', '-')} us an event, of which our Python {cost.get('python_us_per_event', '-')}; "
            f"engine {cost.get('engine_cpu_seconds_per_million_rows', '-')} CPU s per million rows"
        )
        shown = [
            f"{name} {cost['stages'][name]['per_second']}/s of {cost['stages'][name]['mean']}"
            for name in ("insert_ms", "insert_rows", "duplicate_check_ms", "live_record_ms", "spool_sync_ms", "ingest_request_ms")
            if name in cost["stages"]
        ]
        lines.append(f"  stages: {', '.join(shown)}")
        lines.append(f"  memory {cost['rss_mb_total']:,} MB ({cost['rss_mb']}), disk {cost['disk_mb']:,} MB")
    if result["turned_away"] or result["problem"]:
        lines.append(f"  turned away: {result['turned_away']} {result['problem']}")
    lines.append(f"  exact: {'yes' if result['exact'] else 'NO'} {result['counts']} after {result['settled_seconds']} s")
    return "\n".join(lines)


def table_line(result: dict[str, Any]) -> str:
    """One line of the table in benchmarks/README.md."""
    phases = result["phases"]
    paced, saturated = phases.get("paced", {}), phases.get("saturated", {})

    def figure(phase: dict[str, Any], *path: str) -> str:
        value: Any = phase
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        return "-" if value is None else f"{value:,.0f}"

    cells = [
        result["date"],
        f"{min(c['rows_per_second'] for c in result['calibrations']):,} to {max(c['rows_per_second'] for c in result['calibrations']):,}",
        figure(paced, "events_per_second"),
        figure(paced, "answer_ms", "p99"),
        figure(paced, "freshness", "raw_ms", "p99"),
        figure(paced, "freshness", "rollup_ms", "p99"),
        str(paced.get("cost", {}).get("cores", {}).get("worker", "-")),
        figure(saturated, "events_per_second"),
        figure(saturated, "cost", "stored_per_second"),
        figure(saturated, "freshness", "raw_ms", "p99"),
        str(result.get("ratio_stored", "-")),
        "yes" if result["exact"] else "**no**",
    ]
    return "| " + " | ".join(cells) + " |"


def main() -> int:
    """Run the chosen scenarios; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ingest", description=__doc__.split("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=120.0, help="of paced load, whose second half counts; saturation takes half of it")
    parser.add_argument("--rate", type=float, default=50_000.0, help="events a second, repeats included")
    parser.add_argument("--connections", type=int, default=32, help="of saturation")
    parser.add_argument("--quick", action="store_true", help="20 s instead of 120 s, small calibration")
    parser.add_argument("--only", default="paced,saturated", help=f"of {','.join(SCENARIOS)}, or all")
    options = parser.parse_args()
    if options.quick:
        options.seconds = min(options.seconds, 20.0)
    chosen = SCENARIOS if options.only == "all" else tuple(options.only.split(","))
    where = machine()
    print(f"{command()}\n{where}", flush=True)
    batches = 10 if options.quick else 30
    calibrations = [calibrate(batches)]
    with fresh_service() as service, Load(service) as load:
        print(f"events of {load.mean_event_bytes} bytes on average", flush=True)
        run = Run(service, load, options)
        for name in chosen:
            run.scenario(name)
    calibrations.append(calibrate(batches))
    result: dict[str, Any] = {
        "machine": where,
        "event_bytes": load.mean_event_bytes,
        "calibrations": calibrations,
        "phases": run.results,
        "exact": run.exact,
    }
    if "saturated" in run.results:
        own = sum(item["rows_per_second"] for item in calibrations) / len(calibrations)
        saturated = run.results["saturated"]
        result["ratio_stored"] = round(saturated["cost"]["stored_per_second"] / own, 2)
        result["ratio_answered"] = round(saturated["events_per_second"] / own, 2)
        print(f"\nsaturation against the calibration: stored {result['ratio_stored']}, answered {result['ratio_answered']}")
    path = keep("ingest-quick" if options.quick else "ingest", result)
    print(f"kept in {path.relative_to(path.parents[2])}\n" + table_line({**result, "date": path.stem[:15]}))
    return 0 if run.exact else 1


if __name__ == "__main__":
    sys.exit(main())
