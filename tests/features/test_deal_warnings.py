"""Warnings: each at its threshold, just below it, and where the value is not known."""

import re

import numpy as np
import pandas as pd
import pytest

from features.catalog import SIGNALS
from features.dataset import Dataset
from features.deal_warnings import WARNINGS, DealWarning, deal_warnings
from features.deals import deal_signals
from features.snapshot import Snapshot
from features.synthetic import Settings, generate

QUIET = {
    "days_in_stage": 5.0,
    "stage_days_ratio": 0.5,
    "n_pushes": 0.0,
    "overdue_days": 0.0,
    "n_contacts": 3.0,
    "age_days": 40.0,
    "n_next_steps": 1.0,
    "days_since_owner_left": np.nan,
}
AT_THE_EDGE = {
    "stalled": {"days_in_stage": 7.0, "stage_days_ratio": 2.0},
    "pushed": {"n_pushes": 2.0},
    "overdue": {"overdue_days": 1.0},
    "single_contact": {"n_contacts": 1.0, "age_days": 14.0},
    "no_next_step": {"n_next_steps": 0.0},
    "owner_left": {"days_since_owner_left": 0.0},
}
JUST_NOT = [
    {"days_in_stage": 6.9, "stage_days_ratio": 2.0},
    {"days_in_stage": 70.0, "stage_days_ratio": 1.9},
    {"days_in_stage": 70.0, "stage_days_ratio": np.nan},
    {"n_pushes": 1.0},
    {"overdue_days": 0.9},
    {"n_contacts": 1.0, "age_days": 13.9},
    {"n_contacts": 0.0},
    {"n_contacts": 2.0},
]


def raised(**changed: float) -> pd.DataFrame:
    return deal_warnings(pd.DataFrame([{**QUIET, **changed}], index=pd.Index(["D-1"], name="deal_id")))


def test_a_quiet_deal_has_none() -> None:
    assert list(raised()) == ["deal_id", "warning", "value"]
    assert len(raised()) == 0


@pytest.mark.parametrize("warning", WARNINGS, ids=lambda each: each.name)
def test_each_is_raised_at_its_threshold_with_its_value(warning: DealWarning) -> None:
    found = raised(**AT_THE_EDGE[warning.name])
    assert found.to_dict("records") == [
        {"deal_id": "D-1", "warning": warning.name, "value": {**QUIET, **AT_THE_EDGE[warning.name]}[warning.signal]}
    ]


@pytest.mark.parametrize("changed", JUST_NOT, ids=str)
def test_none_is_raised_below(changed: dict[str, float]) -> None:
    assert len(raised(**changed)) == 0


def test_what_is_not_known_or_not_there_raises_nothing() -> None:
    unknown = pd.DataFrame([dict.fromkeys(QUIET, np.nan)], index=["D-1"])
    assert len(deal_warnings(unknown)) == 0
    assert deal_warnings(pd.DataFrame({"overdue_days": [3.0]}, index=["D-1"]))["warning"].tolist() == ["overdue"]


def test_the_order_is_that_of_the_rows_and_then_of_the_list() -> None:
    rows = pd.DataFrame([{**QUIET, "n_next_steps": 0.0, "overdue_days": 3.0}, {**QUIET, "n_pushes": 4.0}], index=["D-2", "D-1"])
    assert deal_warnings(rows)["warning"].tolist() == ["overdue", "no_next_step", "pushed"]
    assert deal_warnings(rows)["deal_id"].tolist() == ["D-2", "D-2", "D-1"]


def test_every_warning_speaks_both_languages_in_all_forms() -> None:
    for each in WARNINGS:
        english, russian = each.en.split("|"), each.ru.split("|")
        assert (len(english), len(russian)) == (2, 3)
        assert re.search("[а-я]", each.ru)
        assert not re.search("[а-я]", each.en)
        assert len({"{n}" in form for form in (*english, *russian)}) == 1


def test_they_read_live_signals_of_deals() -> None:
    dataset: Dataset = generate(Settings(n_deals=150, seed=5)).dataset()
    signals = deal_signals(Snapshot(dataset, dataset.ends_at))
    assert {part.signal for each in WARNINGS for part in each.when} <= set(signals)
    assert all(each.signal in SIGNALS for each in WARNINGS)
    found = deal_warnings(signals)
    assert set(found["warning"]) >= {"no_next_step", "pushed"}
    assert found["value"].notna().all()
