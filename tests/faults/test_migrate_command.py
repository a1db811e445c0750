"""`analytics migrate` on a data dir of its own: before the service, and beside it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from analytics.statements import data_folder
from tests.fixtures.patience import PATIENCE_SECONDS
from tests.fixtures.service import ServiceProcess


def migrate(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ANALYTICS_")}
    return subprocess.run(
        [sys.executable, "-m", "analytics", "migrate", "--json", *arguments],
        env={**clean, "ANALYTICS_DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )


def test_migrate_needs_no_service_and_leaves_a_running_one_alone(tmp_path: Path, start_service: Callable[..., ServiceProcess]) -> None:
    ours = {store: sorted(path.stem for path in (data_folder("migrations") / store).glob("*.sql")) for store in ("postgres", "clickhouse")}
    data_dir = tmp_path / "data"
    pending = migrate(data_dir, "--check")
    assert (pending.returncode, json.loads(pending.stdout)) == (1, {"pending": ours}), pending.stderr
    done = migrate(data_dir)
    assert (done.returncode, json.loads(done.stdout)) == (0, {"run": ours}), done.stderr
    nothing = {"postgres": [], "clickhouse": []}
    checked = migrate(data_dir, "--check")
    assert (checked.returncode, json.loads(checked.stdout)) == (0, {"pending": nothing}), checked.stderr

    service = start_service(data_dir).wait_ready()
    refused = migrate(data_dir)
    assert refused.returncode == 1
    assert "A service runs on the data dir" in json.loads(refused.stderr)["detail"]
    assert service.stop() == 0
