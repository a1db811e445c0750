"""Log lines: one JSON object each, from our code and from libraries, without secrets."""

import io
import json
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from analytics.metadata.secrets import make_token
from analytics.telemetry.logging import MASK, configure_logging, log_context, mask_text

SECRETS = [
    "at_Zk3v9Qm1Lw8xYt5RbN2c",
    "wk_Zk3v9Qm1Lw8xYt5RbN2c",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1LTEifQ.c2lnbmF0dXJl",
    "hunter2hunter2",
]


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    """Where the log goes; afterwards logging is as it was."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_each_line_is_one_json_object_with_time_level_logger_and_fields(out: io.StringIO) -> None:
    configure_logging("json", "info", out)
    structlog.get_logger("analytics.writer").info("batch stored", rows=50_000, name="two\nlines")
    (line,) = lines(out)
    assert line["message"] == "batch stored"
    assert line["rows"] == 50_000
    assert line["name"] == "two\nlines"
    assert line["level"] == "info"
    assert line["logger"] == "analytics.writer"
    assert line["timestamp"].endswith("Z")


def test_a_library_line_goes_through_the_same_renderer_with_the_request_id(out: io.StringIO) -> None:
    configure_logging("json", "info", out)
    with log_context(request_id="r-1"):
        logging.getLogger("uvicorn.error").warning("closed %s", "early")
        structlog.get_logger("analytics").warning("ours")
    logging.getLogger("uvicorn.error").warning("outside")
    first, second, third = lines(out)
    assert (first["message"], first["request_id"], first["logger"]) == ("closed early", "r-1", "uvicorn.error")
    assert second["request_id"] == "r-1"
    assert "request_id" not in third


@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.parametrize("secret", SECRETS)
def test_no_secret_reaches_the_log(out: io.StringIO, log_format: Any, secret: str) -> None:
    configure_logging(log_format, "debug", out)
    log = structlog.get_logger("analytics")
    log.info("sign in", password=secret, refresh_token=secret, Authorization=secret, body={"deep": [{"client_secret": secret}]})
    log.info(
        "called", url=f"https://host/live?ticket={secret}&x=1", database=f"postgresql://user:{secret}@host/db", header=f"Bearer {secret}"
    )
    logging.getLogger("psycopg").error("failed: password=%s", secret)
    try:
        raise ValueError(f"token={secret}")
    except ValueError:
        log.exception("failed")
    text = out.getvalue()
    assert text.count(MASK) >= 8
    assert secret not in text


@pytest.mark.parametrize("prefix", ["wk", "at", "rt", "bs", "in", "pr"])
def test_every_kind_of_secret_that_we_hand_out_is_known_by_its_prefix(prefix: str) -> None:
    secret = make_token(prefix)
    assert mask_text(f"x {secret} y") == f"x {prefix}_{MASK} y"


def test_what_is_no_secret_stays_readable() -> None:
    for text in ("postgresql://host/db", "the key of the table", "batch n1:4:16:4:900", "look at_home", "user=anna", "basic idea"):
        assert mask_text(text) == text


def test_an_error_carries_its_stack_as_a_field_without_local_variables(out: io.StringIO) -> None:
    configure_logging("json", "info", out)
    hidden = "a local value"
    try:
        try:
            raise KeyError("cause")
        except KeyError as cause:
            raise RuntimeError("broken") from cause
    except RuntimeError:
        structlog.get_logger("analytics").exception("failed")
    (line,) = lines(out)
    assert line["exception"][0]["exc_type"] == "RuntimeError"
    assert line["exception"][1]["exc_type"] == "KeyError"
    assert line["exception"][0]["frames"][-1]["name"] == "test_an_error_carries_its_stack_as_a_field_without_local_variables"
    assert hidden not in out.getvalue()


def test_the_level_holds_for_all_and_access_lines_are_quiet_at_info(out: io.StringIO) -> None:
    configure_logging("json", "warning", out)
    structlog.get_logger("analytics").info("hidden")
    logging.getLogger("psycopg").info("hidden")
    assert out.getvalue() == ""
    configure_logging("json", "info", out)
    logging.getLogger("uvicorn.access").info("POST /v1/events 200")
    assert out.getvalue() == ""
    structlog.get_logger("analytics").info("shown")
    assert [line["message"] for line in lines(out)] == ["shown"]


def test_configuring_twice_does_not_write_lines_twice(out: io.StringIO) -> None:
    configure_logging("console", "info", io.StringIO())
    configure_logging("json", "info", out)
    structlog.get_logger("analytics").info("once")
    assert len(lines(out)) == 1


def test_a_request_id_does_not_leak_into_another_thread_or_out_of_its_block(out: io.StringIO) -> None:
    configure_logging("json", "info", out)
    with log_context(request_id="r-2"):
        thread = threading.Thread(target=lambda: structlog.get_logger("analytics").info("elsewhere"))
        thread.start()
        thread.join()
    assert "request_id" not in lines(out)[0]
