"""Signals as numbers: which texts get a code of their own, and that a column without news changes nothing."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from features.calendar import FiscalCalendar
from features.clock import Floats
from features.dataset import Dataset
from features.deals import deal_signals
from features.history import WON
from features.snapshot import Snapshot
from features.tables import CHANGES, CLOSE, Column, Kind
from tests.training.companies import company
from training.encoding import MIN_ROWS, MIN_UNITS, Encoding, learn_encoding
from training.hazard import HazardModel
from training.run import fit


def rows(*texts: tuple[str | None, int, int]) -> pd.DataFrame:
    """A text in so many rows of so many units."""
    values = [text for text, n, _ in texts for _ in range(n)]
    units = [f"{text}-{row % n_units}" for text, n, n_units in texts for row in range(n)]
    return pd.DataFrame({"campaign": pd.Series(values, dtype=object).to_numpy()}, index=pd.Index(units))


def learned(signals: pd.DataFrame) -> Encoding:
    return learn_encoding(signals, np.zeros(len(signals), dtype=np.int64), FiscalCalendar())


def codes(encoding: Encoding, *texts: str | None) -> list[float | None]:
    asked = encoding.rows(pd.DataFrame({"campaign": np.array(texts, dtype=object)}))[:, 0]
    return [None if np.isnan(code) else float(code) for code in asked]


def test_a_text_of_enough_rows_and_units_has_a_code() -> None:
    signals = rows(("b", MIN_ROWS, MIN_UNITS), ("a", 50, 50), ("few", MIN_ROWS - 1, MIN_UNITS), ("one deal", 500, MIN_UNITS - 1))
    assert learned(signals).categories == (("campaign", ("a", "b")),)


def test_all_others_share_a_code_and_what_is_empty_is_missing() -> None:
    encoding = learned(rows(("a", 30, 30), ("b", 30, 30), ("rare", 1, 1), (None, 5, 5)))
    assert codes(encoding, "a", "b", "rare", "never seen", None) == [0.0, 1.0, 2.0, 2.0, None]


def test_a_text_called_other_is_not_the_others() -> None:
    assert codes(learned(rows(("other", 30, 30), ("x", 30, 30))), "other", "rare") == [0.0, 2.0]


def test_a_column_of_rare_texts_alone_teaches_nothing() -> None:
    assert learned(rows(*((f"t{n}", 2, 2) for n in range(300)))).categories == ()


def test_codes_survive_the_file() -> None:
    encoding = learned(rows(("a", 30, 30), ("b", 30, 30)))
    assert Encoding.from_json(encoding.to_json()) == encoding


def with_nothing_new(dataset: Dataset) -> Dataset:
    """Own columns that are constant, unknown, or different for every deal."""
    n = dataset.n_deals
    columns: dict[str, tuple[Kind, str, Any]] = {
        "constant": (Kind.NUMBER, "created_at", np.full(n, 3.0)),
        "unknown": (Kind.NUMBER, CHANGES, np.full(n, np.nan)),
        "one_text": (Kind.CATEGORY, "created_at", pd.Series(["x"] * n)),
        "no_text": (Kind.CATEGORY, CHANGES, pd.Series([None] * n, dtype="str")),
        "ids": (Kind.CATEGORY, "created_at", dataset.deals["deal_id"]),
        "told_by_the_close": (Kind.CATEGORY, CLOSE, dataset.deals["outcome"]),
    }
    deals = dataset.deals.assign(**{name: values for name, (_, _, values) in columns.items()})
    own = tuple(Column(name, kind, revealed_by) for name, (kind, revealed_by, _) in columns.items())
    facts = {"static": dataset.static, "tracked_since": dataset.tracked_since, "extracted_at": dataset.extracted_at}
    return Dataset.of({**dataset.tables, "deals": deals}, dataset.organisation, custom=own, **facts)  # type: ignore[arg-type]


def trained(dataset: Dataset) -> tuple[HazardModel, Floats]:
    """A model, and P(won within 30 days) of the open deals by it."""
    model = fit(dataset, "deals", dataset.ends_at, threads=1).models["deals"]
    snapshot = Snapshot(dataset, dataset.ends_at)
    signals = deal_signals(snapshot)
    return model, model.curves(signals, np.full(len(signals), snapshot.at)).by(30.0, WON)


def test_columns_without_news_change_no_prediction() -> None:
    model, expected = trained(company(seed=5))
    assert model.booster is not None
    other, actual = trained(with_nothing_new(company(seed=5)))
    assert replace(other.encoding, uses=()) == replace(model.encoding, uses=())
    np.testing.assert_array_equal(actual, expected)
