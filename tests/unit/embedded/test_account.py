"""The account of the engines on a machine that has none yet."""

import multiprocessing
import os
import pwd
import shutil
from pathlib import Path

import pytest

from analytics.embedded import account

_TOOL = """#!/bin/sh
[ -s {users} ] || {{ sleep 0.3; echo "$$" >> {users}; }}
echo "$$" >> {calls}
"""


def _choose(tool: str, users: Path, data: Path, answers: "multiprocessing.Queue[int]") -> None:
    """In a process of its own: `tool` instead of useradd, and what it wrote instead of /etc/passwd."""

    def known(name: str) -> pwd.struct_passwd:
        written = users.read_text().split()
        if name != account.SYSTEM_USER or not written:
            raise KeyError(name)
        return pwd.struct_passwd((name, "x", int(written[-1]), 65534, "", "/nonexistent", "/usr/sbin/nologin"))

    os.geteuid = lambda: 0
    pwd.getpwnam = known
    shutil.which = lambda name, mode=1, path=None: tool  # type: ignore[assignment]
    chosen = account.choose_account(data)
    answers.put(chosen.uid if chosen else -1)


def test_processes_that_start_at_once_on_a_new_machine_make_one_user(tmp_path: Path) -> None:
    """useradd itself gives the user of another that runs at once a new uid, as the tool here would a second line."""
    tool, users, calls = tmp_path / "useradd", tmp_path / "users", tmp_path / "calls"
    users.touch()
    tool.write_text(_TOOL.format(users=users, calls=calls))
    tool.chmod(0o755)
    context = multiprocessing.get_context("spawn")
    answers: multiprocessing.Queue[int] = context.Queue()
    processes = [context.Process(target=_choose, args=(str(tool), users, tmp_path / "data", answers)) for _ in range(4)]
    for process in processes:
        process.start()
    uids = {answers.get(timeout=30) for _ in processes}
    for process in processes:
        process.join(30)
    assert len(calls.read_text().split()) == 1
    assert uids == {int(users.read_text())}


def test_an_ordinary_user_runs_the_engines_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert account.choose_account(tmp_path) is None
