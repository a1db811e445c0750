"""Small files that a power cut finds old or new."""

from pathlib import Path

import pytest

from analytics.spool.files import replace_file
from tests.fixtures.disk_calls import DiskCall, replaced


@pytest.mark.parametrize("before", [None, b"the old content, which is longer"], ids=["a new file", "a file in place of another"])
def test_a_file_is_on_disk_before_it_takes_its_name_and_its_name_when_the_call_returns(
    tmp_path: Path, disk_calls: list[DiskCall], before: bytes | None
) -> None:
    path = tmp_path / "small"
    if before is not None:
        path.write_bytes(before)
    replace_file(path, b"the new content")
    assert disk_calls == replaced(path, b"the new content")


def test_with_the_sync_switched_off_a_file_is_replaced_in_one_step_all_the_same(tmp_path: Path, disk_calls: list[DiskCall]) -> None:
    replace_file(tmp_path / "small", "new", sync=False)
    assert disk_calls == [DiskCall("rename", tmp_path / "small", b"new")]
