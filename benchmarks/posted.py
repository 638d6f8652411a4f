"""What it costs to score deals that a CRM posts with their history, by how many they are and how large the company is.

    python -m benchmarks.posted

A synthetic company, its champion, and open deals spread over its pipeline, posted as the API gets them. In milliseconds: of wall
clock the median and the 99th percentile of the repetitions, and the median of the processor time, which a busy machine moves
less:

* `rows` turns the request into tables;
* `excerpt` finds and cuts out their accounts' rows, and compiles what was sent;
* `signals` is the matrix of the posted deals on such an excerpt;
* `score` is everything from the request to the answer, the model and its main signals included.

`all deals` is the matrix of the whole pipeline once, for comparison. The rates of the day and the index are made before, as the
server makes them when it takes up data: `prepare`.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from features.dataset import Dataset
from features.deals import deal_signals
from features.excerpt import excerpt_of_checked, prepare
from features.rates import of_the_day
from features.snapshot import Snapshot
from features.synthetic import Settings, generate
from serving.posted.deals import PostedActivity, PostedChange, PostedDeal
from serving.posted.tables import tables_of
from serving.scoring.score import score_checked
from training.bundle import Bundle
from training.run import fit

SIZES = (2_000, 100_000)
POSTED = (1, 10, 50)
HORIZONS = (7.0, 30.0, 90.0)
HEADINGS = ("company", "deals", "step", "median ms", "p99 ms", "CPU ms")


def requests(company: Dataset, n_deals: int) -> list[PostedDeal]:
    """Open deals of the company, as a CRM would post them."""
    open_deals = Snapshot(company, company.ends_at).open_deals
    some = open_deals[np.linspace(0, len(open_deals) - 1, n_deals).astype(np.int64)]
    ids = company.deal_rows[some]
    found = {name: _records(company.tables[name], set(ids)) for name in ("deals", "deal_changes", "activities")}
    return [_request(deal, found) for deal in ids]


def _records(frame: pd.DataFrame, ids: set[str]) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = json.loads(frame[frame["deal_id"].isin(ids)].to_json(orient="records", date_format="iso"))
    return records


def _request(deal: str, found: dict[str, list[dict[str, Any]]]) -> PostedDeal:
    own = {name: [row for row in rows if row["deal_id"] == deal] for name, rows in found.items()}
    sent = {name: value for name, value in own["deals"][0].items() if name in PostedDeal.model_fields}
    sent["expected_close_on"] = sent["expected_close_on"] and sent["expected_close_on"][:10]
    sent["changes"] = [{name: row[name] for name in PostedChange.model_fields} for row in own["deal_changes"]]
    sent["activities"] = [{name: row.get(name) for name in PostedActivity.model_fields} for row in own["activities"]]
    return PostedDeal.model_validate(sent)


def measured(task: Callable[[Any], object], repeats: int, before: Callable[[], Any] = lambda: None) -> tuple[float, float, float]:
    """Median and 99th percentile of the time that a task takes, and the median of its processor time, in milliseconds.

    What `before` makes is given to the task and not timed. One run more, the first, counts for nothing.
    """
    taken = []
    for _ in range(repeats + 1):
        given = before()
        begun = time.perf_counter(), time.thread_time()
        task(given)
        taken.append((time.perf_counter() - begun[0], time.thread_time() - begun[1]))
    wall, processor = np.array(taken[1:]).T * 1e3
    return float(np.median(wall)), float(np.quantile(wall, 0.99)), float(np.median(processor))


def lines(company: Dataset, champion: Bundle, n_posted: int, repeats: int) -> Iterator[tuple[str, tuple[float, float, float]]]:
    """Each step of one request, measured."""
    sent, as_of = requests(company, n_posted), company.ends_at
    tables = {name: frame for name, frame in tables_of(sent).items() if len(frame)}
    lent = of_the_day(Snapshot(company, as_of))
    ids = pd.Index([deal.deal_id for deal in sent], dtype=object)

    def cut(_: None = None) -> Dataset:
        return excerpt_of_checked(company, tables, as_of)

    def signals(small: Dataset) -> pd.DataFrame:
        return deal_signals(Snapshot(small, as_of), lent, small.deal_rows.get_indexer(ids))

    yield "rows", measured(lambda _: tables_of(sent), repeats)
    yield "excerpt", measured(cut, repeats)
    yield "signals", measured(signals, repeats, cut)
    yield "score", measured(lambda _: score_checked(company, champion, tables_of(sent), as_of, HORIZONS), repeats)


def once(task: Callable[[], object]) -> tuple[float, float, float]:
    begun = time.perf_counter(), time.thread_time()
    task()
    wall = (time.perf_counter() - begun[0]) * 1e3
    return wall, wall, (time.thread_time() - begun[1]) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description="What a posted deal costs")
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES, help="Deals of the company.")
    arguments = parser.parse_args()
    champion = fit(generate(Settings(n_deals=SIZES[0])).dataset(), "deals", pd.Timestamp("2026-06-01T00:00Z"), threads=1)
    print(" ".join(f"{heading:>12}" for heading in HEADINGS))
    for size in arguments.sizes:
        company = generate(Settings(n_deals=size)).dataset()
        whole = Snapshot(company, company.ends_at)
        show(size, len(whole.open_deals), "all deals", once(lambda whole=whole: deal_signals(whole)))  # type: ignore[misc]
        show(size, 0, "prepare", once(lambda company=company: prepare(company)))  # type: ignore[misc]
        for n_posted in POSTED:
            for name, times in lines(company, champion, n_posted, arguments.repeats):
                show(size, n_posted, name, times)


def show(size: int, n_deals: int, step: str, times: tuple[float, float, float]) -> None:
    print(f"{size:>12,} {n_deals:>12,} {step:>12} " + " ".join(f"{each:>12.1f}" for each in times), flush=True)


if __name__ == "__main__":
    main()
