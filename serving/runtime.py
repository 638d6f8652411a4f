"""What the server holds in memory, and how it changes: data, champions and the pipeline computed from them, swapped as one.

A request takes `runtime.served()` once and answers from that value alone. `refresh` builds the next value beside it and then puts
it in its place with one assignment, so no request ever sees new data with an old model, and none waits. What triggers it is cheap
to look at: the store's revision, the text file that names the current champion, and the clock while the data is fresh.

What needs no model does not wait for one: `runtime.loaded()` is the data alone (`Loaded`), and is there before any champion is.

The registry is never on the path of a request: `champions` says how the server learns of another champion.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal, Protocol, Self, TypeVar

import numpy as np
import pandas as pd

from features import clock
from features.dataset import Dataset
from features.errors import NotReadyError
from features.excerpt import prepare
from features.rates import Rates, of_the_day
from features.snapshot import Snapshot
from features.store import Renewal
from serving import background, metrics, metrics_watch, registry_watch, run_folder, traces
from serving.champions import Champions
from serving.columns import Texts
from serving.one_deal import OneDeal, curve_table, look_up
from serving.people import people_of
from serving.ranking import Ranking
from serving.reason_columns import Words, words_of
from serving.registry_watch import Registry, State
from serving.scores import Scores
from serving.settings import Settings
from serving.sight import Sight, sight_of
from serving.trend import NoPast, Past
from training.bundle import Bundle, DamagedBundleError
from training.similar import PastDeals, past_deals

OLDEST_DAYS: Final = 1 / 24
"""While the data is fresh, "now" moves on; the pipeline is computed again when it is this many days old."""
MOST_KEPT: Final = 2000
MOST_VIEWS: Final = 500
"""Single deals whose signals and curves are kept."""
FEW_DEALS: Final = 2000
"""Up to so many open deals are all scored again after a write; of more, those of the accounts that it touched, the rest after."""
SETTLE_SECONDS: Final = 30.0
"""So often, at most, are all deals scored again after writes that touched some."""

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


Value = TypeVar("Value")


class shared(cached_property[Value]):  # noqa: N801  # it is used like cached_property
    """Computed once, also for all that is narrowed from it."""

    def __get__(self, instance: Any, owner: type[Any] | None = None) -> Any:
        if instance is not None and instance.whole is not None:
            return getattr(instance.whole, self.attrname or "")
        return super().__get__(instance, owner)


@dataclass(frozen=True)
class Loaded:
    """The data of one revision as of one moment: what KPIs, funnel, team and goals are answered from.

    sight  what the caller may see, None for everything; the data is whole all the same, answers are narrowed
    whole  everything, where this is what one person sees of it; what does not depend on the person is computed there, once
    """

    dataset: Dataset
    revision: int
    as_of: pd.Timestamp
    sight: Sight | None = field(default=None, kw_only=True)
    whole: "Loaded | None" = field(default=None, kw_only=True, repr=False, compare=False)
    _views: dict[str, Any] = field(default_factory=dict, kw_only=True, repr=False, compare=False)

    def seen_by(self, user_id: str | None) -> Self:
        """What a person may see, computed at the first request of theirs; everything for None."""
        if user_id is None or self.whole is not None:
            return self
        if user_id not in self._views:
            if len(self._views) >= MOST_VIEWS:
                self._views.clear()
            self._views[user_id] = self._narrowed(sight_of(self.snapshot, self.teams, user_id))
        view: Self = self._views[user_id]
        return view

    def _narrowed(self, sight: Sight) -> Self:
        return replace(self, sight=sight, whole=self)

    @property
    def owners(self) -> frozenset[str] | None:
        """Whose deals are seen, None for everyone's."""
        return None if self.sight is None else self.sight.people

    def shows_deal(self, deal_id: str) -> bool:
        """Whether a deal, open or closed, is there to be seen."""
        row = self.dataset.deal_rows.get_indexer(pd.Index([deal_id], dtype=object))
        if row[0] < 0 or not self.snapshot.exists[row[0]]:
            return False
        return self.owners is None or self.snapshot.texts("owner_id", row)[0] in self.owners

    @shared
    def snapshot(self) -> Snapshot:
        """The data as it was known at as_of."""
        return Snapshot(self.dataset, self.as_of)

    @shared
    def rates(self) -> Rates:
        """The rates that the signals of all deals borrow."""
        return of_the_day(self.snapshot)

    @shared
    def teams(self) -> Mapping[str, frozenset[str]]:
        """The people of each team, its whole subtree."""
        return people_of(self.snapshot, "team")

    @shared
    def reports(self) -> Mapping[str, frozenset[str]]:
        """Everybody below each manager, the manager included."""
        return people_of(self.snapshot, "manager")

    @shared
    def words(self) -> Words:
        """How figures read in each language."""
        return words_of(self.dataset)

    @property
    def age_days(self) -> float:
        """Days of 24 hours since the newest fact."""
        return float(clock.days_between(clock.micros(self.dataset.ends_at), clock.micros(pd.Timestamp.now(tz="UTC"))))


@dataclass(frozen=True)
class Served(Loaded):
    """One consistent answer to everything: requests read it and never change it.

    deals      those that the caller may see, and no other; clients likewise
    clients    None where there is no champion for clients
    explained  what was explained so far: (part, deal, horizon) -> see `serving.explained`
    """

    bundles: Mapping[str, Bundle]
    deals: Ranking
    clients: Ranking | None
    explained: dict[tuple[str, str, float], Any] = field(default_factory=dict, repr=False, compare=False)
    _looked_up: dict[str, OneDeal] = field(default_factory=dict, repr=False, compare=False)

    def _narrowed(self, sight: Sight) -> Self:
        deals, clients = self.deals, self.clients
        own = _only(deals, "owner_id", sight.people)
        theirs = None if clients is None else _only(clients, "account_id", sight.accounts)
        return replace(self, sight=sight, whole=self, deals=own, clients=theirs, explained={})

    def one(self, deal_id: str) -> OneDeal:
        """An open deal's signals and curve, computed at the first request for it."""
        if deal_id not in self._looked_up:
            if len(self._looked_up) >= MOST_KEPT:
                self._looked_up.clear()
            self._looked_up[deal_id] = look_up(self.snapshot, self.rates, self.bundles["deals"], deal_id)
        return self._looked_up[deal_id]

    def curve(self, deal_id: str) -> pd.DataFrame:
        """The deal's curve: day, p_won, p_lost, p_open, extrapolated."""
        return curve_table(self.one(deal_id).curves)

    @shared
    def past_deals(self) -> PastDeals:
        """The deals decided by as_of, to find similar ones among; collected at the first request for any."""
        return past_deals(self.dataset, self.bundles["deals"].explainers["deals"], self.as_of)

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        revision: int,
        as_of: pd.Timestamp,
        bundles: Mapping[str, Bundle],
        scores: Scores,
        past: Past | None = None,
    ) -> "Served":
        """The scores as rankings with their trends, over data in which posted deals find their accounts without a wait."""
        prepare(dataset)
        return cls(dataset, revision, as_of, bundles, *scores.ranked(past or NoPast(), as_of))


class Runtime:
    """Holds the one value that is answered from and replaces it: a Served, or a Loaded while there is no champion for deals.

    registry  what is known of the registry
    lacks     what stands in the way while no Served is there
    stopping  whether the server is about to stop, so that it takes nothing more that can go elsewhere
    folder    where the workers of one server meet; None where this process is the whole server, and asks the registry itself
    past      what was answered before, for the trends; nothing where none is given
    """

    def __init__(self, source: Source, champions: Champions, past: Past | None = None) -> None:
        self.source = source
        self.champions = champions
        self.past = past or NoPast()
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


def _only(ranking: Ranking, name: str, wanted: frozenset[str]) -> Ranking:
    """The rows with one of these texts; none where the column holds no texts at all."""
    found = ranking.columns[name]
    return ranking.only(np.flatnonzero(found.one_of(wanted)) if isinstance(found, Texts) else np.array([], dtype=np.intp))


def build(dataset: Dataset, revision: int, bundles: Mapping[str, Bundle], past: Past | None = None) -> Served:
    """Compute everything that is read often, as of now."""
    return _built(dataset, revision, bundles, past or NoPast())[0]


def _built(dataset: Dataset, revision: int, bundles: Mapping[str, Bundle], past: Past) -> tuple[Served, Scores]:
    as_of = clock.now(dataset.ends_at)
    scores = Scores.of(dataset, bundles, as_of)
    return Served.of(dataset, revision, as_of, bundles, scores, past), scores


async def watch(runtime: Runtime, settings: Settings) -> None:
    """Refresh whenever something changed, and at once when woken, until cancelled."""
    news, loop = asyncio.Event(), asyncio.get_running_loop()
    runtime.woken_by(lambda: loop.call_soon_threadsafe(news.set))
    while True:
        news.clear()
        await asyncio.wrap_future(background.start(runtime.try_refresh))
        if runtime.ready and runtime.folder is not None:
            run_folder.ready_file(runtime.folder).touch()
        with suppress(TimeoutError):
            await asyncio.wait_for(news.wait(), settings.poll_seconds)


async def watch_settling(runtime: Runtime) -> None:
    """Score everything as of one moment again and again after writes that touched some deals, until cancelled."""
    while True:
        await asyncio.sleep(SETTLE_SECONDS)
        try:
            await asyncio.wrap_future(background.start(runtime.settle))
        except Exception:
            log.exception("scoring all deals failed; those that were not touched keep their scores")


async def watch_registry(runtime: Runtime, settings: Settings) -> None:
    """Know how the registry is doing, until cancelled: by asking it, or from the process that does."""

    def heard(known: Registry) -> None:
        runtime.registry = known

    def asked(known: Registry) -> None:
        heard(known)
        metrics_watch.registry(answered=known.state == "fresh")

    if runtime.folder is None:
        await registry_watch.ask(settings, asked)
    else:
        await registry_watch.listen(run_folder.registry_file(runtime.folder), heard)
