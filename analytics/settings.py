"""Every setting, read once from the environment (prefix `ANALYTICS_`) or a TOML file.

Only `app.py`, `cli/`, `supervisor.py`, `services.py` and test fixtures see this; classes take the plain values they need.
"""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, cast
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from analytics.crypto.tls import ServedCertificate
from analytics.domain.sql_policy import check_changes
from analytics.errors import InvalidRequestError, SettingsError
from analytics.mail.server_address import parse_mail_url
from analytics.oidc.address import is_good_address
from analytics.warehouse.server_address import parse_server_url

Role = Literal["api", "writer", "scheduler"]
PREFIX = "ANALYTICS_"


def _split_roles(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


class Settings(BaseSettings):
    """The whole configuration. Each field is one `ANALYTICS_<NAME>` variable; `description` is what the README prints."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True, env_ignore_empty=True)

    data_dir: Path = Field(Path("./data"), description="Folder of everything the service keeps on this machine.")
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    clickhouse_url: SecretStr | None = Field(None, description="`http(s)://user:password@host:8123/database?ca_cert=FILE`; absent: chDB.")
    clickhouse_readonly_url: SecretStr | None = Field(None, description="The analysts' ClickHouse user; absent: none.")
    clickhouse_cluster: str | None = Field(None, description="ClickHouse cluster: not served yet, only warned about; absent: none.")
    postgres_url: SecretStr | None = Field(None, description="`postgresql://…?sslmode=verify-full&sslrootcert=FILE`; absent: embedded.")
    redis_url: SecretStr | None = Field(None, description="`redis://…`, `rediss://…?ssl_ca_certs=FILE`; absent: embedded Valkey.")
    secret_key: SecretStr | None = Field(None, description="Signs tokens, seals keys; absent: made and kept in the data dir (mode 0600).")
    secret_key_file: Path | None = Field(None, description="File that holds the secret key, in place of `ANALYTICS_SECRET_KEY`.")
    tls_cert_file: Path | None = Field(
        None, description="Certificate chain (PEM) of the service's own port, which then speaks HTTPS; read again when it changes."
    )
    tls_key_file: Path | None = Field(None, validate_default=True, description="Its private key (PEM).")
    roles: Annotated[tuple[Role, ...], NoDecode, BeforeValidator(_split_roles)] = Field(
        ("api", "writer", "scheduler"),
        description="What this process does: `writer` takes events and stores them, `api` answers all else, `scheduler` runs jobs.",
    )
    bootstrap_admin_email: str = Field("admin@example.com", description="Owner made at the first start.")
    bootstrap_admin_password: SecretStr | None = Field(None, description="Its password; absent: made and printed once.")
    bootstrap_project: str = Field("default", pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="Slug of the first project.")
    bootstrap_write_key: SecretStr | None = Field(
        None, description="Write key of the first project (`wk_…`); absent: made at the first start."
    )
    log_format: Literal["console", "json"] = Field("console", description="`console` or `json`.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="`debug`, `info`, `warning` or `error`.")
    public_url: str | None = Field(None, description="Address the service is reached at from outside; begins the links in mails.")
    oidc_issuer: str | None = Field(None, description="Identity provider (OpenID Connect) that people may sign in by; absent: none.")
    oidc_client_id: str | None = Field(None, validate_default=True, description="Our client there; its redirect URI: see Signing in.")
    oidc_client_secret: SecretStr | None = Field(None, description="The client's secret; absent: a public client.")
    smtp_url: SecretStr | None = Field(
        None,
        description="`smtps://user:password@host:465` or `smtp+starttls://…:587` (`?ca_file=…` for a private authority); absent: no mail.",
    )
    smtp_from: str = Field("analytics@localhost", pattern=r"^[^@\s<>,]+@[^@\s<>,]+$", description="Address that mail comes from.")

    spool_max_bytes: int = Field(
        8_000_000_000,
        ge=10_000_000,
        description="Events waiting on disk may take this much; then 503. Of n projects each may take a part of n + 1.",
    )
    spool_backlog_rows: int = Field(
        150_000, ge=1_000, description="Above this many waiting events answers are slowed down, so that senders keep step."
    )
    spool_sync: bool = Field(True, description="fdatasync before each answer. Off loses acknowledged events at a power cut: tests only.")
    decode_processes: int = Field(
        1, ge=0, le=64, description="Processes that decode events beside the worker; 0: the worker does it itself, slower, in less memory."
    )
    batch_max_rows: int = Field(50_000, ge=1, le=500_000, description="Most events in one insert.")
    batch_max_wait_ms: int = Field(250, ge=1, le=60_000, description="Longest a batch waits for more events.")
    dedup_horizon_ids: int = Field(
        100_000_000, ge=1_000_000, description="So many latest event ids are remembered against repeats (24 h at most)."
    )
    request_max_bytes: int = Field(20_000_000, ge=1_000, description="Largest body, after expansion.")
    request_max_events: int = Field(10_000, ge=1, description="Most events in one request.")
    project_events_per_second: int = Field(
        1_000_000, ge=1, description="Rate limit of one project (burst: ten seconds of it); above it 429."
    )
    key_requests_per_second: int = Field(
        20_000, ge=1, description="Rate limit of one write key on `/v1/events` (burst: ten seconds of it); above it 429."
    )
    address_requests_per_minute: int = Field(
        300_000,
        ge=1,
        description="Rate limit of one address on all other routes, and on `/v1/events` without a good write key; above it 429.",
    )
    user_requests_per_minute: int = Field(120_000, ge=1, description="Rate limit of one person.")
    token_requests_per_minute: int = Field(120_000, ge=1, description="Rate limit of one API token.")
    request_timeout_seconds: float = Field(
        120.0, gt=0, description="Longest a request may take until its answer begins; events and live streams have times of their own."
    )
    drain_timeout_seconds: float = Field(20.0, ge=0, description="Longest a stop waits for the spool to drain; the rest waits on disk.")
    hang_timeout_seconds: float = Field(
        60.0,
        ge=1,
        description="A worker or writer that gives no sign of life for this long is killed and started again (starting: ten times).",
    )
    subject_export_days: int = Field(7, ge=1, le=90, description="So long the file of a subject export can be fetched; then it is removed.")
    sql_limits: dict[str, dict[str, float]] = Field(
        {},
        description='What SQL may cost, by role, as JSON: `{"analyst": {"seconds": 30}}`; absent: see SQL for analysts.',
    )
    sql_concurrency: int = Field(4, ge=1, le=64, description="SQL queries of all projects at once in one process.")
    sql_queue: int = Field(64, ge=0, le=10_000, description="SQL queries that may wait for their turn; above it 429.")
    sql_queue_seconds: float = Field(30.0, gt=0, le=110, description="Longest a SQL query waits for its turn; then 429.")
    sql_grace_seconds: float = Field(
        15.0,
        gt=0,
        description="A SQL query that goes on for so long after it was killed turns SQL off; after as long again the worker starts anew.",
    )
    sql_history_days: int = Field(90, ge=1, le=3_650, description="So long the history of SQL queries is kept.")
    answer_cache_bytes: int = Field(64_000_000, ge=0, description="Kept answers may take this much of Redis; 0: none are kept.")
    answer_cache_answer_bytes: int = Field(2_000_000, ge=1_000, description="Largest answer that is kept.")
    answer_cache_seconds: int = Field(3_600, ge=1, le=86_400, description="Longest an answer is kept, however good.")
    picture_processes: int = Field(1, ge=1, le=16, description="Pictures of dashboards drawn at once, each in a process of its own.")
    geoip_path: Path | None = Field(None, description="A MaxMind country or city file (.mmdb); absent: no countries.")
    clock_offset_seconds: float = Field(0.0, description="Moves the service's clock: tests only.")

    @field_validator("clickhouse_url", "clickhouse_readonly_url")
    @classmethod
    def _clickhouse_url(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parse_server_url(value.get_secret_value())
        return value

    @field_validator("sql_limits")
    @classmethod
    def _sql_limits(cls, value: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
        whole = {role: {name: _whole(number) for name, number in limits.items()} for role, limits in value.items()}
        try:
            check_changes(whole)
        except InvalidRequestError as error:
            raise ValueError(error.detail) from error
        return whole

    @field_validator("postgres_url")
    @classmethod
    def _postgres_url(cls, value: SecretStr | None) -> SecretStr | None:
        return _with_scheme(value, "postgresql", "postgres")

    @field_validator("redis_url")
    @classmethod
    def _redis_url(cls, value: SecretStr | None) -> SecretStr | None:
        return _with_scheme(value, "redis", "rediss", "unix")

    @field_validator("public_url")
    @classmethod
    def _public_url(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "http://x")
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
            raise ValueError("must be http(s)://host, with a path at most")
        return value

    @field_validator("oidc_issuer")
    @classmethod
    def _oidc_issuer(cls, value: str | None) -> str | None:
        if value is not None and (not is_good_address(value) or urlsplit(value).query or urlsplit(value).fragment):
            raise ValueError("must be https://…, as the provider's discovery document names it")
        return value

    @field_validator("oidc_client_id")
    @classmethod
    def _oidc_client(cls, value: str | None, info: ValidationInfo) -> str | None:
        if "oidc_issuer" in info.data and (value is None) != (info.data["oidc_issuer"] is None):
            raise ValueError(f"goes with {PREFIX}OIDC_ISSUER: give both or none")
        if value is not None and info.data.get("public_url") is None:
            raise ValueError(f"needs {PREFIX}PUBLIC_URL, where the provider sends browsers back to")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _smtp_url(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parse_mail_url(value.get_secret_value())
        return value

    @field_validator("secret_key_file")
    @classmethod
    def _secret_key_file(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is not None and info.data.get("secret_key") is not None:
            raise ValueError(f"goes not with {PREFIX}SECRET_KEY: give one of the two")
        if value is not None:
            secret_key_in(value)
        return value

    @field_validator("tls_key_file")
    @classmethod
    def _tls_files(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        certificate = info.data.get("tls_cert_file")
        if (value is None) != (certificate is None):
            raise ValueError(f"goes with {PREFIX}TLS_CERT_FILE: give both or none")
        if value is not None and certificate is not None:
            ServedCertificate(certificate, value)
        return value

    def given_secret_key(self) -> str | None:
        """The secret key from outside: the setting, or what is in its file; None: the one of the data dir."""
        if self.secret_key_file is not None:
            return secret_key_in(self.secret_key_file)
        return self.secret_key.get_secret_value() if self.secret_key else None

    @field_validator("host")
    @classmethod
    def _host_not_blank(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("must not be blank")
        return value


def _whole(number: float) -> float:
    return int(number) if number == int(number) else number


def _with_scheme(url: SecretStr | None, *schemes: str) -> SecretStr | None:
    if url is not None and url.get_secret_value().strip().partition("://")[0] not in schemes:
        raise ValueError(f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    return url


def secret_key_in(file: Path) -> str:
    """The secret key that `file` holds. Raises ValueError if it cannot be read or is empty."""
    try:
        key = file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} cannot be read: {getattr(error, 'strerror', None) or 'not text'}") from None
    if not key:
        raise ValueError(f"{file} is empty")
    return key


def load_settings(config: Path | None = None, **overrides: Any) -> Settings:
    """Settings from `overrides`, then the environment, then the TOML file `config` (keys as in `Settings`, any case).

    Raises SettingsError, naming each wrong setting as its environment variable.
    """
    from_file: dict[str, Any] = {}
    if config is not None:
        try:
            from_file = {str(key).lower(): value for key, value in tomllib.loads(config.read_text("utf-8")).items()}
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise SettingsError(f"--config {config}: {error}") from error
        unknown = sorted(set(from_file) - set(Settings.model_fields))
        if unknown:
            raise SettingsError(f"--config {config}: unknown setting {', '.join(unknown)}")
    try:
        environment = cast(Callable[[], Settings], Settings)().model_dump(exclude_unset=True)
        return Settings.model_validate({**from_file, **environment, **{k: v for k, v in overrides.items() if v is not None}})
    except ValidationError as error:
        raise SettingsError("; ".join(_sentence(item) for item in error.errors())) from error


def _sentence(item: Any) -> str:
    name = str(item["loc"][0]) if item["loc"] else "?"
    return f"{PREFIX}{name.upper()}: {str(item['msg']).removeprefix('Value error, ')}"
