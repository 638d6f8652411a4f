"""What is counted, in the text format of Prometheus, for /metrics.

Labels are route templates, model versions and codes, never paths or ids: a series for each deal would fill any monitoring. With
several workers each process keeps its counts in files of its own in `PROMETHEUS_MULTIPROC_DIR` (see `run_folder`), and whichever
worker is asked adds them up; that variable has to be set before this module is imported.
"""

import os
from collections.abc import Iterable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.process_collector import ProcessCollector

from serving.operations import metrics_watch

FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
REFRESH_SECONDS: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)

_ALL: Final = metrics_watch.REGISTRY
_PROCESS: Final = CollectorRegistry()
ProcessCollector(registry=_PROCESS)

_REQUESTS: Final = Counter("http_requests", "Requests answered.", ["route", "method", "status"], registry=_ALL)
_DURATION: Final = Histogram(
    "http_request_duration_seconds",
    "From the request's head to the end of the answer.",
    ["route", "method"],
    registry=_ALL,
    buckets=SECONDS,
)
_RUNNING: Final = Gauge(
    "http_requests_in_progress", "Requests that are being answered or wait for it.", registry=_ALL, multiprocess_mode="livesum"
)
_SHED: Final = Counter("http_requests_shed", "Requests refused to protect the others.", ["reason"], registry=_ALL)
_SCORES: Final = Counter(
    "score_records", "Scores issued, or not, by what came of it.", ["model", "version", "outcome"], registry=_ALL
)
_WARNINGS: Final = Counter("score_warnings", "Warnings in issued scores.", ["code"], registry=_ALL)
_MODEL: Final = Gauge(
    "model_info",
    "1 for each version that some worker answers with, else 0.",
    ["name", "version"],
    registry=_ALL,
    multiprocess_mode="livemax",
)
_MODEL_LOADED: Final = Gauge(
    "model_loaded_timestamp_seconds",
    "When the version was taken up, in seconds since 1970.",
    ["name"],
    registry=_ALL,
    multiprocess_mode="livemin",
)
_MODELS_REJECTED: Final = Counter("models_rejected", "Champions refused because they were damaged.", ["name"], registry=_ALL)
_REVISION: Final = Gauge(
    "data_revision", "The store's revision that is served; the lowest of the workers.", registry=_ALL, multiprocess_mode="livemin"
)
_AGE: Final = Gauge(
    "data_age_seconds", "Seconds since the newest fact that is served.", registry=_ALL, multiprocess_mode="livemax"
)
_STORE_UP: Final = Gauge(
    "store_up", "1 where the store answered when last asked, 0 where not.", registry=_ALL, multiprocess_mode="livemin"
)
_STORE_FAILURES: Final = Counter("store_poll_failures", "How often the store did not answer.", registry=_ALL)
_REFRESH: Final = Histogram(
    "refresh_duration_seconds", "Taking up new data or a new champion.", registry=_ALL, buckets=REFRESH_SECONDS
)
_REFRESH_FAILURES: Final = Counter("refresh_failures", "How often that failed.", registry=_ALL)
_QUEUED: Final = Gauge("journal_queued", "Appends that wait for the writer.", registry=_ALL, multiprocess_mode="livesum")
_SPOOLED: Final = Gauge(
    "journal_backlog", "Entries on disk that wait for the database.", registry=_ALL, multiprocess_mode="livemostrecent"
)


def text() -> bytes:
    """All metrics, of all processes."""
    if FOLDER not in os.environ:
        return generate_latest(_ALL) + generate_latest(_PROCESS)
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return generate_latest(together)


def request_began() -> None:
    _RUNNING.inc()


def request_done(route: str, method: str, status: int, seconds: float) -> None:
    """`route` is a template, such as /v1/deals/{deal_id}."""
    _RUNNING.dec()
    known = method if method in METHODS else "other"
    _REQUESTS.labels(route, known, str(status)).inc()
    _DURATION.labels(route, known).observe(seconds)


def request_shed(reason: str) -> None:
    """`reason` is busy or rate."""
    _SHED.labels(reason).inc()


def scored(name: str, version: str, outcomes: Mapping[str, int], warnings: Iterable[str] = ()) -> None:
    """Scores issued: how many of each outcome (`scored`, or the reason why there is none), and the codes of their warnings."""
    for outcome, count in outcomes.items():
        _SCORES.labels(name, version, outcome).inc(count)
    for code in warnings:
        _WARNINGS.labels(code).inc()


def serving(versions: Mapping[str, str], before: Mapping[str, str], at: float) -> None:
    """This process answers with these versions now; `at` is in seconds since 1970."""
    for name, version in before.items():
        if versions.get(name) != version:
            _MODEL.labels(name, version).set(0)
    for name, version in versions.items():
        _MODEL.labels(name, version).set(1)
        if before.get(name) != version:
            _MODEL_LOADED.labels(name).set(at)


def model_rejected(name: str) -> None:
    _MODELS_REJECTED.labels(name).inc()


def data(revision: int, age_seconds: float) -> None:
    """What data is served."""
    _REVISION.set(revision)
    _AGE.set(age_seconds)


def store(*, answered: bool) -> None:
    _STORE_UP.set(answered)
    if not answered:
        _STORE_FAILURES.inc()


def refreshed(seconds: float) -> None:
    _REFRESH.observe(seconds)


def refresh_failed() -> None:
    _REFRESH_FAILURES.inc()


def journal(queued: int, spooled: int) -> None:
    """How far the journal is behind: appends of this process that wait, and entries of all that lie in the spool."""
    _QUEUED.set(queued)
    _SPOOLED.set(spooled)
