"""What a whole training run costs, phase by phase, beside its own bare LightGBM fits.

    python -m benchmarks.training_run --deals 100000

Workload: a clean synthetic company, as-of dates once a month over its 30 months, trained as of the end of its data on two
threads. The phases are timed where they happen: `signals` (cohorts, signals and outcomes at all dates), `amounts`, `fit`
(buckets, life tables, matrices, trees, calibration), of which `trees` is what LightGBM's own training takes, binning included,
and `save`. The bar is a total of at most 1.5 times `trees`.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lightgbm as lgb
from rich.console import Console
from rich.table import Table

from features import clock
from features.synthetic import Settings, generate
from training.amounts import fit_amounts
from training.boosting import Parameters
from training.bundle import Bundle, save
from training.examples import examples
from training.fitting import fit_hazard
from training.splits import plan
from training.targets import DEALS
from training.typical import learn_typical

MONTHS = 30


@dataclass
class Watch:
    """Seconds by phase."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training_run", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--deals", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    dataset = generate(Settings(n_deals=options.deals, seed=options.seed, months=MONTHS)).dataset()
    watch = Watch()
    calls = _timed_fits(watch)
    schedule = plan(
        clock.instant(int(dataset.deal_known.min())), dataset.ends_at, dataset.organisation.timezone, options.seed, steps=MONTHS
    )
    with watch.phase("signals"):
        rows = examples(dataset, schedule.dates, dataset.ends_at)
    with watch.phase("amounts"):
        amounts = fit_amounts(dataset, rows, dataset.ends_at, schedule.slices.last_from, DEALS.spec)
    with watch.phase("fit"):
        settings = Parameters(seed=options.seed, threads=options.threads)
        model = fit_hazard(rows, schedule.slices, DEALS.spec, dataset.organisation.calendar, settings)
    with watch.phase("save"), tempfile.TemporaryDirectory() as folder:
        typical = {"deals": learn_typical(model, rows, DEALS.good_end)}
        save(Bundle("deals", "", dataset.ends_at, {"deals": model}, typical, {}, amounts), Path(folder))
    title = f"{options.deals:,} deals, {len(rows):,} rows at {len(schedule.dates)} dates; {model.rounds} rounds, {calls()} fits"
    Console(width=110).print(_table(title, watch.seconds))


def _timed_fits(watch: Watch) -> Callable[[], int]:
    """Time LightGBM's own work where it is called; returns how often it was."""
    train, count = lgb.train, [0]

    def timed(*args: Any, **kwargs: Any) -> lgb.Booster:
        count[0] += 1
        with watch.phase("trees"):
            return train(*args, **kwargs)

    lgb.train = timed
    return lambda: count[0]


def _table(title: str, seconds: dict[str, float]) -> Table:
    total = sum(spent for name, spent in seconds.items() if name != "trees")
    table = Table(title=title)
    for column in ("phase", "seconds", "of all"):
        table.add_column(column, justify="left" if column == "phase" else "right")
    inside = {"of fit: trees": seconds["trees"], "of fit: the rest": seconds["fit"] - seconds["trees"]}
    shown = {name: spent for name, spent in seconds.items() if name != "trees"} | inside | {"total": total}
    for name, spent in shown.items():
        table.add_row(name, f"{spent:.1f}", f"{spent / total:.0%}")
    table.add_row("total / trees", f"{total / seconds['trees']:.2f}", "")
    table.add_row("peak memory", f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB", "")
    return table


if __name__ == "__main__":
    main()
