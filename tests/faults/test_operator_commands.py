"""`analytics doctor` and `analytics status` against the real service, and without one."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analytics.cli.doctor_machine import sync_finding
from tests.fixtures.patience import PATIENCE_SECONDS
from tests.fixtures.service import ServiceProcess

Start = Callable[..., ServiceProcess]


def analytics(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ANALYTICS_")}
    given = {f"ANALYTICS_{name.upper()}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "analytics", *arguments]
    return subprocess.run(command, env={**clean, **given}, capture_output=True, text=True, timeout=PATIENCE_SECONDS)


def doctor(**settings: str) -> tuple[int, dict[str, Any], dict[str, Any]]:
    """Exit code, checks by name, settings by name."""
    done = analytics("doctor", "--json", **settings)
    answer = json.loads(done.stdout)
    return done.returncode, {item["name"]: item for item in answer["checks"]}, {item["name"]: item for item in answer["settings"]}


def test_a_running_service_is_well_to_doctor_and_status(start_service: Start) -> None:
    service = start_service().wait_ready()
    here = str(service.data_dir)
    code, checks, _ = doctor(data_dir=here)
    assert code == 0, checks
    assert {name for name, check in checks.items() if check["state"] == "broken"} == set()
    assert checks["service"]["detail"] == f"{service.url} is ready"
    assert checks["postgresql migrations"]["detail"] == "all are run"
    status = analytics("status", "--json", data_dir=here)
    assert status.returncode == 0, status.stderr
    answer = json.loads(status.stdout)
    assert (answer["url"], answer["status"]) == (service.url, "ready")
    assert answer["figures"]["analytics_spool_rows"] == 0
    reconciled = analytics("reconcile", "--full", "--json", data_dir=here)
    assert reconciled.returncode == 0, reconciled.stderr
    record = json.loads(reconciled.stdout)
    assert (record["status"], record["full"], record["removed"], set(record["drift"].values())) == ("finished", True, 0, {0})
    said = analytics("reconcile", data_dir=here)
    assert (said.returncode, said.stdout[:23]) == (0, "Removed 0 late repeats."), said.stderr
    service.stop()
    gone = analytics("status", data_dir=here)
    assert gone.returncode == 1
    assert "No service runs on the data dir" in gone.stderr


def test_doctor_names_what_is_broken_and_keeps_secrets(tmp_path: Path) -> None:
    away = "127.0.0.1:1"
    code, checks, settings = doctor(
        data_dir=str(tmp_path),
        port="0",
        postgres_url=f"postgresql://u:hidden-1@{away}/x",
        redis_url=f"redis://:hidden-2@{away}",
        clickhouse_url=f"http://u:hidden-3@{away}/x",
        secret_key="hidden-4-hidden-4-hidden-4-hidden-4",
    )
    assert code == 1
    broken = {name: check["remedy"] for name, check in checks.items() if check["state"] == "broken"}
    assert set(broken) == {"postgresql", "redis", "clickhouse"}
    for name, setting in (("postgresql", "POSTGRES_URL"), ("redis", "REDIS_URL"), ("clickhouse", "CLICKHOUSE_URL")):
        assert f"ANALYTICS_{setting}" in broken[name]
    assert "hidden" not in json.dumps([checks, settings])
    assert settings["ANALYTICS_POSTGRES_URL"]["source"] == "environment"
    assert settings["ANALYTICS_HOST"]["source"] == "default"


def test_doctor_names_a_wrong_setting(tmp_path: Path) -> None:
    code, checks, _ = doctor(data_dir=str(tmp_path), batch_max_rows="none")
    assert code == 1
    assert "ANALYTICS_BATCH_MAX_ROWS" in checks["settings"]["detail"]


def test_a_disk_that_refuses_to_sync_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", refuse)
    assert sync_finding(tmp_path).state == "broken"


def test_an_unknown_command_is_a_usage_error() -> None:
    assert analytics("conquer").returncode == 2
