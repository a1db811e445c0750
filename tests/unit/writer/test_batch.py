"""Verdicts on disk."""

from pathlib import Path

from analytics.writer.batch import Verdict, load_verdicts, save_verdicts
from tests.fixtures.disk_calls import DiskCall, replaced

VERDICT = Verdict("n:1:8:1:99", (1, 8), (1, 99), 3, b"\1\0\0\0")


def test_verdicts_are_on_disk_and_bear_their_name_when_they_are_saved(tmp_path: Path, disk_calls: list[DiskCall]) -> None:
    save_verdicts(tmp_path, [VERDICT], sync=True)
    path = tmp_path / "verdict"
    assert disk_calls == replaced(path, path.read_bytes())
    assert load_verdicts(tmp_path) == [VERDICT]


def test_with_the_sync_switched_off_verdicts_are_saved_without_one(tmp_path: Path, disk_calls: list[DiskCall]) -> None:
    save_verdicts(tmp_path, [VERDICT], sync=False)
    assert [(call.call, call.path.name) for call in disk_calls] == [("rename", "verdict")]
    assert load_verdicts(tmp_path) == [VERDICT]
