"""Logs: one line an event on standard error, for a person (`console`) or a machine (`json`), from our code and from libraries alike.

Code logs by `structlog.get_logger()` with fields: `log.info("batch stored", rows=50_000)`. The one thing to know: what looks like a secret
is masked on its way out, by the name of its field and by its form, also inside exception texts; a field named `token` is always masked,
so the token of a batch is logged as `batch`.
"""

import contextlib
import logging
import re
import sys
import threading
from collections.abc import Generator, Mapping, MutableMapping, Sequence
from types import TracebackType
from typing import Any, Literal, TextIO, cast

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

MASK = "***"

_SECRET_FIELD = re.compile(
    r"^(?:.*[_-])?(?:password|passwd|secret|secret[_-]key|token|access[_-]token|refresh[_-]token|ticket|authorization|cookie"
    r"|write[_-]key|api[_-]key|signature|dsn|credentials)$",
    re.IGNORECASE,
)
_SECRET_TEXT: Sequence[tuple[re.Pattern[str], str]] = (
    (re.compile(r"\b(wk|at|rt|bs|in|pr|sh)_[A-Za-z0-9_-]{8,}"), rf"\1_{MASK}"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"), MASK),  # a JWT
    (re.compile(r"\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE), rf"\1 {MASK}"),
    (re.compile(r"(://[^\s:/@]*):[^\s/@]+@"), rf"\1:{MASK}@"),  # the password in a URL
    (re.compile(r"\b((?:password|ticket|token|secret|key)=)[^\s&'\"]+", re.IGNORECASE), rf"\1{MASK}"),  # a query string or a conninfo
)

# Libraries that say at `info` what is no news to anybody.
_QUIET = ("uvicorn.access", "httpx", "httpcore", "apscheduler", "psycopg.pool", "asyncio")
# And these say as `warning` what they also raise, at each attempt to reach a server that is away.
_SILENT = ("clickhouse_connect", "urllib3")
_OWN_HANDLERS = ("uvicorn", "uvicorn.error", "uvicorn.access")


def configure_logging(log_format: Literal["console", "json"] = "console", level: str = "info", stream: TextIO | None = None) -> None:
    """Send every log line of this process to `stream` (standard error if absent). May be called again; the last call counts.

    `level` is `debug`, `info`, `warning` or `error`.
    """
    target = stream or sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.processors.StackInfoRenderer(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder(), _without_colour],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(log_format, target)],
        )
    )
    root = logging.getLogger()
    for old in list(root.handlers):
        if isinstance(old.formatter, structlog.stdlib.ProcessorFormatter):
            root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name in _OWN_HANDLERS:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    quiet_level = logging.NOTSET if level == "debug" else logging.WARNING
    for name in _QUIET:
        logging.getLogger(name).setLevel(quiet_level)
    for name in _SILENT:
        logging.getLogger(name).setLevel(logging.NOTSET if level == "debug" else logging.ERROR)
    logging.captureWarnings(True)


def log_unhandled() -> None:
    """Log what ends a thread or the process instead of printing it: for the entry points of processes only."""
    log = structlog.get_logger("analytics.unhandled")

    def in_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_type is not SystemExit:
            log.error("thread ended by an error", thread=args.thread.name if args.thread else None, exc_info=args.exc_value)

    def in_process(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
        else:
            log.critical("process ended by an error", exc_info=error)

    threading.excepthook = in_thread
    sys.excepthook = in_process


@contextlib.contextmanager
def log_context(**fields: Any) -> Generator[None]:
    """Add `fields` (such as `request_id`) to every line logged inside, in this task or thread and what it starts."""
    with structlog.contextvars.bound_contextvars(**fields):
        yield


def mask_text(text: str) -> str:
    """`text` without what has the form of a secret: keys, tokens, JWTs, passwords in URLs."""
    for pattern, replacement in _SECRET_TEXT:
        text = pattern.sub(replacement, text)
    return text


def mask_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Processor: mask secrets by the name of their field and by their form, at any depth."""
    return cast(EventDict, _masked(event))


def _masked(value: object) -> object:
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, Mapping):
        items = cast(Mapping[object, object], value).items()
        return {k: MASK if isinstance(k, str) and v is not None and _SECRET_FIELD.match(k) else _masked(v) for k, v in items}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(item) for item in cast(Sequence[object], value)]
    if value is None or isinstance(value, bool | int | float):
        return value
    return mask_text(str(value))  # whatever a renderer would turn into text: a URL object, an exception, bytes


def _rendering(log_format: Literal["console", "json"], target: TextIO) -> list[Processor]:
    if log_format == "json":
        return [
            structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)),
            mask_secrets,
            structlog.processors.EventRenamer("message"),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    return [
        structlog.processors.format_exc_info,
        mask_secrets,
        _without_empty,
        structlog.dev.ConsoleRenderer(colors=target.isatty(), exception_formatter=structlog.dev.plain_traceback),
    ]


def _without_colour(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    event.pop("color_message", None)  # uvicorn says everything twice
    return event


def _without_empty(_logger: WrappedLogger, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: value for key, value in event.items() if value is not None}
