"""From a command to the running service, over HTTP: `--url` and `--token`, else the service of the data dir and its own owner.

    with connect(line) as service:
        made = service.post("/v1/projects", {"slug": "school", "name": "School"})

The one thing to know: the owner's token is made from the secret key of the data dir for each request, so whoever may read that key may do
everything, and nobody else.
"""

import ssl
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import IO, Any, cast

import httpx

from analytics.cli.context import CommandLine
from analytics.clock import SystemClock
from analytics.crypto.tls import pinned_context
from analytics.data_dir import DataDir
from analytics.domain.access_token import TokenSigner
from analytics.errors import RequestError, SettingsError, StartError, StoreError
from analytics.settings import Settings

TIMEOUT_SECONDS = 60.0


class RefusedError(RequestError):
    """The service said no; `problem` is its answer (RFC 9457)."""

    code = "refused"
    title = "The service refused"

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.problem = {"status": status, **problem}
        words = [str(problem.get("detail") or problem.get("title") or f"The service answered {status}.")]
        for place in cast(list[dict[str, Any]], problem.get("errors") or []):
            words.append(f"{place.get('pointer', '')}: {place.get('detail', '')}")
        super().__init__("\n  ".join(words))


class ServiceConnection:
    """Calls of one command. Each method answers the JSON body, None where there is none, and raises RefusedError or StoreError."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    @property
    def url(self) -> str:
        return str(self._client.base_url).rstrip("/")

    def get(self, path: str, **parameters: str) -> Any:
        return self.call("GET", path, params=parameters)

    def post(self, path: str, body: object = None) -> Any:
        return self.call("POST", path, json=body)

    def put(self, path: str, body: object = None) -> Any:
        return self.call("PUT", path, json=body)

    def patch(self, path: str, body: object = None) -> Any:
        return self.call("PATCH", path, json=body)

    def delete(self, path: str) -> Any:
        return self.call("DELETE", path)

    def call(self, method: str, path: str, **options: Any) -> Any:
        """`options` are those of `httpx.Client.request`."""
        return self.require_success(self.ask(method, path, **options))

    def require_success(self, response: httpx.Response) -> Any:
        """The JSON body of a good answer, None where it is none. Raises RefusedError."""
        try:
            body = response.json() if response.content else None
        except ValueError:
            body = None
        if not response.is_success:
            raise RefusedError(response.status_code, cast(dict[str, Any], body) if isinstance(body, dict) else {})
        return body

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """The answer as it came. Raises StoreError if there was none."""
        try:
            return self._client.request(method, path, **options)
        except httpx.TransportError as error:
            raise self._silent(error) from error

    @contextmanager
    def streamed(self, method: str, path: str, **options: Any) -> Generator[httpx.Response]:
        """The answer as it comes, its body unread. Raises StoreError if there was none."""
        try:
            response = self._client.send(self._client.build_request(method, path, **options), stream=True)
        except httpx.TransportError as error:
            raise self._silent(error) from error
        try:
            yield response
        finally:
            response.close()

    def _silent(self, error: httpx.TransportError) -> StoreError:
        return StoreError(f"The service at {self.url} does not answer: {error or type(error).__name__}.")

    def download(self, path: str, file: IO[bytes]) -> None:
        """Write a body to `file` as it comes, however large. Raises as `call`, and OSError if it cannot be written."""
        try:
            with self._client.stream("GET", path) as response:
                if not response.is_success:
                    response.read()
                    self.require_success(response)
                for chunk in response.iter_bytes():
                    file.write(chunk)
        except httpx.TransportError as error:
            raise StoreError(f"The service at {self.url} does not answer: {error or type(error).__name__}.") from error


class _OwnerOfDataDir(httpx.Auth):
    """Signs each request as the operator of the data dir, for a minute."""

    def __init__(self, signer: TokenSigner) -> None:
        self._signer = signer

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        request.headers["Authorization"] = f"Bearer {self._signer.for_operator()}"
        yield request


class _Bearer(httpx.Auth):
    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


@contextmanager
def connect(line: CommandLine) -> Generator[ServiceConnection]:
    """A connection with the credentials of the command line. Raises SettingsError, or StartError if no service runs on the data dir."""
    settings = line.settings()
    url = service_url(line, settings)
    with httpx.Client(base_url=url, auth=credentials(line, settings), timeout=TIMEOUT_SECONDS, verify=trust(url, settings)) as client:
        yield ServiceConnection(client)


def service_url(line: CommandLine, settings: Settings) -> str:
    """`--url`, else the address of the service that runs on the data dir. Raises StartError if none does."""
    if line.url:
        return line.url.rstrip("/")
    running = DataDir(settings.data_dir).running_service()
    if running is None:
        raise StartError(f"No service runs on the data dir {settings.data_dir}: start it with `analytics serve`, or give --url.")
    return running.url


def trust(url: str, settings: Settings) -> ssl.SSLContext | bool:
    """How to check the certificate at `url`: the service of this machine shows the one of our settings, any other one for its name."""
    running = DataDir(settings.data_dir).running_service()
    if running is None or url != running.url or not url.startswith("https://") or settings.tls_cert_file is None:
        return True
    try:
        return pinned_context(settings.tls_cert_file)
    except ValueError as error:
        raise SettingsError(f"ANALYTICS_TLS_CERT_FILE: {error}") from error


def credentials(line: CommandLine, settings: Settings) -> httpx.Auth:
    """`--token`, else the owner of the data dir. Raises StartError if its secret key cannot be read."""
    if line.token:
        return _Bearer(line.token)
    secret = settings.given_secret_key() or DataDir(settings.data_dir).kept_secret_key()
    return _OwnerOfDataDir(TokenSigner(secret, SystemClock(settings.clock_offset_seconds)))
