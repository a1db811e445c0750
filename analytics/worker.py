"""The worker: one process, one event loop, the whole application. Started by the supervisor, never by hand.

    python -m analytics.worker --listen-fd N --report-fd N

The settings come in the environment, already resolved. What the supervisor wants to know goes over the report pipe, one JSON document a
line: `{"ready": {...}}` once requests are served, or `{"failed": {...}}` if the start was refused; before that
`{"bootstrapped": {...}}`, the same fields, so that a new admin's password outlives a start that fails later; and each second from then on
`{"alive": {...}}`, from the event loop, with how long the writer's thread has given no sign of life, and whether a query of SQL will not
end, so that the worker is to be stopped.
"""

import gc

if __name__ == "__main__":
    gc.disable()  # a start makes what stays: looking through it again and again takes a tenth of its time

import argparse
import asyncio
import contextlib
import json
import logging
import os
import socket
from collections.abc import Mapping
from typing import Any

import structlog
import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from analytics.api.http_head import BoundedHttp
from analytics.app import create_app
from analytics.crypto.tls import ServedCertificate
from analytics.errors import AnalyticsError
from analytics.garbage import tune_garbage_collection
from analytics.metadata.bootstrap import BootstrapResult
from analytics.services import Services
from analytics.settings import Settings, load_settings
from analytics.side_process import do_without_pandas
from analytics.telemetry.logging import configure_logging, log_unhandled
from analytics.telemetry.metrics import Metrics

GRACEFUL_SECONDS = 5  # for answers under way when the stop comes; what is spooled has its own time
TICKS_A_BEAT = 10  # of 0.1 s
CERTIFICATE_LOOK_SECONDS = 2.0
KEEP_ALIVE_SECONDS = 75  # longer than the 60 s for which load balancers keep an idle connection

_log = structlog.get_logger("analytics.worker")


class Reports:
    """The pipe to the supervisor; without one, silence."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    def send(self, kind: str, fields: Mapping[str, Any]) -> None:
        """One line, written at once; lost if the supervisor has not read for long."""
        if self._descriptor is None:
            return
        with contextlib.suppress(BlockingIOError):
            os.write(self._descriptor, json.dumps({kind: fields}).encode() + b"\n")


class StartWatch:
    """Around the application: an error of ours that refuses the start is reported in one line instead of printed as a traceback."""

    def __init__(self, app: ASGIApp, reports: Reports) -> None:
        self._app = app
        self._reports = reports

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        started = False
        held: Message | None = None

        async def watched(message: Message) -> None:
            nonlocal started, held
            if message["type"] == "lifespan.startup.failed":
                held = message  # its text is the traceback: whether it is shown depends on the error, which comes next
                return
            started = started or message["type"] == "lifespan.startup.complete"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except AnalyticsError as error:
            if started:
                raise
            self._reports.send("failed", {"code": error.code, "detail": error.detail, "kind": [c.__name__ for c in type(error).__mro__]})
            await send({"type": "lifespan.startup.failed", "message": ""})
        except BaseException:
            if held is not None:
                await send(held)
            raise


class Server(uvicorn.Server):
    """Tells the supervisor once it serves."""

    def __init__(self, config: uvicorn.Config, reports: Reports, certificate: ServedCertificate | None = None) -> None:
        super().__init__(config)
        self._reports = reports
        self._certificate = certificate
        self._renewing: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._certificate is not None:
            self._renewing = asyncio.create_task(keep_renewed(self._certificate), name="tls-certificate")
        tune_garbage_collection()
        if self.started and not self.should_exit:
            services: Services | None = self.lifespan.state.get("services")
            if services is not None and self._certificate is not None:
                show_certificate(services.metrics, self._certificate)
            self._reports.send("ready", ready_fields(services.bootstrap if services else None))

    async def on_tick(self, counter: int) -> bool:
        if counter % TICKS_A_BEAT == 0:
            self._reports.send("alive", _signs_of_life(self.lifespan.state.get("services")))
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        services: Services | None = self.lifespan.state.get("services")
        if services is not None:
            services.live.stop()  # streams never end by themselves, and the stop would wait for them
            services.sql.queries.door.stop()  # nor do long queries in time
        if self._renewing is not None:
            self._renewing.cancel()
        await super().shutdown(sockets)


def served_certificate(settings: Settings) -> ServedCertificate | None:
    """The certificate of the settings; None: the port speaks plain HTTP."""
    if settings.tls_cert_file is None or settings.tls_key_file is None:
        return None
    return ServedCertificate(settings.tls_cert_file, settings.tls_key_file)


async def keep_renewed(certificate: ServedCertificate, every_seconds: float = CERTIFICATE_LOOK_SECONDS) -> None:
    """Show a renewed certificate to new connections, until cancelled. One that is not good is left where it is."""
    while True:
        await asyncio.sleep(every_seconds)
        try:
            if certificate.renew():
                _log.info("the certificate was renewed")
        except ValueError as error:
            _log.error("the renewed certificate is not good; the one before goes on", detail=str(error))


def show_certificate(metrics: Metrics, certificate: ServedCertificate) -> None:
    """Count down to the end of the certificate, and say whether a renewed one was refused."""
    metrics.observe(
        "tls_certificate_expiry_timestamp_seconds",
        "When the certificate of the service's own port is over, in Unix seconds.",
        lambda: float(certificate.ends_at.timestamp()),
    )
    metrics.observe(
        "tls_certificate_refused",
        "1 while the files hold a certificate and key that are not good, so that the ones before go on.",
        lambda: certificate.refused,
    )


def _signs_of_life(services: Services | None) -> dict[str, float | bool]:
    if services is None:
        return {"writer_silent_seconds": 0.0, "patience": 1.0, "hopeless": False}
    writer = services.event_path.writer
    return {
        "writer_silent_seconds": writer.silent_seconds(),
        "patience": writer.patience(),
        "hopeless": services.sql.watchdog.hopeless,
    }


def ready_fields(bootstrap: BootstrapResult | None) -> dict[str, str]:
    """What the ready line says beside the address; what there is none of is left out, as a write key when all were revoked."""
    names = {"project_slug": "project", "write_key": "write_key", "admin_email": "admin_email", "admin_password": "admin_password"}
    return {shown: value for name, shown in names.items() if (value := getattr(bootstrap, name, None))}


def run(settings: Settings, listener: socket.socket, reports: Reports) -> int:
    """Serve until a signal says stop; the exit code."""
    certificate = served_certificate(settings)
    config = uvicorn.Config(
        StartWatch(create_app(settings, lambda made: reports.send("bootstrapped", ready_fields(made))), reports),
        loop="uvloop",
        http=BoundedHttp,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        ssl_context_factory=None if certificate is None else lambda config, default: certificate.context,
    )
    server = Server(config, reports, certificate)
    server.run(sockets=[listener])
    return 0 if server.started else 1


def main() -> None:
    """Entry point of the process."""
    gc.freeze()
    gc.enable()
    do_without_pandas()
    parser = argparse.ArgumentParser(prog="analytics.worker")
    parser.add_argument("--listen-fd", type=int, required=True)
    parser.add_argument("--report-fd", type=int)
    arguments = parser.parse_args()
    reports = Reports(arguments.report_fd)
    settings = load_settings()
    configure_logging(settings.log_format, settings.log_level)
    log_unhandled()
    if settings.log_level != "debug":
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # its start and stop the supervisor tells
    raise SystemExit(run(settings, socket.socket(fileno=arguments.listen_fd), reports))


if __name__ == "__main__":
    main()
