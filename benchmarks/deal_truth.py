"""Win-by-date answers against the truth that only a synthetic company has: P(won by then | what was recorded).

    python -m benchmarks.deal_truth --seeds 11 12

Protocol. A clean company of 20,000 deals in four years; trained as of half a year before the end of its data; asked that day and
on the first of the five months after it, about all deals open then. Each seed is run with the monthly shocks that the generator
makes by default, and without. Truth integrates future shocks out but knows the owners' skills, the generator's constants and the
shocks of the past; no model can know those. It is counted from simulated futures: with n of them its own log loss comes out up
to 1 / 2n nats too low, and each model lies as much further above it. With 400 that was 1 % within 7 days and half a percent
within 30; so there are 4,000 by default.

    log loss    expected over the true probabilities, of the model, above that of the truth itself
    error       mean distance between predicted and true probability over ten bins of equally many rows
    floor       that distance between the true probabilities and the outcomes: what chance alone shows at this number of rows
"""

import argparse
import time

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from features.clock import Floats
from features.dataset import Dataset
from features.synthetic import Settings, deal_truth, generate
from features.synthetic.company import Company
from training.curves import Curves
from training.examples import Examples, examples
from training.metrics import FLOOR, calibration_error
from training.run import fit
from training.targets import WON

HORIZONS = (7.0, 14.0, 30.0, 60.0, 90.0, 180.0)


def main() -> None:
    options = _options()
    for seed in options.seeds:
        for shock_sd in (0.25, 0.0):
            company = generate(Settings(n_deals=options.deals, seed=seed, months=options.months, shock_sd=shock_sd))
            Console(width=120).print(_measured(company, company.dataset(), options))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.deal_truth", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[11])
    parser.add_argument("--deals", type=int, default=20_000)
    parser.add_argument("--months", type=int, default=48)
    parser.add_argument("--draws", type=int, default=4000)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def _measured(company: Company, dataset: Dataset, options: argparse.Namespace) -> Table:
    end = pd.Timestamp(company.settings.end_at)
    dates = [(end - pd.DateOffset(months=back)).as_unit("us") for back in range(6, 0, -1)]
    started = time.perf_counter()
    model = fit(dataset, "deals", dates[0], threads=options.threads).models["deals"]
    seconds = time.perf_counter() - started
    rows = examples(dataset, dates, dataset.ends_at)
    truth = pd.concat([deal_truth(company, date, HORIZONS, n_draws=options.draws) for date in dates])
    table = Table(
        title=f"seed {company.settings.seed}, shocks {company.settings.shock_sd:g}: {len(rows):,} rows; {model.rounds} rounds in "
        f"{seconds:.0f} s, calibration: {model.calibration.method}"
    )
    for column in ("horizon", "truth's log loss", "model above", "error", "floor", "mean true", "mean p", "life table above"):
        table.add_column(column, justify="right")
    start = model.unboosted()
    answers = [made.curves(rows.signals, rows.as_of) for made in (model, start)]
    for horizon in HORIZONS:
        table.add_row(f"{horizon:g} days", *_figures(truth[f"p_won_{horizon:g}d"].to_numpy(np.float64), rows, answers, horizon))
    return table


def _figures(true: Floats, rows: Examples, answers: list[Curves], horizon: float) -> list[str]:
    model, start = (curves.by(horizon, WON) for curves in answers)
    best = expected_log_loss(true, true)
    finished = rows.outcomes.eligible(horizon)
    floor = calibration_error(rows.outcomes.within(horizon, WON)[finished], true[finished]) if finished.any() else np.nan
    return [
        f"{best:.4f}",
        f"{expected_log_loss(true, model) / best - 1:.1%}",
        f"{true_calibration_error(true, model):.4f}",
        f"{floor:.4f} (n = {finished.sum():,})",
        f"{true.mean():.3f}",
        f"{model.mean():.3f}",
        f"{expected_log_loss(true, start) / best - 1:.1%}",
    ]


def expected_log_loss(true: Floats, predicted: Floats) -> float:
    """Mean log loss over all outcomes that the truth could bring, in nats."""
    p = np.clip(predicted, FLOOR, 1 - FLOOR)
    return float(-(true * np.log(p) + (1 - true) * np.log(1 - p)).mean())


def true_calibration_error(true: Floats, predicted: Floats, n_bins: int = 10) -> float:
    """As `calibration_error`, against true probabilities in place of outcomes."""
    bins = np.array_split(np.argsort(predicted, kind="stable"), n_bins)
    return float(sum(abs(predicted[rows].mean() - true[rows].mean()) * len(rows) for rows in bins) / len(true))


if __name__ == "__main__":
    main()
