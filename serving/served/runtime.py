"""Takes up what changes, data and champions, and puts the next `Served` in the place of the one before.

A request takes `runtime.served()` once and answers from that value alone. `refresh` builds the next value beside it and then puts
it in its place with one assignment, so no request ever sees new data with an old model, and none waits. What triggers it is cheap
to look at: the store's revision, the text file that names the current champion, and the clock while the data is fresh.

What needs no model does not wait for one: `runtime.loaded()` is the data alone (`Loaded`), and is there before any champion is.

The registry is never on the path of a request: `champions` says how the server learns of another champion.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Literal, Protocol

import pandas as pd

from features import clock
from features.dataset import Dataset
from features.errors import NotReadyError
from features.store import Renewal
from serving.operations import metrics, run_folder, traces
from serving.registry.champions import Champions
from serving.registry.registry_watch import Registry, State
from serving.served.earlier import Earlier
from serving.served.scores import Scores
from serving.served.state import Loaded, Served
from serving.served.trend import NoPast, Past
from training.bundle import Bundle, DamagedBundleError

OLDEST_DAYS: Final = 1 / 24
"""While the data is fresh, "now" moves on; the pipeline is computed again when it is this many days old."""
FEW_DEALS: Final = 2000
"""Up to so many open deals are all scored again after a write; of more, those of the accounts that it touched, the rest after."""

Lack = Literal["starting", "no_data", "no_champion", "damaged_champion"]

ADVICE: Final[Mapping[Lack, str]] = {
    "starting": "The server is starting: data and champion are being loaded.",
    "no_data": "There is no data yet. Load some with 'dealcast ingest SOURCE', or run 'dealcast demo'.",
    "damaged_champion": "The champion for deals is damaged, and there is no other. It is being fetched again.",
    "no_champion": "There is no champion for deals yet. Train one with 'dealcast train', or run 'dealcast demo'.",
}

log = logging.getLogger("dealcast")


class Source(Protocol):
    """Where the data comes from; `features.store.Store` is one."""

    @property
    def state(self) -> State: ...
    def revision(self) -> int: ...
    def load(self) -> Dataset: ...
    def renew(self, before: Dataset, revision: int) -> Renewal | None: ...
    def epoch(self, at: pd.Timestamp) -> int | None: ...
    def load_at(self, at: pd.Timestamp, now: Dataset, /) -> Dataset: ...


class Runtime:
    """Holds the one value that is answered from and replaces it: a Served, or a Loaded while there is no champion for deals.

    registry  what is known of the registry
    lacks     what stands in the way while no Served is there
    stopping  whether the server is about to stop, so that it takes nothing more that can go elsewhere
    folder    where the workers of one server meet; None where this process is the whole server, and asks the registry itself
    past      what was answered before, for the trends; nothing where none is given
    earlier   the data of past dates
    """

    def __init__(self, source: Source, champions: Champions, past: Past | None = None) -> None:
        self.source = source
        self.champions = champions
        self.past = past or NoPast()
        self.earlier = Earlier(source)
        self.registry = Registry()
        self.lacks: Lack = "starting"
        self.stopping = False
        self.folder: Path | None = None
        self._held: Loaded | None = None
        self._versions: Mapping[str, str] = {}
        self._rejected: dict[str, str] = {}
        self._one_at_a_time = threading.Lock()
        self._scores: Scores | None = None
        self._waker: Callable[[], object] | None = None

    def served(self) -> Served:
        """What to answer from. Raises NotReadyError, saying what is missing and what to do."""
        if not isinstance(self._held, Served):
            raise NotReadyError(ADVICE[self.lacks], self.lacks)
        return self._held

    @property
    def ready(self) -> bool:
        """Whether there is a Served."""
        return isinstance(self._held, Served)

    @property
    def buckets(self) -> Path | None:
        """The file in which all workers note how fast each caller asks; None where there are no others."""
        return None if self.folder is None else run_folder.buckets_file(self.folder)

    def loaded(self) -> Loaded:
        """The data, whether or not there is a champion. Raises NotReadyError, saying what is missing and what to do."""
        if self._held is None:
            raise NotReadyError(ADVICE[self.lacks], self.lacks)
        return self._held

    def wake(self) -> None:
        """Look for news now and not at the next poll; from any thread."""
        if self._waker is not None:
            self._waker()

    def woken_by(self, waker: Callable[[], object] | None) -> None:
        """What `wake` calls."""
        self._waker = waker

    def refresh(self) -> bool:
        """Take up new data or a new champion; whether anything changed. What is served stays when there is nothing better."""
        with self._one_at_a_time:
            revision, versions = self._revision(), self.champions.versions()
            if not revision:
                self.lacks = "no_data"
                return False
            if "deals" not in versions:
                self.lacks = "no_champion"
                return self._load(revision)
            if not self._outdated(revision, versions):
                return False
            if self._held is None:
                self._load(revision)  # KPIs do not wait for scores
            return self._take_up(revision, versions)

    def _revision(self) -> int:
        """That of the source; while the database does not answer, what is held may be newer than the copy that there is."""
        revision = self.source.revision()
        return max(revision, self._held.revision) if self._held is not None and self.source.state == "stale" else revision

    @property
    def unsettled(self) -> bool:
        """Whether some deals were scored at another moment than the others."""
        return self._scores is not None and not self._scores.settled

    def settle(self) -> bool:
        """Score everything as of one moment, beside the writes that are taken up meanwhile; whether that was needed."""
        held = self._held
        if not self.unsettled or not isinstance(held, Served):
            return False
        whole, scores = _built(held.dataset, held.revision, held.bundles, self.past)
        with self._one_at_a_time:
            now = self._held
            if now is held:
                self._hold((whole, scores))
            elif isinstance(now, Served) and now.bundles == held.bundles:
                # What was written meanwhile is laid over it once more; where that does not do, the newer one stays.
                self._hold(self._renewed(whole, scores, held.bundles))
        return True

    def _hold(self, made: tuple[Served, Scores] | None) -> None:
        if made is not None:
            self._held, self._scores = made

    def _renewed(self, held: Loaded | None, scores: Scores | None, bundles: Mapping[str, Bundle]) -> tuple[Served, Scores] | None:
        """A Served with what was written since; None where nothing was, all has to be loaded, or the champions are others."""
        if not isinstance(held, Served) or scores is None or not _identical(held.bundles, bundles):
            return None
        with traces.span("store.renew", revision=held.revision):
            renewal = self.source.renew(held.dataset, held.revision)
        if renewal is None or renewal.revision == held.revision:
            return None
        if len(held.deals) <= FEW_DEALS:
            served, new = _built(renewal.dataset, renewal.revision, held.bundles, self.past)
        else:
            as_of = clock.now(renewal.dataset.ends_at)
            new = scores.patched(renewal, held.bundles, as_of)
            served = Served.of(renewal.dataset, renewal.revision, as_of, held.bundles, new, self.past)
        if "past_deals" in vars(held):
            vars(served)["past_deals"] = held.past_deals
        return served, new

    def _load(self, revision: int) -> bool:
        """Take up data alone. Scores stay what they were where there were any."""
        if isinstance(self._held, Served) or not self._outdated(revision, {}):
            return False
        dataset = self._dataset(revision)
        self._held = Loaded(dataset, revision, clock.now(dataset.ends_at))
        return True

    def try_refresh(self) -> None:
        """Refresh; a failure is logged, and what was served is served on."""
        begun, before = time.monotonic(), self._versions
        try:
            if self.refresh():
                metrics.refreshed(time.monotonic() - begun)
                log.info("serving", extra={"revision": self.loaded().revision, "versions": dict(self._versions)})
        except NotReadyError as error:
            metrics.refresh_failed()
            log.warning("refresh failed; what was loaded before is served on", extra={"why": str(error)})
        except Exception:
            metrics.refresh_failed()
            log.exception("refresh failed; what was loaded before is served on")
        metrics.store(answered=self.source.state == "fresh")
        if self._held is not None:
            metrics.data(self._held.revision, self._held.age_days * 86_400)
            metrics.serving(self._versions, before, time.time())

    def _outdated(self, revision: int, versions: Mapping[str, str]) -> bool:
        held = self._held
        if held is None or (revision, versions) != (held.revision, self._versions):
            return True
        now = clock.now(held.dataset.ends_at)
        return float(clock.days_between(clock.micros(held.as_of), clock.micros(now))) > OLDEST_DAYS

    def _dataset(self, revision: int) -> Dataset:
        held = self._held
        if held is not None and held.revision == revision:
            return held.dataset
        with traces.span("store.load", revision=revision):
            return self.source.load()

    def _take_up(self, revision: int, versions: Mapping[str, str]) -> bool:
        """Compute what is served next; whether it is anything else than before."""
        before, bundles = self._held, self._bundles(versions)
        if "deals" not in bundles:
            self.lacks = "damaged_champion"
            return False
        same = isinstance(before, Served) and before.revision == revision and _identical(before.bundles, bundles)
        if same and not self._outdated(revision, self._versions):
            return False
        renewed = self._renewed(self._held, self._scores, bundles)
        self._hold(renewed or _built(self._dataset(revision), revision, bundles, self.past))
        self._versions = {target: each.version for target, each in bundles.items()}
        return True

    def _bundles(self, versions: Mapping[str, str]) -> dict[str, Bundle]:
        """The champion of each target; the one before it where it is damaged."""
        had = self._held.bundles if isinstance(self._held, Served) else {}
        found = {target: self._bundle(target, version, had.get(target)) for target, version in versions.items()}
        return {target: each for target, each in found.items() if each is not None}

    def _bundle(self, target: str, version: str, before: Bundle | None) -> Bundle | None:
        if before is not None and before.version == version:
            return before
        try:
            loaded = self.champions.load(target, version)
        except DamagedBundleError as error:
            if self._rejected.get(target) != version:
                metrics.model_rejected(target)
                log.error("model rejected", extra={"target": target, "version": version, "why": str(error)})
            self._rejected[target] = version
            return before or self.champions.last_good(target)
        self._rejected.pop(target, None)
        return loaded


def _identical(before: Mapping[str, Bundle], after: Mapping[str, Bundle]) -> bool:
    return before.keys() == after.keys() and all(after[target] is each for target, each in before.items())


def build(dataset: Dataset, revision: int, bundles: Mapping[str, Bundle], past: Past | None = None) -> Served:
    """Compute everything that is read often, as of now."""
    return _built(dataset, revision, bundles, past or NoPast())[0]


def _built(dataset: Dataset, revision: int, bundles: Mapping[str, Bundle], past: Past) -> tuple[Served, Scores]:
    as_of = clock.now(dataset.ends_at)
    scores = Scores.of(dataset, bundles, as_of)
    return Served.of(dataset, revision, as_of, bundles, scores, past), scores
