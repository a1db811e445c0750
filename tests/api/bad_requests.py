"""Malformed requests that were thought of so far, and what must become of each: a corpus that only grows.

`GOOD` in a body stands for a good event that carries the name of its request, so that the store can be asked what came through. `{KEY}` in
a raw request stands for the write key.
"""

# ruff: noqa: E501 - a table

import base64
import gzip
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import brotli

from analytics.ingest.body import zstd

JSON = b"application/json"
NDJSON = b"application/x-ndjson"


@dataclass(frozen=True)
class BadRequest:
    """One request and its outcome: `code` of a problem, or of each refused event by its index, and how many events are accepted."""

    name: str
    body: bytes = b""
    status: int = 200
    code: str = ""
    codes: Mapping[int, str] = field(default_factory=dict[int, str])
    accepted: int = 0
    headers: Sequence[tuple[bytes, bytes]] = ()
    raw: bytes | None = None  # the whole request, instead of the body
    hangs_up: bool = False  # the client leaves after sending: no answer is expected


def _good(name: str) -> bytes:
    return json.dumps({"event": "good", "user_id": "u", "properties": {"item": name}}).encode()


def unreadable(name: str, body: bytes, content_type: bytes = JSON) -> BadRequest:
    return BadRequest(name, body.replace(b"GOOD", _good(name)), 400, "invalid-body", headers=[(b"content-type", content_type)])


def judged(name: str, body: bytes, codes: Mapping[int, str], accepted: int = 0, content_type: bytes = JSON) -> BadRequest:
    return BadRequest(name, body.replace(b"GOOD", _good(name)), codes=codes, accepted=accepted, headers=[(b"content-type", content_type)])


def encoded(name: str, body: bytes, encoding: bytes, status: int = 400, code: str = "invalid-body") -> BadRequest:
    return BadRequest(name, body, status, code, headers=[(b"content-type", JSON), (b"content-encoding", encoding)])


def refused(name: str, status: int, code: str, *headers: tuple[bytes, bytes], body: bytes = b"[GOOD]") -> BadRequest:
    return BadRequest(name, body.replace(b"GOOD", _good(name)), status, code, headers=headers)


def raw(name: str, request: bytes, status: int, code: str = "http", *, accepted: int = 0, hangs_up: bool = False) -> BadRequest:
    return BadRequest(name, status=status, code=code, accepted=accepted, raw=request.replace(b"GOOD", _good(name)), hangs_up=hangs_up)


def _field(name: str, value: bytes) -> bytes:
    """A good event with one member set to `value`."""
    members = {b"event": b'"e"', b"user_id": b'"u"'} | {name.encode(): value}
    return b"{" + b",".join(b'"' + key + b'":' + text for key, text in members.items()) + b"}"


def _pair(name: str, event: bytes, code: str) -> BadRequest:
    """A bad event behind a good one."""
    return judged(name, b"[GOOD," + event + b"]", {1: code}, 1)


WRONG_TYPES = {"number": b"5", "fraction": b"1.5", "true": b"true", "list": b'["x"]', "object": b'{"a":"x"}'}

BROKEN_DOCUMENTS = [
    unreadable("empty body", b""),
    unreadable("white space only", b" \r\n\t "),
    unreadable("NUL only", b"\0"),
    unreadable("many NULs", b"\0" * 10_000),
    unreadable("a word", b"event"),
    unreadable("null", b"null"),
    unreadable("a number", b"5"),
    unreadable("a text", b'"event"'),
    unreadable("true", b"true"),
    unreadable("one brace", b"{"),
    unreadable("one bracket", b"["),
    unreadable("brackets that cross", b"[GOOD}"),
    unreadable("list cut before its end", b"[GOOD,GOOD"),
    unreadable("list cut in a text", b'[GOOD,{"event":"e'),
    unreadable("list cut in an escape", b'[GOOD,{"event":"\\u00'),
    unreadable("list cut in a number", b'[GOOD,{"a":-'),
    unreadable("object cut", b'{"event":"e","user_id":"u"'),
    unreadable("comma too many", b"[GOOD,]"),
    unreadable("comma first", b"[,GOOD]"),
    unreadable("two commas", b"[GOOD,,GOOD]"),
    unreadable("no comma", b"[GOOD GOOD]"),
    unreadable("two documents", b"GOOD GOOD"),
    unreadable("two documents in two lines", b"GOOD\nGOOD"),
    unreadable("something behind", b"[GOOD] x"),
    unreadable("NUL behind", b"[GOOD]\0"),
    unreadable("single quotes", b"[{'event':'e','user_id':'u'}]"),
    unreadable("no quotes", b"[{event:1}]"),
    unreadable("comment", b"[GOOD /* x */]"),
    unreadable("comment in a line", b"// x\n[GOOD]"),
    unreadable("NaN", b'[GOOD,{"a":NaN}]'),
    unreadable("Infinity", b'[GOOD,{"a":Infinity}]'),
    unreadable("negative Infinity", b'[GOOD,{"a":-Infinity}]'),
    unreadable("undefined", b'[GOOD,{"a":undefined}]'),
    unreadable("None", b'[GOOD,{"a":None}]'),
    unreadable("number with a zero before", b'[GOOD,{"a":01}]'),
    unreadable("number with a plus", b'[GOOD,{"a":+1}]'),
    unreadable("number without an end", b'[GOOD,{"a":1.}]'),
    unreadable("number without a begin", b'[GOOD,{"a":.5}]'),
    unreadable("exponent without digits", b'[GOOD,{"a":1e}]'),
    unreadable("hexadecimal number", b'[GOOD,{"a":0x10}]'),
    unreadable("line break in a text", b'[GOOD,{"a":"x\ny"}]'),
    unreadable("NUL in a text", b'[GOOD,{"a":"x\0y"}]'),
    unreadable("tab in a text", b'[GOOD,{"a":"x\ty"}]'),
    unreadable("control character in a name", b'[GOOD,{"a\x01":1}]'),
    unreadable("unknown escape", b'[GOOD,{"a":"\\q"}]'),
    unreadable("escape without digits", b'[GOOD,{"a":"\\u12G4"}]'),
    unreadable("byte order mark", b"\xef\xbb\xbf[GOOD]"),
    unreadable("UTF-16", "[{}]".encode("utf-16")),
    unreadable("UTF-16 without a mark", '{"event":"e"}'.encode("utf-16-le")),
    unreadable("UTF-32", '{"event":"e"}'.encode("utf-32")),
    unreadable("UTF-7 bracket", b"+AFs-GOOD+AF0-"),
    unreadable("form", b"event=e&user_id=u"),
    unreadable("XML", b"<event>e</event>"),
    unreadable("YAML", b"- event: e\n  user_id: u"),
    unreadable("CSV", b"event,user_id\ne,u"),
    unreadable("MessagePack", b"\x91\x82\xa5event\xa1e\xa7user_id\xa1u"),
    unreadable("gzip without saying so", gzip.compress(b"[]")),
    unreadable("random bytes", bytes(range(128, 256)) * 10),
    unreadable("megabyte of brackets", b"[" * 1_000_000),
    unreadable("megabyte of braces", b'{"a":' * 200_000),
    unreadable("deep and then broken", b"[" + b"[" * 5_000 + b"]" * 5_000 + b",GOOD,x]"),
    unreadable("million quotes", b'"' * 1_000_001),
    unreadable("million backslashes", b'["' + b"\\" * 1_000_000),
    unreadable("lonely surrogate in a broken list", b'[{"event":"\\ud800","user_id":"u"}'),
]

ENVELOPES = [
    unreadable("events null", b'{"events":null}'),
    unreadable("events number", b'{"events":5}'),
    unreadable("events text", b'{"events":"[]"}'),
    unreadable("events true", b'{"events":true}'),
    unreadable("events object", b'{"events":{"0":GOOD}}'),
    unreadable("events twice, the last wrong", b'{"events":[GOOD],"events":5}'),
    unreadable("events cut", b'{"events":[GOOD'),
    unreadable("events list within a list cut", b'{"events":[[GOOD]'),
    unreadable("deep envelope without an end", b'{"events":[' + b"[" * 5_000),
    judged("events empty", b'{"events":[]}', {}),
    judged("events of wrong things", b'{"events":[null,5,"x",[],true,GOOD]}', dict.fromkeys(range(5), "not-an-object"), 1),
    judged("events within events", b'{"events":[{"events":[GOOD]},GOOD]}', {0: "missing-event"}, 1),
    judged("list within a list", b"[[GOOD],GOOD]", {0: "not-an-object"}, 1),
    judged("Events in capitals", b'{"Events":[GOOD]}', {0: "missing-event"}),
    judged("envelope beside an event", b'{"event":"e","user_id":"u","events":[GOOD]}', {}, 1),
    judged("sent_at of the envelope an object", b'{"events":[GOOD],"sent_at":{}}', {0: "invalid-timestamp"}),
    judged("sent_at of the envelope no time", b'{"events":[GOOD],"sent_at":"soon"}', {0: "invalid-timestamp"}),
    judged("sent_at of the envelope null", b'{"events":[GOOD],"sent_at":null}', {}, 1),
    judged("deep event in an envelope", b'{"events":[GOOD,' + b'{"a":' * 3_000 + b"1" + b"}" * 3_000 + b"]}", {1: "too-deep"}, 1),
]

FIELDS = [
    *[_pair(f"event {kind}", _field("event", value), "invalid-event") for kind, value in WRONG_TYPES.items()],
    *[_pair(f"user_id {kind}", _field("user_id", value), "invalid-user") for kind, value in WRONG_TYPES.items()],
    *[_pair(f"anonymous_id {kind}", _field("anonymous_id", value), "invalid-user") for kind, value in WRONG_TYPES.items()],
    *[_pair(f"event_id {kind}", _field("event_id", value), "invalid-event-id") for kind, value in WRONG_TYPES.items()],
    *[_pair(f"session_id {kind}", _field("session_id", value), "invalid-user") for kind, value in WRONG_TYPES.items()],
    *[_pair(f"timestamp {kind}", _field("timestamp", WRONG_TYPES[kind]), "invalid-timestamp") for kind in ("true", "list", "object")],
    *[_pair(f"sent_at {kind}", _field("sent_at", WRONG_TYPES[kind]), "invalid-timestamp") for kind in ("true", "list", "object")],
    *[_pair(f"properties {kind}", _field("properties", WRONG_TYPES[kind]), "invalid-properties") for kind in ("number", "true", "list")],
    *[_pair(f"context {kind}", _field("context", WRONG_TYPES[kind]), "invalid-properties") for kind in ("number", "true", "list")],
    _pair("properties text", _field("properties", b'"{}"'), "invalid-properties"),
    _pair("context text", _field("context", b'"{}"'), "invalid-properties"),
    _pair("empty object", b"{}", "missing-event"),
    _pair("event null", _field("event", b"null"), "missing-event"),
    _pair("event empty", _field("event", b'""'), "invalid-event"),
    _pair("event of 201", _field("event", b'"' + b"x" * 201 + b'"'), "invalid-event"),
    _pair("event of 30,000", _field("event", b'"' + b"x" * 30_000 + b'"'), "invalid-event"),
    _pair("event of 201 emoji", _field("event", ('"' + "😀" * 201 + '"').encode()), "invalid-event"),
    _pair("nobody", b'{"event":"e"}', "missing-user"),
    _pair("users null", b'{"event":"e","user_id":null,"anonymous_id":null}', "missing-user"),
    _pair("user_id empty", _field("user_id", b'""'), "invalid-user"),
    _pair("user_id of 201", _field("user_id", b'"' + b"x" * 201 + b'"'), "invalid-user"),
    _pair("anonymous_id empty beside a user", _field("anonymous_id", b'""'), "invalid-user"),
    _pair("event_id empty", _field("event_id", b'""'), "invalid-event-id"),
    _pair("event_id of 101", _field("event_id", b'"' + b"x" * 101 + b'"'), "invalid-event-id"),
    _pair("event twice, the first wrong", b'{"event":5,"event":"e","user_id":"u"}', "invalid-properties"),
    _pair("event twice, the last wrong", b'{"event":"e","event":5,"user_id":"u"}', "invalid-event"),
    judged("event twice", b'{"event":"bad","user_id":"u","event":"e"}', {}, 1),
    judged(
        "context of wrong members",
        b'[{"event":"e","user_id":"u","context":{"ip":5,"page":[],"campaign":7,"locale":{},"user_agent":[]}}]',
        {},
        1,
    ),
    judged(
        "members of the class", b'[{"event":"e","user_id":"u","__class__":"x","__proto__":{"a":1},"constructor":{"prototype":1}}]', {}, 1
    ),
    judged("the name of our own member", b'[{"event":"e","user_id":"u","$context_extra":"}{","extra":"}{"}]', {}, 1),
]

TEXTS = [
    _pair("event no UTF-8", b'{"event":"\xff","user_id":"u"}', "invalid-event"),
    _pair("user_id no UTF-8", b'{"event":"e","user_id":"\xc3\x28"}', "invalid-user"),
    _pair("user_id overlong", b'{"event":"e","user_id":"\xc0\xaf"}', "invalid-user"),
    _pair("event_id a surrogate in bytes", b'{"event":"e","user_id":"u","event_id":"\xed\xa0\x80"}', "invalid-event-id"),
    _pair("timestamp no UTF-8", b'{"event":"e","user_id":"u","timestamp":"\xff"}', "invalid-timestamp"),
    _pair("property no UTF-8", b'{"event":"e","user_id":"u","properties":{"a":"\xff"}}', "invalid-properties"),
    _pair("name of a property no UTF-8", b'{"event":"e","user_id":"u","properties":{"\xff":1}}', "invalid-properties"),
    _pair("property beyond Unicode", b'{"event":"e","user_id":"u","properties":{"a":"\xf4\x90\x80\x80"}}', "invalid-properties"),
    _pair("address of a page no UTF-8", b'{"event":"e","user_id":"u","context":{"page":{"url":"\xff"}}}', "invalid-properties"),
    _pair("member of the context no UTF-8", b'{"event":"e","user_id":"u","context":{"x":"\xff"}}', "invalid-properties"),
    _pair("refused for two reasons and no UTF-8", b'{"event":"e","properties":{"a":"\xff"},"context":{"x":1}}', "missing-user"),
    judged("unknown member no UTF-8", b'[{"event":"e","user_id":"u","other":"\xff"}]', {}, 1),
    _pair("half a character in the event", b'{"event":"\\ud83d","user_id":"u"}', "invalid-event"),
    _pair("half a character in the user", b'{"event":"e","user_id":"\\ude00"}', "invalid-user"),
    _pair("half a character in the id", b'{"event":"e","user_id":"u","event_id":"\\ud83d\\ud83d"}', "invalid-event-id"),
    judged("half a character in a property", b'[GOOD,{"event":"e","user_id":"u","properties":{"a":"\\ud83d"}}]', {}, 2),
    judged(
        "half a character in the context", b'[GOOD,{"event":"e","user_id":"u","context":{"a":"\\ud83d","page":{"title":"\\ude00"}}}]', {}, 2
    ),
    judged("half a character nowhere that counts", b'[GOOD,{"event":"e","user_id":"u","other":"\\ud83d"}]', {}, 2),
    judged(
        "NUL and control characters escaped", b'[{"event":"\\u0000\\u001f","user_id":"\\u007f","properties":{"\\u0000":"\\u0000"}}]', {}, 1
    ),
    judged("text that turns around", '[{"event":"\u202eevil","user_id":"\u2066u\ufeff"}]'.encode(), {}, 1),
    judged("SQL", b"""[{"event":"'; DROP TABLE events; --","user_id":"\\\\' OR 1=1","properties":{"\\"}) --":"{x:String}"}}]""", {}, 1),
    judged("templates", b'[{"event":"{{7*7}}%s${x}","user_id":"%(u)s","properties":{"a":"\\\\N\\\\0"}}]', {}, 1),
]

NUMBERS = [
    judged(
        "numbers beyond a double in properties",
        b'[{"event":"e","user_id":"u","properties":{"a":1e400}},{"event":"e","user_id":"u","properties":{"b":-1e400}},'
        b'{"event":"e","user_id":"u","properties":{"c":' + b"9" * 10_000 + b"}},GOOD]",
        {0: "invalid-properties", 1: "invalid-properties", 2: "invalid-properties"},
        1,
    ),
    judged("tiny numbers in properties", b'[{"event":"e","user_id":"u","properties":{"a":1e-400,"b":-0.0,"c":0.' + b"1" * 10_000 + b"}}]", {}, 1),
    _pair("timestamp of 1e400", _field("timestamp", b"1e400"), "invalid-timestamp"),
    _pair("timestamp of 10,000 digits", _field("timestamp", b"9" * 10_000), "invalid-timestamp"),
    _pair("timestamp of 2^63", _field("timestamp", b"9223372036854775808"), "timestamp-in-future"),
    _pair("timestamp of -2^63", _field("timestamp", b"-9223372036854775808"), "timestamp-too-old"),
    _pair("timestamp of 2^70", _field("timestamp", b"1180591620717411303424"), "timestamp-in-future"),
    _pair("timestamp of 1e308", _field("timestamp", b"1e308"), "timestamp-in-future"),
    _pair("timestamp of -1e308", _field("timestamp", b"-1e308"), "timestamp-too-old"),
    _pair("timestamp of 0", _field("timestamp", b"0"), "timestamp-too-old"),
    _pair("timestamp in microseconds", _field("timestamp", b"1795348800000000"), "timestamp-in-future"),
    _pair("timestamp in nanoseconds", _field("timestamp", b"1795348800000000000"), "timestamp-in-future"),
    judged("timestamps of which one is beyond any calendar", b'[GOOD,{"event":"e","user_id":"u","timestamp":1e300},GOOD]', {1: "timestamp-in-future"}, 2),
    *[
        _pair(f"timestamp {text[:30].decode('utf-8', 'replace')}", _field("timestamp", b'"' + text + b'"'), "invalid-timestamp")
        for text in (
            b"", b" ", b"now", b"yesterday", b"1795348800", b"2026", b"2026-13-01", b"2026-02-30", b"2026-11-22T24:00:00Z",
            b"2026-11-22T23:59:60Z", b"0000-01-01T00:00:00.000Z", b"10000-01-01", b"22.11.2026", b"Sun, 22 Nov 2026 12:00:00 GMT",
            b"2026-11-22T12:00:00+25:00", b"2026-11-22T12:00:00Z; DROP TABLE events", b"9" * 20_000, b"-2026-11-22", b"2026-W47-7",
        )
    ],
    _pair("timestamp of the year 1", _field("timestamp", b'"0001-01-01T00:00:00Z"'), "timestamp-too-old"),
    _pair("timestamp of the year 1999", _field("timestamp", b'"1999-12-31T23:59:59.999Z"'), "timestamp-too-old"),
    _pair("timestamp of the year 9999", _field("timestamp", b'"9999-12-31T23:59:59.999Z"'), "timestamp-in-future"),
    _pair("sent_at no time", _field("sent_at", b'"x"'), "invalid-timestamp"),
    judged("sent_at of the year 1", b'[{"event":"e","user_id":"u","sent_at":"0001-01-01","timestamp":"0001-01-01"}]', {}, 1),
]  # fmt: skip

SIZES = [
    _pair("21 levels of lists", _field("properties", b'{"a":' + b"[" * 20 + b"]" * 20 + b"}"), "too-deep"),
    _pair("21 levels of objects", _field("properties", b'{"a":' * 21 + b"1" + b"}" * 21), "too-deep"),
    _pair("900 levels", _field("properties", b'{"a":' * 900 + b"1" + b"}" * 900), "too-deep"),
    _pair("5,000 levels", _field("properties", b'{"a":' * 5_000 + b"1" + b"}" * 5_000), "too-deep"),
    _pair("5,000 levels of the context", _field("context", b'{"a":' * 5_000 + b"1" + b"}" * 5_000), "too-deep"),
    _pair("5,000 levels nowhere that counts", _field("other", b"[" * 5_000 + b"]" * 5_000), "too-deep"),
    _pair("30 levels of the context", _field("context", b'{"a":' * 30 + b"1" + b"}" * 30), "too-deep"),
    judged("a single event too deep", _field("properties", b"[" * 5_000 + b"]" * 5_000), {0: "too-deep"}),
    judged("a line too deep", b"GOOD\n" + b"[" * 5_000 + b"]" * 5_000 + b"\nGOOD", {1: "not-an-object"}, 2, NDJSON),
    _pair("256 properties", _field("properties", json.dumps({f"p{i}": i for i in range(256)}).encode()), "too-many-properties"),
    _pair("2,000 properties", _field("properties", json.dumps({f"p{i}": i for i in range(2_000)}).encode()), "too-many-properties"),
    _pair("a property of 33,000", _field("properties", b'{"a":"' + b"x" * 33_000 + b'"}'), "event-too-large"),
    _pair("an event of a megabyte and more", _field("properties", b'{"a":"' + b"x" * 1_100_000 + b'"}'), "event-too-large"),
    _pair("an unknown member of 40,000", _field("other", b'"' + b"x" * 40_000 + b'"'), "event-too-large"),
    _pair("a name of a member of 40,000", _field("x" * 40_000, b"1"), "event-too-large"),
    _pair("an event_id of 50,000", _field("event_id", b'"' + b"x" * 50_000 + b'"'), "event-too-large"),
    _pair("white space of 40,000", b'{"event":"e",' + b" " * 40_000 + b'"user_id":"u"}', "event-too-large"),
    refused("10,001 events", 413, "payload-too-large", (b"content-type", JSON), body=b"[" + b",".join([b"{}"] * 10_001) + b"]"),
    refused("10,001 lines", 413, "payload-too-large", (b"content-type", NDJSON), body=b"1\n" * 10_001),
    refused("10,001 events in an envelope", 413, "payload-too-large", body=b'{"events":[' + b",".join([b"1"] * 10_001) + b"]}"),
    refused("millions of elements", 413, "payload-too-large", body=b"[" + b"0," * 3_000_000 + b"0]"),
    refused("20,000,001 bytes", 413, "payload-too-large", body=b"[" + b" " * 19_999_999 + b"]"),
    judged("blank lines only a million times", b"\n" * 1_000_000 + b"GOOD", {}, 1, NDJSON),
]

LINES = [
    unreadable("no lines", b"", NDJSON),
    unreadable("blank lines", b"\n\r\n \t\n", NDJSON),
    judged("bad line between good ones", b"GOOD\n{\nGOOD\n", {1: "invalid-json"}, 2, NDJSON),
    judged("last line cut", b'GOOD\n{"event":"e"', {1: "invalid-json"}, 1, NDJSON),
    judged("an object over two lines", b'GOOD\n{"event":"e",\n"user_id":"u"}', {1: "invalid-json", 2: "invalid-json"}, 1, NDJSON),
    judged(
        "two objects in a line and one over two", b'GOOD{"event":"e",\n"user_id":"u"}', {0: "invalid-json", 1: "invalid-json"}, 0, NDJSON
    ),
    judged("two objects in a line", b"GOOD GOOD\nGOOD", {0: "invalid-json"}, 1, NDJSON),
    judged("a list in a line", b"[GOOD]\nGOOD", {0: "not-an-object"}, 1, NDJSON),
    judged("a list sent as lines", b"[\nGOOD,\nGOOD\n]", {0: "invalid-json", 1: "invalid-json", 3: "invalid-json"}, 1, NDJSON),
    judged("things that are no objects", b'null\n5\n"x"\ntrue\n[]\nGOOD', dict.fromkeys(range(5), "not-an-object"), 1, NDJSON),
    judged("byte order mark before the lines", b"\xef\xbb\xbfGOOD\nGOOD", {0: "invalid-json"}, 1, NDJSON),
    judged("UTF-16 lines", "{}\n{}".encode("utf-16-le"), {0: "invalid-json", 1: "invalid-json"}, 0, NDJSON),
    judged("NUL line", b"GOOD\n\0\nGOOD", {1: "invalid-json"}, 2, NDJSON),
    judged("carriage returns alone", b"GOOD\rGOOD", {0: "invalid-json"}, 0, NDJSON),
    judged("line separators of Unicode", b"GOOD\xe2\x80\xa8GOOD", {0: "invalid-json"}, 0, NDJSON),
    judged(
        "line with half a character", b'GOOD\n{"event":"\\ud83d","user_id":"u"}\n{x', {1: "invalid-event", 2: "invalid-json"}, 1, NDJSON
    ),
    judged("a JSON list over lines as JSON", b"[GOOD,\n\nGOOD\n]", {}, 2),
]

_EVENTS = b'[{"event":"e","user_id":"u"}]'
_GZIP = gzip.compress(_EVENTS)
_BROTLI = brotli.compress(_EVENTS)
_ZSTD = zstd.compress(_EVENTS)
_ZEROS = bytes(30_000_000)

ENCODINGS = [
    encoded("gzip of nothing", b"", b"gzip"),
    encoded("gzip that is none", _EVENTS, b"gzip"),
    encoded("gzip cut in its head", _GZIP[:7], b"gzip"),
    encoded("gzip cut in its middle", _GZIP[:-15], b"gzip"),
    encoded("gzip without its checksum", _GZIP[:-8], b"gzip"),
    encoded("gzip without its last byte", _GZIP[:-1], b"gzip"),
    encoded("gzip with a wrong checksum", _GZIP[:-8] + b"\0\0\0\0" + _GZIP[-4:], b"gzip"),
    encoded("gzip with something behind", _GZIP + b"rest", b"gzip"),
    encoded("gzip with a second member cut", _GZIP + _GZIP[:-3], b"gzip"),
    encoded("gzip of gzip said once", gzip.compress(_GZIP), b"gzip"),
    encoded("gzip said twice", _GZIP, b"gzip, gzip"),
    encoded("gzip of no JSON", gzip.compress(b"nonsense"), b"gzip"),
    encoded("gzip of nothing at all", gzip.compress(b""), b"gzip"),
    encoded("gzip of many empty members", gzip.compress(b"") * 50_000, b"gzip"),
    encoded("gzip bomb", gzip.compress(_ZEROS, 9), b"gzip", 413, "payload-too-large"),
    encoded("gzip bomb in gzip", gzip.compress(gzip.compress(_ZEROS)), b"gzip, gzip", 413, "payload-too-large"),
    encoded("gzip bomb of brackets", gzip.compress(b"[" * 19_999_999), b"gzip"),
    encoded("gzip bomb of elements", gzip.compress(b"[" + b"0," * 9_000_000 + b"0]"), b"gzip", 413, "payload-too-large"),
    encoded("deflate that is none", _EVENTS, b"deflate"),
    encoded("deflate cut", zlib.compress(_EVENTS)[:-1], b"deflate"),
    encoded("deflate bomb", zlib.compress(_ZEROS), b"deflate", 413, "payload-too-large"),
    encoded("brotli that is none", _EVENTS, b"br"),
    encoded("brotli cut", _BROTLI[:-1], b"br"),
    encoded("brotli with something behind", _BROTLI + b"rest", b"br"),
    encoded("brotli bomb", brotli.compress(_ZEROS, quality=1), b"br", 413, "payload-too-large"),
    encoded("zstd that is none", _EVENTS, b"zstd"),
    encoded("zstd cut", _ZSTD[:-1], b"zstd"),
    encoded("zstd with something behind", _ZSTD + b"rest", b"zstd"),
    encoded("zstd bomb", zstd.compress(_ZEROS), b"zstd", 413, "payload-too-large"),
    encoded("zstd of a giant window", b"\x28\xb5\x2f\xfd\x00\xff\x01\x00\x00", b"zstd"),
    encoded("encoding unknown", _EVENTS, b"compress", 415, "unsupported-encoding"),
    encoded("encoding of a text", _EVENTS, b"utf-8", 415, "unsupported-encoding"),
    encoded("encoding with a weight", _GZIP, b"gzip;q=1.0", 415, "unsupported-encoding"),
    encoded("encoding in bytes of no text", _GZIP, b"\xff\xfe", 415, "unsupported-encoding"),
    encoded("five encodings", _GZIP, b"gzip,gzip,gzip,gzip,gzip", 415, "unsupported-encoding"),
    encoded("a thousand encodings", _GZIP, b"identity," * 1_000, 415, "unsupported-encoding"),
]

_KEY = (b"x-write-key", b"{KEY}")
TYPES_AND_KEYS = [
    refused("XML type", 415, "unsupported-encoding", _KEY, (b"content-type", b"application/xml")),
    refused("form type", 415, "unsupported-encoding", _KEY, (b"content-type", b"application/x-www-form-urlencoded")),
    refused("multipart type", 415, "unsupported-encoding", _KEY, (b"content-type", b"multipart/form-data; boundary=x")),
    refused("type of no text", 415, "unsupported-encoding", _KEY, (b"content-type", b"\xff")),
    refused("giant type", 415, "unsupported-encoding", _KEY, (b"content-type", b"a" * 50_000)),
    refused("charset UTF-16", 415, "unsupported-encoding", _KEY, (b"content-type", b"application/json; charset=utf-16")),
    refused("no key", 401, "unauthenticated", (b"content-type", JSON)),
    refused("empty key", 401, "unauthenticated", (b"x-write-key", b"")),
    refused("wrong key", 401, "unauthenticated", (b"x-write-key", b"wk_wrong")),
    refused("key of no text", 401, "unauthenticated", (b"x-write-key", b"\xff\xfe")),
    refused("giant key", 401, "unauthenticated", (b"x-write-key", b"wk_" + b"x" * 50_000)),
    refused("bearer of nothing", 401, "unauthenticated", (b"authorization", b"Bearer")),
    refused("bearer of SQL", 401, "unauthenticated", (b"authorization", b"Bearer ' OR 1=1 --")),
    refused("basic of no base64", 401, "unauthenticated", (b"authorization", b"Basic !!!")),
    refused("basic of no text", 401, "unauthenticated", (b"authorization", b"Basic " + base64.b64encode(b"\xff\xfe"))),
    refused("basic cut", 401, "unauthenticated", (b"authorization", b"Basic d2s")),
    refused("unknown scheme", 401, "unauthenticated", (b"authorization", b"Negotiate x")),
]

_POST = b"POST /v1/events HTTP/1.1\r\nhost: x\r\nx-write-key: {KEY}\r\n"
_BODY = b"content-length: 2\r\n\r\n[]"
HTTP = [
    raw("nonsense", b"NONSENSE\r\n\r\n", 400),
    raw("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 100, 400),
    raw("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    raw("HTTP/3.0", b"POST /v1/events HTTP/3.0\r\nhost: x\r\n\r\n", 400),
    raw("lines without a return", b"POST /v1/events HTTP/1.1\nhost: x\n\n", 400),
    raw("path of no text", b"POST /v1/\xff HTTP/1.1\r\nhost: x\r\n\r\n", 400),
    raw("length of no number", _POST + b"content-length: two\r\n\r\n[]", 400),
    raw("negative length", _POST + b"content-length: -2\r\n\r\n[]", 400),
    raw("length of 30 digits", _POST + b"content-length: " + b"9" * 30 + b"\r\n\r\n[]", 400),
    raw("two lengths", _POST + b"content-length: 2\r\ncontent-length: 3\r\n\r\n[]", 400),
    raw("length and chunks", _POST + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    raw("chunk size of no number", _POST + b"transfer-encoding: chunked\r\n\r\nzz\r\n[]\r\n0\r\n\r\n", 400),
    raw("chunk longer than it says", _POST + b"transfer-encoding: chunked\r\n\r\n1\r\n[]\r\n0\r\n\r\n", 400),
    raw("NUL in a header", _POST + b"x: a\0b\r\n" + _BODY, 400),
    raw("line break in a header", _POST + b"x: a\rb\r\n" + _BODY, 400),
    raw("space before the colon", _POST + b"x : a\r\n" + _BODY, 400),
    raw("header without a colon", _POST + b"nonsense\r\n" + _BODY, 400),
    raw("header name of no text", _POST + b"\xff: a\r\n" + _BODY, 400),
    raw("a head of 300,000 bytes", _POST + b"x: " + b"y" * 300_000, 431),
    raw("20,000 headers", _POST + b"x: y\r\n" * 20_000, 431),
    raw("length of 21 megabytes", _POST + b"content-length: 21000000\r\n\r\n[]", 413, "payload-too-large"),
    raw("length of 10^18", _POST + b"content-length: 999999999999999999\r\n\r\n[]", 413, "payload-too-large"),
    raw("no length", _POST + b"\r\n", 400, "invalid-body"),
    raw("body shorter than its length", _POST + b"content-length: 5000\r\n\r\n[GOOD]", 0, hangs_up=True),
    raw("chunks cut between two", _POST + b"transfer-encoding: chunked\r\n\r\n2\r\n[]\r\n", 0, hangs_up=True),
    raw("chunks cut within one", _POST + b"transfer-encoding: chunked\r\n\r\nffff\r\n[GOOD", 0, hangs_up=True),
    raw("head cut", _POST[:-20], 0, hangs_up=True),
    raw("nothing at all", b"", 0, hangs_up=True),
    raw("body longer than its length", _POST + b"content-length: 2\r\n\r\n[]]]]]", 200, ""),
    raw("empty chunks", _POST + b"transfer-encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n", 200, ""),
    raw("trailers", _POST + b"transfer-encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\nx-write-key: wk_other\r\n\r\n", 200, ""),
    raw("two keys, the last wrong", _POST + b"x-write-key: wk_other\r\n" + _BODY, 400, "invalid-body"),
    raw("two types, the last wrong", _POST + b"content-type: application/json\r\ncontent-type: text/html\r\n" + _BODY, 400, "invalid-body"),
    raw("request id of control characters", _POST + b"x-request-id: a\tb\x7f\r\n" + _BODY, 400),
    raw("request id of a page", _POST + b"x-request-id: <script>\r\n" + _BODY, 200, ""),
    raw("forwarded for nonsense", _POST + b"origin: http://x\r\nx-forwarded-for: <script>\r\ncontent-length: 27\r\n\r\n" + b'{"event":"e","user_id":"u"}', 200, "", accepted=1),
    raw("upgrade", _POST + b"connection: upgrade\r\nupgrade: websocket\r\n" + _BODY, 400, "invalid-body"),
    raw("expect", _POST + b"expect: 100-continue\r\n" + _BODY, 200, ""),
    raw("HTTP/1.0", b"POST /v1/events?key={KEY} HTTP/1.0\r\n" + _BODY, 200, ""),
    raw("the whole address", b"POST http://elsewhere/v1/events HTTP/1.1\r\nhost: x\r\nx-write-key: {KEY}\r\n" + _BODY, 200, ""),
    raw("path in escapes", _POST.replace(b"events", b"%65vents") + _BODY, 200, ""),
    raw("path with a slash behind", _POST.replace(b"events", b"events/") + _BODY, 404, "not-found"),
    raw("path with two slashes", _POST.replace(b"/v1", b"//v1") + _BODY, 404, "not-found"),
    raw("path upwards", _POST.replace(b"/v1/events", b"/v1/x/../events") + _BODY, 404, "not-found"),
    raw("path in capitals", _POST.replace(b"/v1/events", b"/V1/Events") + _BODY, 404, "not-found"),
    raw("path with NUL", _POST.replace(b"/v1/events", b"/v1/events%00") + _BODY, 404, "not-found"),
    raw("path in bad escapes", _POST.replace(b"/v1/events", b"/v1/events%ff%zz") + _BODY, 404, "not-found"),
    raw("path of 20,000", _POST.replace(b"/v1/events", b"/v1/events" + b"x" * 20_000) + _BODY, 404, "not-found"),
    raw("star", _POST.replace(b"/v1/events", b"*") + _BODY, 404, "not-found"),
    raw("query of 20,000", _POST.replace(b"/v1/events", b"/v1/events?" + b"a=%ff&" * 3_000) + _BODY, 200, ""),
    raw("GET", b"GET /v1/events?key={KEY} HTTP/1.1\r\nhost: x\r\n\r\n", 405, "method-not-allowed"),
    raw("GET with a body", b"GET /v1/events HTTP/1.1\r\nhost: x\r\nx-write-key: {KEY}\r\n" + _BODY, 405, "method-not-allowed"),
    raw("PUT", _POST.replace(b"POST", b"PUT") + _BODY, 405, "method-not-allowed"),
    raw("DELETE", _POST.replace(b"POST", b"DELETE") + _BODY, 405, "method-not-allowed"),
    raw("PROPFIND", _POST.replace(b"POST", b"PROPFIND") + _BODY, 405, "method-not-allowed"),
    raw("method said by a header", b"GET /v1/events HTTP/1.1\r\nhost: x\r\nx-http-method-override: POST\r\nx-write-key: {KEY}\r\n" + _BODY, 405, "method-not-allowed"),
    raw("post in small letters", _POST.replace(b"POST", b"post") + _BODY, 400),
    raw("CONNECT", b"CONNECT x:443 HTTP/1.1\r\nhost: x\r\n\r\n", 400),
]  # fmt: skip

CORPUS = [*BROKEN_DOCUMENTS, *ENVELOPES, *FIELDS, *TEXTS, *NUMBERS, *SIZES, *LINES, *ENCODINGS, *TYPES_AND_KEYS, *HTTP]
