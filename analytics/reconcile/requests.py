"""Asking for a reconciliation: from a route, or from the writer after a quarantine. Who runs them hears of it."""

import threading
from collections.abc import Callable

import structlog

from analytics.errors import AnalyticsError, ConflictError
from analytics.reconcile.records import Reconciliation, ReconciliationRecords

_log = structlog.get_logger("analytics.reconcile")


class ReconciliationRequests:
    """`on_request` is called, by whatever thread asks, once a request stands in the records. Methods block."""

    def __init__(self, records: ReconciliationRecords) -> None:
        self.records = records
        self.on_request: Callable[[], None] = lambda: None
        self._asking = threading.Lock()

    def ask(self, full: bool) -> Reconciliation:
        """Ask for one. Raises ConflictError while one is wanted or under way, or WarehouseUnavailableError."""
        with self._asking:
            if self.records.open():
                raise ConflictError("A reconciliation is wanted or under way already.")
            wanted = self.records.request(full, "asked")
        self.on_request()
        return wanted

    def ask_after_quarantine(self) -> None:
        """A batch went in without some of its rows, of which a rollup may have seen something: look at what changed, soon.

        Also while one is under way, which may have passed that month. Never raises: the daily one sees it too.
        """
        try:
            with self._asking:
                if not any(record.status == "requested" for record in self.records.open()):
                    self.records.request(False, "quarantine")
        except AnalyticsError as error:
            _log.warning("no reconciliation could be asked for", detail=error.detail)
        self.on_request()
