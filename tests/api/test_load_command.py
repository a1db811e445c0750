"""`analytics load` against the running application: everything arrives, once, whatever the form, and what is refused is kept."""

import gzip
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import anyio.to_thread
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from structlog.testing import capture_logs

from analytics.cli.main import main
from tests.factories.sent_events import until_stored
from tests.fixtures.api import Api

pytestmark = pytest.mark.anyio
Run = Callable[..., Awaitable[Result]]
WEEK = {"date_from": "2026-11-01", "date_to": "2026-11-07", "interval": "day"}


@pytest.fixture
def run(api: Api, api_url: str) -> Run:
    """The command line, as owner."""

    async def command(*arguments: str | Path, given: bytes | None = None) -> Result:
        token = api.services.signer.for_operator()
        with capture_logs():  # the service logs in this same process, into what the runner takes for the command's output
            return await anyio.to_thread.run_sync(
                lambda: CliRunner().invoke(main, [*map(str, arguments), "--url", api_url, "--token", token], input=given)
            )

    return command


async def counted(api: Api, project: Mapping[str, Any], source: str, event: str = "*") -> int:
    """Events of the week, once all that was answered is stored."""
    await until_stored(api)
    question = {**WEEK, "series": [{"event": event, "metric": "total"}], "source": source}
    answer = await api.owner.post(f"/v1/projects/{project['slug']}/trends", question)
    assert answer.status_code == 200, answer.text
    return int(answer.json()["series"][0]["total"])


def write_csv(path: Path, rows: int, first: int = 0) -> Path:
    lines = [f"2026-11-0{1 + n % 7} 10:00:00.{n % 1000:03d};u-{n % 50};quiz;{n / 7:.3f}" for n in range(first, first + rows)]
    path.write_text("\n".join(["ts;uid;event;score", *lines]) + "\n")
    return path


MAPPED = ("--map", "ts=timestamp", "--map", "uid=user_id")


async def test_csv_arrives_mapped_and_a_repeat_changes_nothing(api: Api, run: Run, tmp_path: Path) -> None:
    project = await api.make_project()
    path = write_csv(tmp_path / "quiz.csv", 2_500)
    for _ in range(2):
        done = await run("load", path, *MAPPED, "--project", project["slug"], "--batch", "400", "--json")
        assert done.exit_code == 0, done.stderr
        assert json.loads(done.stdout)["accepted"] == 2_500
        assert [await counted(api, project, source) for source in ("raw", "rollup")] == [2_500, 2_500]
    (event,) = (await api.owner.get(f"/v1/projects/{project['slug']}/events?user_id=u-7&limit=1")).json()["items"]
    assert event["event"] == "quiz"
    assert isinstance(event["properties"]["score"], float)


async def test_a_grown_file_adds_only_what_is_new(api: Api, run: Run, tmp_path: Path) -> None:
    project = await api.make_project()
    path = tmp_path / "quiz.csv"
    for rows in (300, 420):
        assert (await run("load", write_csv(path, rows), *MAPPED, "--project", project["slug"])).exit_code == 0
        assert await counted(api, project, "raw") == rows


async def test_a_folder_of_every_kind_is_loaded_whole(api: Api, run: Run, tmp_path: Path) -> None:
    project = await api.make_project()
    folder = tmp_path / "many"
    folder.mkdir()
    events = [{"event": "a", "timestamp": f"2026-11-02T0{n}:00:00Z", "user_id": f"u-{n}"} for n in range(5)]
    (folder / "a.ndjson.gz").write_bytes(gzip.compress(b"\n".join(json.dumps(event).encode() for event in events)))
    write_csv(folder / "b.csv", 7)
    times = pa.array([1_793_700_000_000 + n for n in range(11)], pa.timestamp("ms", "UTC"))
    pq.write_table(pa.table({"event": ["p"] * 11, "user_id": list(range(11)), "ts": times, "score": [0.5] * 11}), folder / "c.parquet")
    (folder / "readme.txt").write_text("not an event")
    done = await run("load", folder, *MAPPED, "--project", project["slug"], "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["files"] == 3
    assert [await counted(api, project, "raw", event) for event in ("a", "quiz", "p")] == [5, 7, 11]


async def test_standard_input_is_ndjson(api: Api, run: Run) -> None:
    project = await api.make_project()
    given = b"".join(b'{"event":"a","user_id":"u","timestamp":"2026-11-03T00:00:%02dZ"}\n' % n for n in range(30))
    done = await run("load", "-", "--write-key", project["write_key"], given=given)
    assert done.exit_code == 0, done.output
    assert await counted(api, project, "raw") == 30


async def test_refused_rows_are_kept_with_line_and_reason_and_the_others_arrive(api: Api, run: Run, tmp_path: Path) -> None:
    project = await api.make_project()
    path = tmp_path / "mixed.ndjson"
    good = '{"event":"a","user_id":"u","timestamp":"2026-11-04T00:00:00Z","properties":{"n":%d}}'
    path.write_text("\n".join([good % 1, '{"event":"a"}', "", "{broken", good % 2, '{"user_id":"u"}', good % 3]))
    rejects = tmp_path / "rejects.ndjson"
    done = await run("load", path, "--project", project["slug"], "--rejects", rejects)
    assert done.exit_code == 3, done.output
    assert "3 events accepted, 3 refused" in done.stdout
    kept = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert [(item["line"], item["code"]) for item in kept] == [(2, "missing-user"), (4, "invalid-json"), (6, "missing-event")]
    assert kept[0]["event"]["event"] == "a"
    assert kept[1]["event"] == "{broken"
    assert all(item["file"] == str(path) and item["detail"] for item in kept)
    assert await counted(api, project, "raw") == 3


async def test_a_checkpoint_spares_what_was_done(api: Api, run: Run, tmp_path: Path) -> None:
    project = await api.make_project()
    path, checkpoint = tmp_path / "quiz.csv", tmp_path / "done.json"
    common = (*MAPPED, "--project", project["slug"], "--checkpoint", checkpoint, "--json")
    first = json.loads((await run("load", write_csv(path, 900), *common)).stdout)
    second = json.loads((await run("load", write_csv(path, 1_000), *common)).stdout)
    assert (first["rows"], first["skipped"]) == (900, 0)
    assert (second["rows"], second["skipped"]) == (100, 900)
    assert await counted(api, project, "rollup") == 1_000


async def test_a_preview_sends_nothing(api: Api, run: Run, tmp_path: Path) -> None:
    project = await api.make_project()
    done = await run("load", write_csv(tmp_path / "a.csv", 9), *MAPPED, "--project", project["slug"], "--dry-run")
    assert done.exit_code == 0, done.output
    shown = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(shown) == 5
    assert shown[0]["user_id"] == "u-0"
    assert await counted(api, project, "raw") == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("missing.csv",), 2, "missing.csv does not exist"),
        (("a.csv", "--map", "ts=tiemstamp"), 2, "there is no field 'tiemstamp'"),
        (("a.csv", "--write-key", "wk_of_nobody"), 1, "not accepted"),
        (("a.csv", "--project", "no-such"), 1, ""),
    ],
)
async def test_what_cannot_be_done_is_said_and_has_its_exit_code(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "a.csv", 3)
    done = await run("load", *arguments)
    assert done.exit_code == code, done.output
    assert words in done.stderr
