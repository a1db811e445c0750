"""Exports of persons through the front door, and what is in their files."""

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

from tests.fixtures.api import Api
from tests.fixtures.patience import PATIENCE_SECONDS, eventually


async def ended_export(api: Api, project: Mapping[str, Any], export_id: str, seconds: float = PATIENCE_SECONDS) -> dict[str, Any]:
    """The export, once it has ended."""

    async def its_end() -> dict[str, Any] | None:
        record = (await api.owner.get(f"/v1/projects/{project['slug']}/subject-exports/{export_id}")).json()
        return None if record["status"] in ("requested", "running") else record

    return await eventually(its_end, "the end of an export", seconds)


async def exported(api: Api, project: Mapping[str, Any], wanted: Mapping[str, Any], seconds: float = PATIENCE_SECONDS) -> dict[str, Any]:
    """A new export, once it has ended."""
    answer = await api.owner.post(f"/v1/projects/{project['slug']}/subject-exports", wanted)
    assert answer.status_code == 202, answer.text
    return await ended_export(api, project, answer.json()["id"], seconds)


async def files_of(api: Api, project: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    """The files of a finished export: lists of lines by name, and the manifest."""
    assert record["status"] == "finished", record
    answer = await api.owner.get(f"/v1/projects/{project['slug']}/subject-exports/{record['id']}/file")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    assert len(answer.content) == record["size_bytes"]
    return read_zip(answer.content)


def read_zip(content: bytes) -> dict[str, Any]:
    """Lists of lines by name, and the manifest."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    return {
        name: json.loads(text) if name == "manifest.json" else [json.loads(line) for line in text.split("\n") if line]
        for name, text in texts.items()
    }
