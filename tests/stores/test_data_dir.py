"""The data dir: private, one service at a time, one secret key for good."""

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from analytics.data_dir import DataDir, RunningService
from analytics.errors import SettingsError, StartError


def test_a_new_data_dir_is_private(tmp_path: Path) -> None:
    DataDir(tmp_path / "data").prepare()
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_an_unwritable_data_dir_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="ANALYTICS_DATA_DIR"):
        DataDir(tmp_path / "file" / "data").prepare()


def test_a_lock_is_refused_while_its_holder_lives(tmp_path: Path) -> None:
    folder = DataDir(tmp_path)
    held = folder.lock()
    with pytest.raises(StartError, match=f"process {os.getpid()}"):
        DataDir(tmp_path).lock()
    assert folder.is_locked()
    os.close(held)
    assert not folder.is_locked()


def test_a_lock_whose_holder_was_killed_is_waited_for_while_its_worker_ends(tmp_path: Path) -> None:
    code = "import os, subprocess, sys\nfrom pathlib import Path\nfrom analytics.data_dir import DataDir\n"
    code += "fd = DataDir(Path(sys.argv[1])).lock(); subprocess.Popen(['sleep', '1'], pass_fds=(fd,), stdout=subprocess.DEVNULL)"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert DataDir(tmp_path).is_locked(), "the worker has it still"
    os.close(DataDir(tmp_path).lock())


def test_the_secret_key_is_made_once_also_by_many_at_the_same_time(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        keys = set(pool.map(lambda _: DataDir(tmp_path).secret_key(), range(64)))
    assert len(keys) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600


def test_an_empty_secret_key_is_never_used(tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text("\n")
    with pytest.raises(StartError, match="secret_key is empty"):
        DataDir(tmp_path).secret_key()


def test_a_service_that_was_killed_counts_as_not_running(tmp_path: Path) -> None:
    folder = DataDir(tmp_path)
    folder.prepare()
    held = folder.lock()
    folder.note_service(RunningService("http://127.0.0.1:1", 7))
    assert folder.running_service() == RunningService("http://127.0.0.1:1", 7)
    os.close(held)
    assert folder.running_service() is None
