"""`analytics status`: how the running service is, in a dozen lines."""

from collections.abc import Iterable, Sequence
from typing import Any

import click
import httpx
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from analytics.cli.connection import ServiceConnection, service_url, trust
from analytics.cli.context import EXIT_FAILED, Command, CommandLine, pass_command_line
from analytics.errors import StoreError


@click.command(cls=Command)
@click.pass_context
@pass_command_line
def status(line: CommandLine, context: click.Context) -> None:
    """Ask the running service how it is. Exit code 0 if it accepts events, 1 if not."""
    settings = line.settings()
    url = service_url(line, settings)
    with httpx.Client(base_url=url, timeout=10, verify=trust(url, settings)) as client:
        service = ServiceConnection(client)
        health = service.ask("GET", "/healthz")
        ready = service.ask("GET", "/readyz")
        metrics = service.ask("GET", "/metrics")
    if health.status_code != 200:
        raise StoreError(f"The process at {service.url} is not healthy ({health.status_code}).")
    readiness = _json_object(ready)
    figures = key_figures(text_string_to_metric_families(metrics.text)) if metrics.is_success else {}
    answer = {"url": service.url, "status": readiness.get("status", "unready"), "checks": readiness.get("checks", {}), "figures": figures}
    line.answer(answer, list(_lines(answer)))
    if not ready.is_success:
        context.exit(EXIT_FAILED)


def key_figures(families: Iterable[Metric]) -> dict[str, float]:
    """One number for each counter and gauge of ours (the sum over its labels), and the mean of each histogram, by name."""
    figures: dict[str, float] = {}
    for family in families:
        if family.name.startswith(("python_", "process_")):
            continue
        if family.type in ("counter", "gauge"):
            values = [sample.value for sample in family.samples if not sample.name.endswith("_created")]
            if values:
                figures[family.name] = sum(values)
        elif family.type == "histogram":
            total, count = (sum(s.value for s in family.samples if s.name == family.name + end) for end in ("_sum", "_count"))
            if count:
                figures[f"{family.name}_mean"] = total / count
    return figures


def _json_object(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        body = None
    return body if isinstance(body, dict) else {"status": f"unready ({response.status_code})"}


def _lines(answer: dict[str, Any]) -> Iterable[str]:
    yield f"{answer['url']} is {answer['status']}"
    rows: list[Sequence[str]] = []
    for name, check in answer["checks"].items():
        rows.append((name, "ok" if check.get("ok") else "NOT OK", str(check.get("detail") or "")))
    for name, value in answer["figures"].items():
        rows.append((name, f"{value:,.3f}".rstrip("0").rstrip("."), ""))
    width = max((len(row[0]) for row in rows), default=0)
    for name, value, detail in rows:
        yield f"  {name:<{width}}  {value}  {detail}".rstrip()
