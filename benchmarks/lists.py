"""How long a page of the ranked pipeline takes, and what 100,000 open deals cost in time and memory.

The pipeline of a synthetic company is copied with ids of its own until it is large enough. Pages of 50 are asked of the real
routes over ASGI, so each figure holds the parsing of the query, filters, order, the answer's model and its JSON; no network.

    python -m benchmarks.lists [--deals 100000]

On two shared cores, 100,000 open deals: median and 99th percentile of 50 requests each, in milliseconds.
"""

import argparse
import time
import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from starlette.testclient import TestClient

from features import clock
from features.synthetic import Settings as CompanySettings
from features.synthetic import generate
from serving.api import create_app
from serving.registry.champions import Champions
from serving.registry.registry_watch import State
from serving.served import runtime
from serving.served.ranking import Ranking
from serving.served.runtime import Runtime
from serving.served.scores import Scores
from serving.served.state import Served
from serving.settings import Settings
from training.run import fit

REPEATS = 50
OWNER, STAGE, MANAGER = "an owner", "a stage", "a manager"
QUERIES: Mapping[str, Mapping[str, Any]] = {
    "first page": {},
    "owner and stage": {"owner_id": OWNER, "stage": STAGE},
    "a manager's subtree": {"manager_id": MANAGER},
    "ranges and warnings": {"p_won_min": "0.2", "value_min": "5000", "warning": ["stalled", "pushed"]},
    "text search": {"search": "1234"},
    "another order": {"sort": "expected_close_on"},
}


class Nowhere:
    """A source of data that is never asked."""

    state: State = "unknown"

    def revision(self) -> int:
        return 0

    def load(self) -> Any:
        raise NotImplementedError

    def renew(self, before: Any, revision: int) -> None:
        raise NotImplementedError

    def epoch(self, at: Any) -> None:
        raise NotImplementedError

    def load_at(self, at: Any, now: Any) -> Any:
        raise NotImplementedError


def copied(frame: pd.DataFrame, n: int, seed: int = 7) -> pd.DataFrame:
    """So many rows like these: ids of their own, values and chances drawn anew."""
    rng = np.random.default_rng(seed)
    rows = frame.iloc[np.arange(n) % len(frame)].reset_index(drop=True)
    named = {"deal_id": [f"D-{at:07d}" for at in range(n)], "name": [f"{name} {at}" for at, name in enumerate(rows["name"])]}
    chances = {name: rng.uniform(size=n) for name in ("p_won", "p_won_this_quarter", "p_won_90d")}
    rows = rows.assign(**named, **chances, value=np.round(rng.lognormal(9, 1, n), 2))
    return rows.assign(expected_value=rows["value"] * rows["p_won_this_quarter"]).astype({"deal_id": "str", "name": "str"})


def milliseconds(action: Callable[[], object], repeats: int = REPEATS) -> tuple[float, float]:
    taken = []
    for _ in range(repeats):
        begun = time.perf_counter()
        action()
        taken.append(1000 * (time.perf_counter() - begun))
    return float(np.median(taken)), float(np.quantile(taken, 0.99))


def served_with(n: int, console: Console) -> Served:
    """A served state with so many open deals; prints what its ranking costs."""
    company = generate(CompanySettings(n_deals=3000)).dataset()
    bundle = fit(company, "deals", clock.now(company.ends_at), threads=2)
    served = runtime.build(company, 1, {"deals": bundle})
    frame = copied(Scores.of(company, {"deals": bundle}, served.as_of).deals, n)
    tracemalloc.start()
    begun = time.perf_counter()
    ranking = Ranking.of(frame, by=("expected_value", "p_won_this_quarter"), key="deal_id")
    seconds, (_, peak) = time.perf_counter() - begun, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    console.print(f"{n:,} deals ranked in {seconds:.2f} s (traced), peak {peak / 1e6:.0f} MB")
    return replace(served, deals=ranking)


def table(client: TestClient, served: Served) -> Table:
    row, reports = served.deals.row(0), served.reports
    meant = {OWNER: row["owner_id"], STAGE: row["stage"], MANAGER: max(reports, key=lambda each: len(reports[each]))}
    shown = Table("query", "matching", "first request", "median ms", "p99 ms", title="50 of the open deals")
    for name, asked in QUERIES.items():
        query = {key: meant.get(value, value) if isinstance(value, str) else value for key, value in asked.items()}
        ask = partial(client.get, "/v1/deals", params=query)
        (first, _), answer = milliseconds(ask, 1), ask().json()
        shown.add_row(name, f"{answer['n_total']:,}", f"{first:.1f}", *(f"{each:.1f}" for each in milliseconds(ask)))
        if answer["next_cursor"]:
            paged = partial(client.get, "/v1/deals", params={**query, "cursor": answer["next_cursor"]})
            shown.add_row(f"{name}, page 2", "", "", *(f"{each:.1f}" for each in milliseconds(paged)))
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--deals", type=int, default=100_000)
    console = Console()
    served = served_with(parser.parse_args().deals, console)
    with TemporaryDirectory() as folder:
        held = Runtime(Nowhere(), Champions(Path(folder)))
        held._held = served
        app = create_app(held, Settings(home=Path(folder), demo=True), watching=False)
        with TestClient(app, base_url="http://127.0.0.1") as client:
            console.print(table(client, served))


if __name__ == "__main__":
    main()
