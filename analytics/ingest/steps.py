"""What happens to each event at the door, one function a step; `pipeline.py` puts them in order."""

import ipaddress
import math
import os
import re
from collections.abc import Callable
from functools import lru_cache
from operator import itemgetter
from typing import cast

import numpy as np
from msgspec import DecodeError, Raw
from msgspec.json import Decoder

from analytics.domain.project import IpPolicy
from analytics.domain.verdict import Reason
from analytics.ingest.batch import EventBatch
from analytics.ingest.timestamps import MISSING, UNREADABLE, parse_times

MAX_DEPTH = 20
MAX_PROPERTIES = 255
MAX_FUTURE_MS = 24 * 3600 * 1000
OLDEST_MS = 946_684_800_000  # 2000-01-01
CLOCK_TOLERANCE_MS = 5 * 60 * 1000
_LEAST_BYTES_OF_TOO_MANY = MAX_PROPERTIES * 5  # `"a":1` each
_DEPTH_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)
# Without what a number is made of, one with an exponent is an `e` between separators, which are all made one.
_SEPARATORS = bytes.maketrans(b"E,[]{}", b"e:::::")
_OF_NUMBERS = b"0123456789.+- \t\r\n"
_EXPONENT = b":e:"
_DIGITS = bytes.maketrans(b"123456789", b"0" * 9)
_MANY_DIGITS = b"0" * 280
_OPENING = ord("{")
_LONGEST_ADDRESS = 100  # with a zone; more is none, and must not be kept
_first_byte = itemgetter(0)
_members = Decoder(dict[str, Raw])
_anything = Decoder()


def require_user(batch: EventBatch) -> None:
    """Refuse events without user_id and anonymous_id."""
    if None not in batch.user_id:
        return
    for index, (user, anonymous) in enumerate(zip(batch.user_id, batch.anonymous_id, strict=True)):
        if user is None and anonymous is None:
            batch.refuse(index, Reason.MISSING_USER, 'One of "user_id" and "anonymous_id" is needed.')


def check_properties(batch: EventBatch) -> None:
    """Refuse properties that are no object, too deep, too many, not UTF-8, or with numbers beyond a double, and such contexts; absent or
    null becomes `{}`."""
    texts = batch.properties
    # Nearly always each begins as an object does: that is seen at once.
    all_objects = all(texts) and set(map(_first_byte, texts)) == {_OPENING}
    for index in [] if all_objects else [i for i, text in enumerate(texts) if text[:1] != b"{"]:
        if texts[index] not in (b"", b"null"):
            batch.refuse(index, Reason.INVALID_PROPERTIES, '"properties" must be an object.')
        texts[index] = b"{}"
    if batch.context_extra is not None:
        for index, extra in enumerate(batch.context_extra):
            # The member of the context stands one level below it, as a property does.
            if extra is not None and extra.count("{") + extra.count("[") > MAX_DEPTH and _depth(extra.encode()) > MAX_DEPTH:
                batch.refuse(index, Reason.TOO_DEEP, f'"context" is nested more than {MAX_DEPTH} levels deep.')
            elif extra is not None and (_has_exponent(extra.encode()) or _has_many_digits(extra.encode())):
                _check_numbers(batch, index, extra.encode(), "context")
    joined = b"".join(texts)
    if not joined.isascii():
        _check_utf8(batch, joined)
    longest = max(map(len, texts))
    if _has_exponent(joined) or (longest > len(_MANY_DIGITS) and _has_many_digits(joined)):
        for index, text in enumerate(texts):
            if _has_exponent(text) or _has_many_digits(text):
                _check_numbers(batch, index, text, "properties")
    if joined.count(b"{") + joined.count(b"[") >= len(texts) + MAX_DEPTH:
        for index, text in enumerate(texts):
            if text.count(b"{") + text.count(b"[") > MAX_DEPTH and _depth(text) > MAX_DEPTH:
                batch.refuse(index, Reason.TOO_DEEP, f'"properties" is nested more than {MAX_DEPTH} levels deep.')
    if longest >= _LEAST_BYTES_OF_TOO_MANY:
        for index, text in enumerate(texts):
            if len(text) >= _LEAST_BYTES_OF_TOO_MANY and index not in batch.refused:
                _check_count(batch, index, text)


def _check_utf8(batch: EventBatch, joined: bytes) -> None:
    try:
        joined.decode("utf-8")
    except UnicodeDecodeError:
        for index, text in enumerate(batch.properties):
            try:
                text.decode("utf-8")
            except UnicodeDecodeError:
                batch.refuse(index, Reason.INVALID_PROPERTIES, '"properties" is not valid UTF-8.')
                batch.properties[index] = b"{}"


def _has_exponent(text: bytes) -> bool:
    """Whether a number has one. Cheap, since every event is asked."""
    return _EXPONENT in text.translate(_SEPARATORS, _OF_NUMBERS)


def _has_many_digits(text: bytes) -> bool:
    return _MANY_DIGITS in text.translate(_DIGITS)


def _check_numbers(batch: EventBatch, index: int, text: bytes, member: str) -> None:
    """The engine reads no member at all of an object with such a number."""
    try:
        if not _has_infinity(_anything.decode(text)):
            return
    except RecursionError:
        return  # too deep, and refused for it
    except (DecodeError, UnicodeDecodeError):
        pass
    batch.refuse(index, Reason.INVALID_PROPERTIES, f'"{member}" has a number beyond what a 64-bit float can hold.')


def _has_infinity(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(_has_infinity, cast(dict[str, object], value).values()))
    if isinstance(value, list):
        return any(map(_has_infinity, cast(list[object], value)))
    return isinstance(value, float) and math.isinf(value)


def _check_count(batch: EventBatch, index: int, text: bytes) -> None:
    try:
        count = len(_members.decode(text))
    except (DecodeError, RecursionError) as error:
        batch.refuse(index, Reason.INVALID_PROPERTIES, f'"properties" could not be read: {error}.')
        return
    if count > MAX_PROPERTIES:
        batch.refuse(index, Reason.TOO_MANY_PROPERTIES, f'"properties" has {count:,} members; {MAX_PROPERTIES} are the most.')


def _depth(text: bytes) -> int:
    depth = deepest = 0
    for token in _DEPTH_TOKENS.findall(text):
        if token in b"{[":
            depth += 1
            deepest = max(deepest, depth)
        elif token in b"}]":
            depth -= 1
    return deepest


def correct_clock(batch: EventBatch) -> None:
    """Times to milliseconds: the receipt where none is given, moved by what the sender's clock is off where `sent_at` shows it."""
    times = parse_times(batch.timestamp)
    given = times > MISSING
    if any(sent is not None for sent in batch.sent_at):
        sent = parse_times(batch.sent_at)
        for index in np.flatnonzero(sent == UNREADABLE):
            batch.refuse(int(index), Reason.INVALID_TIMESTAMP, '"sent_at" is not a time.')
        error = np.where(sent > MISSING, batch.received_ms - np.clip(sent, -(1 << 61), 1 << 61), 0)
        wrong = given & (np.abs(error) > CLOCK_TOLERANCE_MS)
        # Only clocks, not centuries: a `sent_at` this wrong says nothing about when the event happened.
        times = np.where(wrong, np.clip(times, -(1 << 61), 1 << 61) + error, times)
    for index in np.flatnonzero(times == UNREADABLE):
        batch.refuse(int(index), Reason.INVALID_TIMESTAMP, '"timestamp" must be an ISO 8601 time or a number of seconds or milliseconds.')
    batch.timestamp_ms = np.where(given, times, batch.received_ms)


def check_age(batch: EventBatch) -> None:
    """Refuse events from the future, from before 2000, and those older than the project takes."""
    times = batch.timestamp_ms
    oldest, rule = OLDEST_MS, "before the year 2000"
    if batch.project.event_max_age_days is not None:
        narrower = batch.received_ms - batch.project.event_max_age_days * 86_400_000
        if narrower > oldest:
            oldest, rule = narrower, f"older than {batch.project.event_max_age_days} days"
    if int(times.max()) > batch.received_ms + MAX_FUTURE_MS:
        for index in np.flatnonzero(times > batch.received_ms + MAX_FUTURE_MS):
            batch.refuse(int(index), Reason.TIMESTAMP_IN_FUTURE, "The time is more than 24 hours ahead.")
    if int(times.min()) < oldest:
        for index in np.flatnonzero(times < oldest):
            batch.refuse(int(index), Reason.TIMESTAMP_TOO_OLD, f"The time is {rule}.")


def assign_ids(batch: EventBatch) -> None:
    """Make a UUID v7 for each event that came without an id."""
    if None in batch.event_id:
        batch.event_id = [event_id or _uuid7(batch.received_ms) for event_id in batch.event_id]


def _uuid7(milliseconds: int) -> str:
    number = (milliseconds & (1 << 48) - 1) << 80 | int.from_bytes(os.urandom(10), "big")
    number = number & ~(0xF000 << 64) | 0x7000 << 64
    number = number & ~(0xC000 << 48) | 0x8000 << 48
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def take_sender_address(batch: EventBatch) -> None:
    """The address the request came from, where the event names none; what is no address is left out."""
    texts = [ip or sender for ip, sender in zip(batch.ip, batch.sender_ips, strict=True)]
    batch.ip = [_address(text) if len(text) <= _LONGEST_ADDRESS else "" for text in texts]


@lru_cache(maxsize=65_536)
def _address(text: str) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return ""
    if address.version == 4:
        return str(address)
    # Without the zone of an IPv6 address (`%eth0`): it names an interface of the sender, and may be any text.
    return str(address.ipv4_mapped or ipaddress.IPv6Address(int(address)))


def country_step(country_of: Callable[[str], str]) -> Callable[[EventBatch], None]:
    """A step that looks up the country of each address; it runs before addresses are cut."""

    def look_up_country(batch: EventBatch) -> None:
        batch.country = [country_of(ip) if ip else "" for ip in batch.ip]

    return look_up_country


def apply_ip_policy(batch: EventBatch) -> None:
    """Keep, cut or drop addresses as the project says; nothing cut reaches the disk."""
    match batch.project.ip_policy:
        case IpPolicy.KEEP:
            pass
        case IpPolicy.CUT:
            batch.ip = [_cut(ip) if ip else "" for ip in batch.ip]
        case IpPolicy.DROP:
            batch.ip = [""] * len(batch)


@lru_cache(maxsize=65_536)
def _cut(text: str) -> str:
    address = ipaddress.ip_address(text)
    prefix = 24 if address.version == 4 else 48
    return str(ipaddress.ip_network(f"{address}/{prefix}", strict=False).network_address)
