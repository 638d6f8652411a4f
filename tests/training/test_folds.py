from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features import clock
from tests.training.companies import company, midway
from training.examples import Examples, examples
from training.fold_check import HindsightError, check_dataset, check_rows
from training.folds import Fold, folds
from training.labels import Outcomes
from training.targets import DEALS

FIRST, AS_OF = pd.Timestamp("2024-04-01", tz="UTC"), pd.Timestamp("2026-10-01", tz="UTC")


@given(st.integers(1, 12))
def test_folds_follow_each_other_over_the_last_quarter(n: int) -> None:
    found = folds(FIRST, AS_OF, n)
    assert len(found) == n
    assert found[0].starts_at - FIRST == 3 * (AS_OF - found[0].starts_at)
    assert [each.ends_at for each in found] == [*(each.starts_at for each in found[1:]), AS_OF]


@pytest.fixture(scope="module")
def rows() -> Examples:
    dataset = company()
    until = midway(dataset)
    return examples(dataset, [until - pd.Timedelta(days=days) for days in (120, 80, 40, 10)], until, DEALS.cohort_at)


@pytest.fixture
def fold() -> Fold:
    until = midway(company())
    return Fold(until - pd.Timedelta(days=60), until)


def test_what_is_taught_passes_both_checks(rows: Examples, fold: Fold) -> None:
    taught = fold.taught(rows)
    check_rows(taught, fold)
    assert check_dataset(company(), taught, fold, DEALS.cohort_at) == len(taught)
    assert len(taught) + len(fold.tested(rows)) == len(rows)


def test_rows_of_the_test_time_are_noticed(rows: Examples, fold: Fold) -> None:
    with pytest.raises(HindsightError, match="begin in the time"):
        check_rows(fold.tested(rows), fold)


def test_watching_past_the_start_is_noticed(rows: Examples, fold: Fold) -> None:
    uncut = rows.take(clock.known(rows.as_of, clock.micros(fold.starts_at)))
    with pytest.raises(HindsightError, match="watched into the time"):
        check_rows(uncut, fold)
    with pytest.raises(HindsightError, match="change when the time that judges them is deleted"):
        check_dataset(company(), uncut, fold, DEALS.cohort_at)


def test_one_outcome_at_the_very_start_of_the_test_time_is_noticed(rows: Examples, fold: Fold) -> None:
    taught = fold.taught(rows)
    seen = taught.outcomes
    days, cause = seen.days.copy(), seen.cause.copy()
    days[0], cause[0] = seen.follow_up[0], 1
    late = Examples(taught.signals, taught.as_of, Outcomes(days, cause, seen.follow_up))
    with pytest.raises(HindsightError, match="1 outcomes lie in"):
        check_rows(late, fold)


def test_a_signal_that_knows_the_future_is_noticed(rows: Examples, fold: Fold) -> None:
    taught = fold.taught(rows)
    altered = taught.signals.assign(age_days=taught.signals["age_days"] + np.where(np.arange(len(taught)) == 0, 1.0, 0.0))
    peeking = Examples(altered, taught.as_of, taught.outcomes)
    with pytest.raises(HindsightError):
        check_dataset(company(), peeking, fold, partial(DEALS.cohort_at))
