"""Refused events on their way into the spool: kept with their reason, so that they can be listed, corrected and replayed."""

import hashlib
import uuid
from collections.abc import Sequence

import pyarrow as pa
from msgspec import DecodeError, Raw
from msgspec.json import Decoder, encode

from analytics.domain.project import IpPolicy, Project
from analytics.domain.verdict import Refusal
from analytics.ingest.personal import NOTHING_KEPT, Kept, PersonalFields
from analytics.spool.schema import REFUSED_SCHEMA, to_payload

KEPT_BYTES = 65_536
_members = Decoder(dict[str, Raw])


def refused_payload(
    project: Project, refusals: Sequence[Refusal], personal: PersonalFields | None = None, kept_values: Sequence[Kept] = ()
) -> bytes:
    """The refusals of one project as a record payload. `kept_values`, if any, goes with `refusals`: see personal.py."""
    personal = personal or PersonalFields(None)
    kept_values = kept_values or [NOTHING_KEPT] * len(refusals)
    bodies = [_kept_body(project, refusal.body, personal, kept) for refusal, kept in zip(refusals, kept_values, strict=True)]
    columns = [
        [uuid.uuid4().hex for _ in refusals],
        ["refused"] * len(refusals),
        [refusal.reason.value for refusal in refusals],
        [refusal.detail[:1000] for refusal in refusals],
        [refusal.event_id or "" for refusal in refusals],
        bodies,
        [len(refusal.body) for refusal in refusals],
    ]
    return to_payload(
        pa.RecordBatch.from_arrays([pa.array(c, f.type) for c, f in zip(columns, REFUSED_SCHEMA, strict=True)], schema=REFUSED_SCHEMA)
    )


def _kept_body(project: Project, body: bytes, personal: PersonalFields, kept: Kept) -> str:
    """What is kept of the body: all of it up to 64 KiB, personal fields treated, without the address where the project keeps none."""
    if project.personal_fields:
        treated = personal.treat_body(project, body, kept)
        if treated is None:
            return _hash_of(body)
        body = treated
    if project.ip_policy is not IpPolicy.KEEP:
        body = _without_address(body)
    if len(body) > KEPT_BYTES:
        body = body[:KEPT_BYTES]
    return body.decode("utf-8", "replace")


def _without_address(body: bytes) -> bytes:
    try:
        event = _members.decode(body)
        event.pop("ip", None)
        context = event.get("context")
        if context is not None:
            is_object = bytes(context)[:1] == b"{"
            members = _members.decode(context) if is_object else {}
            event["context"] = Raw(encode({name: value for name, value in members.items() if name != "ip"}))
        return encode(event)
    except (DecodeError, UnicodeDecodeError, RecursionError):
        # What cannot be read cannot be cleaned: its hash is enough to recognise it.
        return _hash_of(body).encode()


def _hash_of(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"
