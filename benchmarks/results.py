"""What a benchmark prints and keeps: the machine, the command, the figures; one JSON file a run, and one line for the table."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "results"


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    model = next((line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    memory = next((int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 1e6, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "chdb": version("chdb"),
        "load_before": round(os.getloadavg()[0], 2),
    }


def keep(name: str, result: Mapping[str, Any]) -> Path:
    """Write `result` with machine, command, commit and date to benchmarks/results/; the path."""
    now = datetime.now(UTC)
    path = FOLDER / f"{now:%Y-%m-%d-%H%M}-{name}.json"
    FOLDER.mkdir(exist_ok=True)
    whole = {"name": name, "date": now.isoformat(timespec="seconds"), "commit": _commit(), "command": command(), **result}
    path.write_text(json.dumps(whole, indent=1) + "\n", "utf-8")
    return path


def command() -> str:
    """How this run was started."""
    module = Path(sys.argv[0]).stem
    name = "benchmarks" if module == "__main__" else f"benchmarks.{module}"
    return " ".join(["python", "-m", name, *sys.argv[1:]])


def _commit() -> str:
    found = subprocess.run(
        ["git", "-C", str(FOLDER.parent), "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return found.stdout.strip()


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text("utf-8").splitlines()
    except OSError:
        return []
