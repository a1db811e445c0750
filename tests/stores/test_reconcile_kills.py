"""A reconciliation whose process is killed in the middle of its changes is finished by the next one."""

import signal
import subprocess
import sys
from pathlib import Path

from tests.fixtures.patience import PATIENCE_SECONDS

CHILD = Path(__file__).with_name("killed_reconciliation.py")


def run_child(folder: Path, kill_at: int) -> subprocess.CompletedProcess[str]:
    root = str(Path(__file__).parents[2])
    code = f"import runpy, sys; sys.path.insert(0, {root!r}); runpy.run_path({str(CHILD)!r}, run_name='__main__')"
    return subprocess.run([sys.executable, "-c", code, str(folder), str(kill_at)], capture_output=True, text=True, timeout=PATIENCE_SECONDS)


def test_kills_between_a_deletion_handed_over_and_done_and_between_two_tables(tmp_path: Path) -> None:
    folder = tmp_path / "clickhouse"
    folder.mkdir()
    for kill_at in (2, 5):
        died = run_child(folder, kill_at)
        assert died.returncode == -signal.SIGKILL, died.stderr
    ended = run_child(folder, 0)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == "whole"
