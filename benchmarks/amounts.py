"""What a won deal will have been worth: pinball loss on later wins, beside the amount as it stands.

    python -m benchmarks.amounts

Protocol. Clean synthetic companies of 4,000 deals. Learned on the wins on record half a year before the end of the data, asked of
the deals open then and on the first of the five months after it that were won by the end. Loss of the ratio (won amount / amount
now) over 41 quantiles, each deal counting once; `gain` with its standard error over deals.
"""

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from features import clock
from features.dataset import Dataset
from features.synthetic import Settings, generate
from training.amounts import AS_IT_STANDS, fit_amounts, fit_table, pinball, standard_error, won_ratios
from training.examples import examples
from training.splits import plan
from training.targets import DEALS


def main() -> None:
    table = Table(title="ratio of won amount to amount now")
    for column in ("data", "chosen", "wins", "mean ratio", "as it stands", "model", "gain"):
        table.add_column(column, justify="left" if column in {"data", "chosen"} else "right")
    for seed in (12, 13, 14):
        company = generate(Settings(n_deals=4000, seed=seed))
        ends = pd.Timestamp(company.settings.end_at)
        months = [(ends - pd.DateOffset(months=back)).as_unit("us") for back in range(6, 0, -1)]
        table.add_row(f"seed {seed}", *_measured(company.dataset(), months))
    Console(width=110).print(table)


def _measured(dataset: Dataset, asked: list[pd.Timestamp]) -> list[str]:
    as_of = asked[0]
    schedule = plan(clock.instant(int(dataset.deal_known.min())), as_of, dataset.organisation.timezone, seed=7)
    rows = examples(dataset, schedule.dates, as_of)
    model = fit_amounts(dataset, rows, as_of, schedule.slices.last_from, DEALS.spec)
    wins = won_ratios(dataset, examples(dataset, asked, dataset.ends_at), dataset.ends_at)
    still = fit_table(AS_IT_STANDS, model.cells, wins)
    losses = [pinball(wins.ratio, made.of(wins.signals)) for made in (still, model)]
    means = [np.average(loss, weights=wins.weight) for loss in losses]
    error = standard_error(losses[0] - losses[1], wins)
    deals, ratio = wins.signals.index.nunique(), np.average(wins.ratio, weights=wins.weight)
    return [
        model.method,
        f"{deals:,}",
        *(f"{value:.4f}" for value in (ratio, *means)),
        f"{means[0] - means[1]:+.4f} ± {error:.4f}",
    ]


if __name__ == "__main__":
    main()
