"""The parts of the test rows that are looked at by themselves: stage, amount, owner, team, product, region, age.

A model that is right on average may be wrong for every small deal, or for one office. What a row belongs to is what was known of
it at its as_of, by the Snapshot; bands of numbers are quarters of the rows that taught the model, so the test rows do not choose
their own borders. Beyond the most frequent values of a slice the rest is "others"; a row without a value is "not known".
"""

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Final

import numpy as np
import pandas as pd

from features import clock
from features.dataset import Dataset
from features.snapshot import Snapshot
from training.examples import Examples

OF_SIGNAL: Final[Mapping[str, str]] = {
    "stage": "stage",
    "owner_team": "team",
    "product": "product",
    "region": "region",
    "country": "country",
    "order_band": "frequency",
    "account_industry": "industry",
    "account_region": "region",
    "account_country": "country",
}
BANDS: Final[Mapping[str, str]] = {
    "amount": "amount",
    "age_days": "age in days",
    "monthly_amount": "monthly amount",
    "contract_age_days": "age in days",
    "revenue_365d": "revenue in a year",
    "client_age_days": "age in days",
}
REGIONS: Final = ("region", "country")
MOST_VALUES: Final = 12
OTHERS: Final = "others"
UNKNOWN: Final = "not known"
_BAND: Final = re.compile(r"(-?[\d,]+) (?:to -?[\d,]+|and more)")
QUARTERS: Final = np.array([0.25, 0.5, 0.75])


def slices(dataset: Dataset, tested: Examples, taught: Examples) -> pd.DataFrame:
    """One text column for each slice that the data has, one line for each test row; a slice with one value is left out."""
    columns = {}
    for name, shown in OF_SIGNAL.items():
        if name in tested.signals:
            columns[shown] = _frequent(tested.signals[name].reset_index(drop=True))
    for name, shown in BANDS.items():
        if name in tested.signals:
            columns[shown] = _bands(tested.signals[name].to_numpy(float), taught.signals[name].to_numpy(float))
    if "stage" in tested.signals:
        columns["owner"] = _frequent(_owners(dataset, tested))
    return pd.DataFrame({name: column for name, column in columns.items() if column.nunique() > 1}).astype("str")


def _frequent(values: pd.Series) -> pd.Series:
    text = values.astype(object).where(values.notna(), UNKNOWN)
    kept = text.value_counts().index[:MOST_VALUES]
    return text.where(text.isin(kept), OTHERS)


def _bands(values: np.ndarray, taught: np.ndarray) -> pd.Series:
    known = taught[~np.isnan(taught)]
    if not len(known):
        return pd.Series(np.full(len(values), UNKNOWN, dtype=object))
    cuts = np.unique(np.quantile(known, QUARTERS))
    names = _band_names(cuts)
    return pd.Series(np.where(np.isnan(values), UNKNOWN, names[np.searchsorted(cuts, values, side="right")]))


def in_order(values: Iterable[str]) -> list[str]:
    """The values of a slice as a table lists them: bands by their numbers, others by their letters, the rest last."""
    return sorted(values, key=lambda value: (value in (OTHERS, UNKNOWN), _place(value), value))


def _place(value: str) -> float:
    """Where a band begins; 0 for what is none."""
    if value.startswith("below "):
        return float("-inf")
    first = _BAND.fullmatch(value)
    return float(first[1].replace(",", "")) if first else 0.0


def _band_names(cuts: np.ndarray) -> np.ndarray:
    """`below 10`, `10 to 50`, `50 and more`."""
    texts = [f"{cut:,.0f}" for cut in cuts]
    between = [f"{low} to {high}" for low, high in pairwise(texts)]
    return np.array([f"below {texts[0]}", *between, f"{texts[-1]} and more"], dtype=object)


def _owners(dataset: Dataset, tested: Examples) -> pd.Series:
    """The owner of each deal as it was known, by name where the users have one."""
    owner = np.full(len(tested), None, dtype=object)
    rows = dataset.deal_rows.get_indexer(tested.signals.index)
    for moment in np.unique(tested.as_of):
        here = tested.as_of == moment
        owner[here] = Snapshot(dataset, clock.instant(int(moment))).texts("owner_id", rows[here])
    users = dataset.tables.get("users")
    names = {} if users is None or "name" not in users else dict(zip(users["user_id"], users["name"], strict=True))
    return pd.Series([names.get(each) or each for each in owner], dtype=object)
