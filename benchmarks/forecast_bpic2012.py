"""The whole forecast replayed on a real log of 13,087 loan applications: weekly bookings, at 0, 1/3 and 2/3 of each week.

    python -m benchmarks.forecast_bpic2012

Protocol. Weeks from Monday to Monday, from the first one with two months of history behind it to the last that is whole. One
model serves half a year, so here it is fitted once, as of the first week; births, rivals and the size of the shock learn anew at
each moment. Amounts are as given (declared static). Rivals: stage-weighted pipeline at the same point of the last four weeks, run
rate; the log has no probabilities of its own, and is shorter than a year, so those two rivals do not exist.
"""

import argparse
import sys
import time
from typing import Final

import pandas as pd
from rich.console import Console
from rich.table import Table

from benchmarks.real_data import folder
from features import sources
from features.dataset import Dataset
from training.backtest import backtest
from training.bundle import Bundle
from training.run import fit
from training.track_record import COVERAGE, track_record

FIRST: Final = pd.Timestamp("2011-12-05", tz="UTC")
MAPPING: Final = "examples/mappings/salesforce_static_amount.toml"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.forecast_bpic2012", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--draws", type=int, default=2000)
    options = parser.parse_args()
    dataset = sources.read(str(folder("bpic2012_salesforce")), MAPPING).dataset()

    def fitted(data: Dataset, at: pd.Timestamp) -> Bundle:
        return fit(data, "deals", at, seed=options.seed)

    started = time.perf_counter()
    tested = backtest(
        dataset,
        fitted,
        kind="week",
        first=FIRST,
        n_draws=options.draws,
        seed=options.seed,
        progress=lambda text: print(text, file=sys.stderr),
    )
    console = Console(width=140)
    shock = tested.shock(dataset.ends_at, lead=0.0)
    table = Table(
        title=f"Weekly bookings, {len(tested.replayed) // 3} weeks; shock at day 0 {shock.rho:.3f}; "
        f"{time.perf_counter() - started:.0f} s"
    )
    for name in ("days in", "WAPE", "bias", "pinball", *(f"{level} %" for level in COVERAGE), "rival", "its WAPE", "gain (95 %)"):
        table.add_column(name, justify="right")
    for record in track_record(tested, options.seed):
        for place, gain in enumerate(record.gains):
            own = [f"{record.lead:.2f}", f"{record.wape:.3f}", f"{record.bias:+.3f}", f"{record.pinball:.3f}"]
            own += [f"{record.coverage[level]:.0%}" for level in COVERAGE]
            shown = own if place == 0 else [""] * len(own)
            table.add_row(
                *shown, gain.rival, f"{gain.wape:.3f} ({gain.n})", f"{gain.gain:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})"
            )
    console.print(table)


if __name__ == "__main__":
    main()
