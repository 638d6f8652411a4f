"""The counts of the process that watches over the workers, or of the one process that does everything; see
`serving.operations.metrics`.

They are apart because a process writes a nought for every gauge that it knows of, and the lowest of all is what some show.
"""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.multiprocess import mark_process_dead

REGISTRY: Final = CollectorRegistry()

_REGISTRY_UP: Final = Gauge(
    "registry_up", "1 where the registry answered when last asked, 0 where not.", registry=REGISTRY, multiprocess_mode="livemax"
)
_REGISTRY_FAILURES: Final = Counter("registry_poll_failures", "How often the registry did not answer.", registry=REGISTRY)
_WORKERS_ENDED: Final = Counter("workers_ended", "Workers that died and were replaced.", registry=REGISTRY)

_WORKERS_HUNG: Final = Counter("workers_hung", "Workers that gave no sign of life and were killed.", registry=REGISTRY)


def registry(*, answered: bool) -> None:
    _REGISTRY_UP.set(answered)
    if not answered:
        _REGISTRY_FAILURES.inc()


def worker_hung() -> None:
    _WORKERS_HUNG.inc()


def worker_ended(pid: int) -> None:
    _WORKERS_ENDED.inc()
    mark_process_dead(pid)  # type: ignore[no-untyped-call]
