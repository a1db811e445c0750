"""Which migrations run, and which differences stop the start."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from analytics.errors import SchemaDriftError
from analytics.migrate.plan import MigrationFile, Recorded, is_ahead, plan_migrations, read_files

FILES = tuple(MigrationFile(n, f"{n:04d}_{what}", f"-- {what}", f"sum-{what}") for n, what in enumerate(("a", "b", "c"), start=1))


def done(*files: MigrationFile) -> list[Recorded]:
    return [Recorded(file.number, file.name, file.checksum) for file in files]


def names(recorded: Sequence[Recorded]) -> list[tuple[str, bool]]:
    return [(step.file.name, step.resumed) for step in plan_migrations(FILES, recorded)]


def test_an_empty_database_needs_every_file_in_order() -> None:
    assert names([]) == [("0001_a", False), ("0002_b", False), ("0003_c", False)]


def test_what_is_done_is_not_run_again() -> None:
    assert names(done(FILES[0], FILES[1])) == [("0003_c", False)]
    assert names(done(*FILES)) == []


def test_a_half_done_file_is_resumed() -> None:
    assert names([*done(FILES[0]), Recorded(2, "0002_b", "sum-b", done=False)]) == [("0002_b", True), ("0003_c", False)]


def test_a_half_done_file_with_another_text_is_begun_anew() -> None:
    assert names([*done(FILES[0]), Recorded(2, "0002_b", "older text", done=False)])[0] == ("0002_b", False)


@pytest.mark.parametrize(
    ("recorded", "named"),
    [
        ([Recorded(1, "0001_a", "other")], "0001_a.sql was changed"),
        ([Recorded(1, "0001_z", "sum-a")], "0001_z.sql was run here but is gone"),
        (done(FILES[0], FILES[2]), "0002_b.sql was never run"),
    ],
    ids=["changed", "renamed", "added in between"],
)
def test_a_difference_in_the_past_is_drift(recorded: list[Recorded], named: str) -> None:
    with pytest.raises(SchemaDriftError, match=named):
        plan_migrations(FILES, recorded)


def test_a_database_ahead_of_the_files_is_served() -> None:
    recorded = [*done(*FILES), Recorded(4, "0004_d", "sum-d")]
    assert plan_migrations(FILES, recorded) == ()
    assert is_ahead(FILES, recorded)
    assert not is_ahead(FILES, done(*FILES))


@pytest.mark.parametrize(
    ("present", "fault"),
    [
        (["0001_a.sql", "0001_b.sql"], "0001_b.sql.*used twice"),
        (["0001_a.sql", "2_b.sql"], "2_b.sql.*not named"),
    ],
    ids=["twice", "name"],
)
def test_files_have_numbers_of_their_own(tmp_path: Path, present: list[str], fault: str) -> None:
    for name in present:
        (tmp_path / name).write_text("SELECT 1")
    with pytest.raises(SchemaDriftError, match=fault):
        read_files(tmp_path)


def test_numbers_may_have_gaps_but_a_file_that_was_run_may_not_vanish(tmp_path: Path) -> None:
    for name in ("0001_a.sql", "0010_j.sql"):
        (tmp_path / name).write_text("SELECT 1")
    files = read_files(tmp_path)
    assert [step.file.name for step in plan_migrations(files, [])] == ["0001_a", "0010_j"]
    with pytest.raises(SchemaDriftError, match=r"0002_b\.sql was run here but is gone"):
        plan_migrations(files, [*done(files[0]), Recorded(2, "0002_b", "sum-b")])


def test_the_checksum_is_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "0001_a.sql").write_bytes(b"SELECT 1\n")
    first = read_files(tmp_path)[0]
    (tmp_path / "0001_a.sql").write_bytes(b"SELECT 1\r\n")
    assert read_files(tmp_path)[0].checksum != first.checksum
