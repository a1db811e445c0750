"""An analyst's handle on a ClickHouse server: one request of the read-only user, in the role of one project.

The rights are the server's (`analytics clickhouse-setup`): here only the role, the limits and `readonly` are sent with each request. The
one thing to know: a server says 200 before it knows how a query ends; a failure then stands in the body, marked by a tag that no data
can hold since it is drawn for each answer.
"""

import re
import ssl
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

import httpx
import msgspec

from analytics.errors import StoreError, WarehouseUnavailableError
from analytics.fence.analyst_door import OutputFormat, Statistics, TableEstimate, coarse, estimates_of
from analytics.fence.limits import SqlLimits
from analytics.fence.query_life import QueryLife
from analytics.fence.self_test import FenceProbe, find_faults
from analytics.fence.server_rights import ServerRights
from analytics.warehouse.client import CONNECT_SECONDS, Warehouse
from analytics.warehouse.server_address import ServerAddress

HANDLES = 8
WAIT_SECONDS = 30.0
_ANSWER_SECONDS_MORE = 15.0  # than the query may take, until the server is given up
_OK = 200
_PARAMETER = "param_"
_LONGEST_VALUES = 8_000  # characters in an address, where each may be written as nine
_LONGEST_FAILURE = 1 << 16
_SAMPLE_SECONDS = 0.5
_KILL_AGAIN_SECONDS = 0.1
_KILLS = 50
_GONE_SECONDS = 0.2
_NO_ROLE = re.compile(r"\bCode: (?:511|512)\b")  # UNKNOWN_ROLE, SET_NON_GRANTED_ROLE
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_SAMPLE = """
SELECT read_rows, read_bytes, peak_memory_usage FROM system.processes
WHERE query_id = {query_id:String} ORDER BY read_rows DESC LIMIT 1
"""


class ServerAnalystDoor:
    """Opens handles on a server. Safe from many threads."""

    def __init__(self, address: ServerAddress, warehouse: Warehouse, handles: int = HANDLES) -> None:
        """`address` is that of the analysts' user, `warehouse` the same server by the service's own user.

        At most `handles` are open at once; who comes then waits.
        """
        if warehouse.server is None:
            raise ValueError("this warehouse is embedded")
        self.rights = ServerRights.between(address, warehouse.server)
        self._address = address
        self._warehouse = warehouse
        self._slots = threading.BoundedSemaphore(handles)
        host = f"[{address.host}]" if ":" in address.host else address.host
        self._client = httpx.Client(
            base_url=f"{address.interface}://{host}:{address.port}",
            auth=(address.username or "default", address.password),
            headers={"Accept-Encoding": "identity"},
            verify=_verified(address),
            limits=httpx.Limits(max_connections=handles, max_keepalive_connections=handles),
            trust_env=False,
        )

    def open(self, project_id: str, query_id: str, limits: SqlLimits) -> "ServerAnalystHandle":
        """As `AnalystDoor.open`; connects with the first request."""
        if not _ID.match(project_id) or not _ID.match(query_id):
            raise ValueError("a handle needs a project and a query id of letters, digits, _ and -")
        if not self._slots.acquire(timeout=WAIT_SECONDS):
            raise WarehouseUnavailableError("No handle for SQL came free.")
        return ServerAnalystHandle(self, project_id, query_id, limits, self._slots.release)

    def self_test(self) -> Sequence[str]:
        """As `AnalystDoor.self_test`."""
        return find_faults(FenceProbe(self, self._warehouse, self.rights.user))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    # ---- for the handles ---------------------------------------------------

    def request(self, project_id: str, query_id: str, limits: SqlLimits, sql: str, options: Mapping[str, str]) -> httpx.Response:
        """The server's answer, unread. Raises httpx.HTTPError."""
        values = {name: value for name, value in options.items() if name.startswith(_PARAMETER)}
        is_long = sum(map(len, values.values())) > _LONGEST_VALUES
        parameters = {
            **{name: str(value) for name, value in limits.settings().items()},
            **{name: value for name, value in options.items() if not is_long or name not in values},
            "database": self.rights.database,
            "role": self.rights.role_of(project_id),
            "query_id": query_id,
            "cancel_http_readonly_queries_on_client_close": "1",
            "send_progress_in_http_headers": "0",
            "wait_end_of_query": "0",
            "readonly": "1",
        }
        timeout = httpx.Timeout(limits.seconds + _ANSWER_SECONDS_MORE, connect=CONNECT_SECONDS)
        if is_long:  # as a form, since an address may not be as long
            form = {name: (None, value.encode()) for name, value in {"query": sql, **values}.items()}
            request = self._client.build_request("POST", "/", params=parameters, files=form, timeout=timeout)
        else:
            request = self._client.build_request("POST", "/", params=parameters, content=sql.encode(), timeout=timeout)
        name = self._address.options.get("server_host_name")
        if name:
            request.extensions["sni_hostname"] = name
        return self._client.send(request, stream=True)

    def make_role(self, project_id: str) -> None:
        """Make a project's role. Raises WarehouseUnavailableError, saying what is missing."""
        try:
            for statement in self.rights.role_statements(project_id):
                self._warehouse.command(statement)
        except StoreError as error:
            raise WarehouseUnavailableError(
                "ClickHouse has no role for this project, and the service may not make it: see `analytics clickhouse-setup`."
            ) from error

    def kill(self, query_id: str) -> None:
        """End a query. Raises StoreError."""
        self._warehouse.command("KILL QUERY WHERE query_id = {query_id:String} ASYNC", {"query_id": query_id})

    def wait_gone(self, query_id: str) -> None:
        """Until the server does not work on a query any more, or does not answer."""
        with suppress(StoreError):
            while self._warehouse.query(_SAMPLE, {"query_id": query_id}, lane="control").rows:
                time.sleep(_GONE_SECONDS)

    def sample(self, query_id: str) -> tuple[int, int, int] | None:
        """Rows and bytes read and the peak of memory of a query that runs."""
        with suppress(StoreError):
            for rows, size, memory in self._warehouse.query(_SAMPLE, {"query_id": query_id}, lane="control").rows:
                return int(rows), int(size), int(memory)
        return None


class ServerAnalystHandle:
    """One query."""

    def __init__(self, door: ServerAnalystDoor, project_id: str, query_id: str, limits: SqlLimits, release: Callable[[], None]) -> None:
        self._door = door
        self._project_id = project_id
        self._query_id = f"{project_id}:{query_id}"  # callers choose it: who ends a query ends whatever has its id
        self._limits = limits
        self._release = release
        self._response: httpx.Response | None = None
        self._life = QueryLife()
        self._closed = False
        self._seen = (0, 0, 0)
        self._sampled_at = time.perf_counter()

    def stream(self, sql: str, parameters: Mapping[str, str], output_format: OutputFormat) -> Generator[bytes]:
        """As `AnalystHandle.stream`."""
        self._begin(sql, parameters)
        try:
            response = self._answer(sql, {**_as_options(parameters), "default_format": output_format})
            yield from self._body(response)
            self._life.go_on()
        except httpx.HTTPError as error:
            raise self._life.failure("") from error
        finally:
            self._life.end()

    def estimate(self, sql: str, parameters: Mapping[str, str]) -> Sequence[TableEstimate]:
        """As `AnalystHandle.estimate`."""
        self._begin(sql, parameters)
        try:
            response = self._answer(f"EXPLAIN ESTIMATE {sql}", {**_as_options(parameters), "default_format": "TabSeparated"})
            answer = b"".join(self._body(response)).decode()
        except httpx.HTTPError as error:
            raise self._life.failure("") from error
        finally:
            self._life.end()
        return estimates_of(answer)

    @property
    def statistics(self) -> Statistics:
        """As `AnalystHandle.statistics`; of a long stream as it was half a second before its end."""
        return coarse(*self._seen, self._life.elapsed_seconds)

    def cancel(self) -> None:
        """As `AnalystHandle.cancel`."""
        self._life.cancelled.set()
        for _ in range(_KILLS):
            if not self._life.begun or self._life.ended.is_set():
                return
            with suppress(StoreError):
                self._door.kill(self._query_id)
            if self._life.ended.wait(_KILL_AGAIN_SECONDS):
                return

    def close(self) -> None:
        """As `AnalystHandle.close`."""
        if self._closed:
            return
        self._closed = True
        try:
            if self._response is not None:
                self._response.close()  # the server ends a reading query whose reader has gone
            self._life.end()
            if self._life.cancelled.is_set():  # as long as the server works on it, nobody else gets its place
                self._door.wait_gone(self._query_id)
        finally:
            self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /) -> None:
        self.close()

    def _begin(self, sql: str, parameters: Mapping[str, str]) -> None:
        if self._closed:
            raise ValueError("a handle is for one query")
        self._life.begin(sql, parameters)

    def _answer(self, sql: str, options: Mapping[str, str]) -> httpx.Response:
        """The answer of the server, which has begun well."""
        response, refusal = self._ask(sql, options)
        if refusal and _NO_ROLE.search(refusal):
            self._door.make_role(self._project_id)
            response, refusal = self._ask(sql, options)
        if refusal:
            raise self._life.failure(refusal)
        return response

    def _ask(self, sql: str, options: Mapping[str, str]) -> tuple[httpx.Response, str]:
        response = self._door.request(self._project_id, self._query_id, self._limits, sql, options)
        self._response = response
        if response.status_code == _OK and "X-ClickHouse-Exception-Code" not in response.headers:
            self._note_summary(response)
            return response, ""
        refusal = b""
        for chunk in response.iter_raw():
            refusal += chunk
            if len(refusal) > _LONGEST_FAILURE:
                break
        response.close()
        code = response.headers.get("X-ClickHouse-Exception-Code", "")
        text = refusal[-_LONGEST_FAILURE:].decode("utf-8", "replace")
        return response, text if "Code: " in text or not code else f"Code: {code}. {text}"

    def _body(self, response: httpx.Response) -> Generator[bytes]:
        marker = f"__exception__\r\n{response.headers.get('X-ClickHouse-Exception-Tag', '')}".encode()
        keep = len(marker) + 2
        held = b""
        chunks = response.iter_raw()
        for chunk in chunks:
            self._life.go_on()
            held += chunk
            at = held.find(marker)
            if at >= 0:
                raise self._life.failure((held[at + len(marker) :] + _rest(chunks)).decode("utf-8", "replace"))
            if len(held) > keep:
                yield held[:-keep]
                held = held[-keep:]
            self._sample()
        if held:
            yield held

    def _note_summary(self, response: httpx.Response) -> None:
        with suppress(msgspec.MsgspecError, KeyError, ValueError):
            summary = msgspec.json.decode(response.headers["X-ClickHouse-Summary"], type=dict[str, str])
            self._seen = (int(summary["read_rows"]), int(summary["read_bytes"]), int(summary.get("memory_usage", 0)))

    def _sample(self) -> None:
        now = time.perf_counter()
        if now - self._sampled_at >= _SAMPLE_SECONDS:
            self._sampled_at = now
            self._seen = self._door.sample(self._query_id) or self._seen


def _rest(chunks: Iterator[bytes]) -> bytes:
    """What still comes of a failure."""
    rest = b""
    with suppress(httpx.HTTPError):  # the server breaks the connection behind it
        for chunk in chunks:
            rest += chunk
            if len(rest) > _LONGEST_FAILURE:
                break
    return rest


def _as_options(parameters: Mapping[str, str]) -> dict[str, str]:
    return {f"{_PARAMETER}{name}": value for name, value in parameters.items()}


def _verified(address: ServerAddress) -> ssl.SSLContext | bool:
    """How the server's certificate is checked, and ours shown, by the options of the URL."""
    if address.interface == "http":
        return False
    options = address.options
    context = ssl.create_default_context(cafile=options.get("ca_cert"))
    if options.get("verify", "true").lower() in ("0", "false", "no"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if options.get("client_cert"):
        context.load_cert_chain(options["client_cert"], options.get("client_cert_key"))
    return context
