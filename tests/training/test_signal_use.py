"""A signal without its table is absent, the model trains, and the run says of each signal what became of it."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from features import catalog, clock
from features.calendar import FiscalCalendar
from features.dataset import Dataset
from features.synthetic import Settings, generate
from training import bundle as bundles
from training.encoding import ABSENT, CONSTANT, DATED, LIVE, MOSTLY_UNKNOWN, NOT_LEARNED, RARE, UNKNOWN, SignalUse, learn_encoding
from training.registry import FolderRegistry
from training.run import TrainedRun, train
from training.signal_use import signal_uses, summary, uses_of

ABSENT_TABLES = ("tickets", "surveys", "users")


@cache
def company() -> Dataset:
    """A company that keeps neither tickets nor surveys nor users, and whose activities say nothing of contacts."""
    made = generate(Settings(n_deals=120, seed=3)).dataset()
    tables = {name: frame for name, frame in made.tables.items() if name not in ABSENT_TABLES}
    return made.with_tables({**tables, "activities": tables["activities"].drop(columns="contact_id")})


def trained(folder: Path) -> TrainedRun:
    return train(company(), "deals", company().ends_at, FolderRegistry(folder), threads=1)


def test_a_model_trains_without_tables_and_says_which_signals_that_cost(tmp_path: Path) -> None:
    uses = {use.name: use for use in trained(tmp_path).signals["deals"]}
    assert list(uses)[: len(catalog.DEAL_SIGNALS)] == [signal.name for signal in catalog.DEAL_SIGNALS]
    expected = {signal.name for signal in catalog.DEAL_SIGNALS if set(signal.tables) & set(ABSENT_TABLES)}
    assert {name for name, use in uses.items() if use.state == ABSENT} == expected != set()
    assert uses["client_n_open_tickets"].reason == "no tickets table"
    assert uses["n_contacts"] == SignalUse("n_contacts", NOT_LEARNED, UNKNOWN)
    assert uses["days_in_stage"] == SignalUse("days_in_stage", LIVE)


def test_the_list_is_kept_with_the_model(tmp_path: Path) -> None:
    run = trained(tmp_path)
    folder = tmp_path / "deals" / run.version
    assert uses_of(bundles.load(folder), "deals") == run.signals["deals"]
    listed = json.loads((folder / "signals.json").read_text(encoding="utf-8"))["deals"]
    assert [use["name"] for use in listed] == [use.name for use in run.signals["deals"]]
    assert bundles.load(folder).models["deals"].encoding.uses


def test_each_signal_is_live_or_has_a_reason() -> None:
    dates, random = np.repeat(np.arange(8), 10) * clock.MICROS_PER_DAY, np.random.default_rng(4)
    rows = pd.DataFrame(
        {
            "live": random.normal(size=80),
            "empty": np.nan,
            "young": np.where(dates > 5 * clock.MICROS_PER_DAY, random.normal(size=80), np.nan),
            "same": 3.0,
            "drifting": np.repeat(np.arange(8.0), 10),
            "names": [f"text {row}" for row in range(80)],
        },
        index=pd.Index([f"D{row}" for row in range(80)]),
    )
    encoding = learn_encoding(rows, dates, FiscalCalendar())
    reasons = {use.name: use.reason for use in encoding.uses}
    assert reasons == {
        "live": "",
        "empty": UNKNOWN,
        "young": MOSTLY_UNKNOWN,
        "same": CONSTANT,
        "drifting": DATED,
        "names": RARE,
    }
    assert encoding.names[0] == "live"
    assert [use.state for use in encoding.uses] == [LIVE, *[NOT_LEARNED] * 5]


def test_one_line_counts_them() -> None:
    encoding = learn_encoding(pd.DataFrame({"age_days": [1.0, 2.0], "custom_x": [1.0, 1.0]}), np.array([0, 0]), FiscalCalendar())
    asked = [catalog.SIGNALS[name] for name in ("age_days", "owner_team", "client_n_tickets_90d")]
    assert summary(signal_uses(encoding, asked, ["deals"])) == (
        "signals: 1 of 4 live; 2 absent (1 no users table, 1 no tickets table); 1 not learned from (the same in all rows)"
    )
    assert summary(signal_uses(encoding, asked[:1], ["deals"])) == (
        "signals: 1 of 2 live; 1 not learned from (the same in all rows)"
    )
