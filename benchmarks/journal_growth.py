"""How fast the journal grows, and what it costs to go through the lists.

    python -m benchmarks.journal_growth [--deals 3000] [--days 8]

A synthetic company whose champion was trained before the first day. The store's lists are taken up every hour, each as of its own
moment, as a server does while data comes in. Printed for each rule: rows a day for each open deal and active client, in the first
take and after it. `every take` writes everything each hour; `signals` writes where a signal changed, which is everywhere, because
most signals count days; `step 0.01` is the rule of `serving.journal.recorder`. Then bytes a row in SQLite with its indexes, and
what a company of 100,000 open deals would have on disk after a year; and how long a take lasts.

It also prints what P(won) moves in a week where nothing was recorded of a deal in that week: what a trend has to exceed.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import sqlalchemy as sa

from features import clock
from features.dataset import Dataset
from features.deals import deal_signals
from features.snapshot import Snapshot
from features.synthetic import Settings, generate
from serving.database import SCORES, Database
from serving.journal.recorder import Recorder
from serving.journal.rows import hashes
from serving.served import runtime
from serving.served.state import Served
from training.bundle import Bundle
from training.run import fit

STEPS = (0.0, 0.005, 0.01, 0.02)
RULE = 0.01
COMPANY = 100_000


def moments(company: Dataset, days: int) -> list[pd.Timestamp]:
    """Every hour of the last days."""
    return [company.ends_at - pd.Timedelta(hours=hour) for hour in range(days * 24, -1, -1)]


def served_at(company: Dataset, bundles: dict[str, Bundle], moment: pd.Timestamp) -> Served:
    """What a server would serve at that moment."""
    original = clock.now
    clock.now = lambda *_: moment
    try:
        return runtime.build(company, 1, bundles)
    finally:
        clock.now = original


def quiet_changes(company: Dataset, first: Served, last: Served) -> np.ndarray:
    """|change of P(won)| from one moment to another of deals of which nothing was recorded in between."""
    at = [clock.micros(each.as_of) for each in (first, last)]
    touched: set[str] = set()
    for table, when in (("deal_changes", "changed_at"), ("activities", "logged_at")):
        frame = company.tables[table]
        inside = clock.within(clock.to_micros(frame[when]), *at)
        touched |= set(frame["deal_id"][inside].dropna())
    before = dict(zip(first.deals.ids, first.deals.numbers("p_won"), strict=True))
    quiet = [
        abs(now - before[key])
        for key, now in zip(last.deals.ids, last.deals.numbers("p_won"), strict=True)
        if key in before and key not in touched
    ]
    return np.array(quiet)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--deals", type=int, default=3_000)
    parser.add_argument("--days", type=int, default=8)
    asked = parser.parse_args()
    company = generate(Settings(n_deals=asked.deals)).dataset()
    hours = moments(company, asked.days)
    bundles = {"deals": fit(company, "deals", hours[0], threads=1)}
    with tempfile.TemporaryDirectory() as folder:
        databases = {step: Database.open(f"sqlite:///{Path(folder) / f'{step}.db'}") for step in STEPS}
        recorders = {step: Recorder(database, step, 730) for step, database in databases.items()}
        written: dict[float, list[int]] = {step: [] for step in STEPS}
        seconds, listed, signals_changed, first, week = [], [], [], None, None
        known: dict[str, str] = {}
        for hour, moment in enumerate(hours):
            served = served_at(company, bundles, moment)
            first, week = first or served, served if hour == 7 * 24 else week
            listed.append(len(served.deals))
            if hour < 24:
                signals = deal_signals(Snapshot(company, moment))
                now = dict(zip(signals.index, hashes(signals), strict=True))
                signals_changed.append(sum(known.get(key) != value for key, value in now.items()) / len(now))
                known = now
            for step, each in recorders.items():
                begun = time.perf_counter()
                written[step].append(each.record(served))
                if step == RULE:
                    seconds.append(time.perf_counter() - begun)
        n = float(np.mean(listed))
        print(f"{n:,.0f} open deals, {asked.days} days of hourly takes")
        print(f"{'rule':<14} {'first take':>11} {'rows a deal and day':>20} {'rows a year, 100,000 deals':>28}")
        print(f"{'every take':<14} {listed[0]:>11,} {24.0:>20.2f} {24.0 * 365 * COMPANY:>28,.0f}")
        share = float(np.mean(signals_changed[1:]))
        print(f"{'signals':<14} {listed[0]:>11,} {24 * share:>20.2f} {24 * share * 365 * COMPANY:>28,.0f}")
        for step in STEPS:
            rate = sum(written[step][1:]) / n / asked.days
            print(f"{f'step {step}':<14} {written[step][0]:>11,} {rate:>20.2f} {rate * 365 * COMPANY:>28,.0f}")
        size = Path(folder) / f"{RULE}.db"
        with databases[RULE].transaction() as connection:
            rows = connection.scalar(sa.select(sa.func.count()).select_from(SCORES)) or 1
        with databases[RULE].engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        print(f"bytes a row in SQLite, indexes included: {size.stat().st_size / rows:,.0f} ({rows:,} rows)")
        print(f"a take: the first {seconds[0]:.1f} s, later {np.median(seconds[1:]):.2f} s")
        assert first is not None
        if week is not None:
            quiet = quiet_changes(company, first, week)
            print(f"|change of P(won)| in a week, {len(quiet):,} deals of which nothing was recorded:", end=" ")
            print(", ".join(f"{level} %: {np.quantile(quiet, level / 100):.3f}" for level in (50, 80, 90, 95)))


if __name__ == "__main__":
    main()
