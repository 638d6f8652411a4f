import json

import numpy as np
import pandas as pd
import pytest

from features import clock
from features.calendar import FiscalCalendar
from features.errors import UsageError
from training.encoding import AT_ONCE, BUCKET_SIGNALS, Encoding, in_buckets, learn_encoding, share_of_date, with_buckets

FOUR = pd.DataFrame({"stage": ["A", "B", None, "A"], "age": [1.0, 2.0, np.nan, 4.0], "same": [3.0] * 4, "empty": [np.nan] * 4})
SIGNALS = pd.concat([FOUR] * 20).set_index(pd.Index([f"D{i}" for i in range(80)]))
AS_OF = np.full(80, clock.micros(pd.Timestamp("2026-03-27", tz="UTC")))


def learned() -> Encoding:
    return learn_encoding(SIGNALS, AS_OF, FiscalCalendar())


def test_columns_that_teach_nothing_are_left_out() -> None:
    assert learned().names == ["age", "stage", *BUCKET_SIGNALS]


def test_categories_are_coded_by_us_and_unknown_ones_are_others() -> None:
    coded = learned().rows(pd.DataFrame({"stage": ["B", "New", None], "age": [1.0, 1.0, 1.0]}))
    assert coded[:2, 1].tolist() == [1, 2]
    assert np.isnan(coded[2, 1])


def test_a_signal_unknown_for_everybody_at_most_dates_only_tells_the_date() -> None:
    dates = np.repeat(np.arange(4), 20) * clock.MICROS_PER_DAY
    young = SIGNALS.assign(late=np.where(dates >= 3 * clock.MICROS_PER_DAY, np.tile(np.arange(20.0), 4), np.nan))
    older = SIGNALS.assign(late=np.where(dates >= 2 * clock.MICROS_PER_DAY, np.tile(np.arange(20.0), 4), np.nan))
    assert "late" not in learn_encoding(young, dates, FiscalCalendar()).names
    assert "late" in learn_encoding(older, dates, FiscalCalendar()).names


def test_a_signal_that_differs_from_date_to_date_and_not_from_row_to_row_is_left_out() -> None:
    rng, dates = np.random.default_rng(4), np.repeat(np.arange(8), 10) * clock.MICROS_PER_DAY
    rows = SIGNALS.assign(drifting=np.repeat(np.arange(8.0), 10) + rng.normal(size=80), honest=rng.normal(size=80))
    shares = share_of_date(rows[["drifting", "honest"]], dates)
    assert shares["drifting"] > 0.6
    assert abs(shares["honest"]) < 0.2
    names = learn_encoding(rows, dates, FiscalCalendar()).names
    assert "drifting" not in names
    assert "honest" in names


def test_one_row_a_date_says_nothing_of_a_share() -> None:
    shares = share_of_date(SIGNALS[["age"]], np.arange(80) * clock.MICROS_PER_DAY)
    assert np.isnan(shares["age"])


def test_the_order_of_columns_does_not_matter() -> None:
    turned = SIGNALS[SIGNALS.columns[::-1]]
    np.testing.assert_array_equal(learned().rows(turned), learned().rows(SIGNALS))


def test_an_absent_signal_is_an_error_that_names_it() -> None:
    with pytest.raises(UsageError, match="stage"):
        learned().rows(SIGNALS.drop(columns="stage"))


def test_an_encoding_survives_json_that_sorts_its_keys() -> None:
    unsorted = Encoding(("z", "a"), (("stage", ("A",)), ("product", ("B", "A"))))
    for encoding in (learned(), unsorted):
        assert Encoding.from_json(json.loads(json.dumps(encoding.to_json(), sort_keys=True))) == encoding


@pytest.mark.parametrize(
    ("months", "phases", "season"), [(21, False, False), (24, True, False), (33, True, False), (36, True, True)]
)
def test_phases_of_a_quarter_need_two_years_and_seasons_three(months: int, phases: bool, season: bool) -> None:
    starts = pd.date_range("2023-01-01", periods=months, freq="MS", tz="UTC")
    as_of = np.array([clock.micros(start.as_unit("us")) for start in starts])
    names = learn_encoding(pd.DataFrame({"age": np.arange(float(months))}), as_of, FiscalCalendar()).names
    assert ("bucket_holds_period_end" in names) == phases
    assert ("bucket_year_phase" in names) == season


def test_a_paced_start_knows_quarter_and_season_already() -> None:
    starts = pd.date_range("2023-01-01", periods=36, freq="MS", tz="UTC")
    as_of = np.array([clock.micros(start.as_unit("us")) for start in starts])
    names = learn_encoding(pd.DataFrame({"age": np.arange(36.0)}), as_of, FiscalCalendar(), paced=True).names
    assert names[-len(BUCKET_SIGNALS) :] == list(BUCKET_SIGNALS)


def test_the_calendar_belongs_to_the_bucket() -> None:
    # 27 March 2026 is a Friday: its first bucket holds one working day of three, the second the quarter's end.
    encoding = Encoding(("age",), (), (*BUCKET_SIGNALS, "bucket_days_to_period_end", "bucket_holds_period_end"))
    edges = np.array([0.0, 3.0, 7.0])
    row, bucket = np.array([0, 0]), np.array([0, 1])
    matrix = with_buckets(encoding, SIGNALS, AS_OF, edges, row, bucket, FiscalCalendar())
    assert matrix[:, 1:].tolist() == [[0, 3, pytest.approx(1 / 3), 5, 0], [3, 4, 1, 2, 1]]


def test_a_matrix_is_the_same_on_any_number_of_threads() -> None:
    rng = np.random.default_rng(2)
    matrix, table = rng.normal(size=(50, 3)).astype(np.float32), rng.normal(size=(4, 5, 2)).astype(np.float32)
    row, moment, bucket = (rng.integers(0, n, 3 * AT_ONCE + 7) for n in (50, 4, 5))
    wanted = np.concatenate([matrix[row], table[moment, bucket]], axis=1)
    for threads in (1, 2):
        np.testing.assert_array_equal(in_buckets(matrix, row, table, moment, bucket, threads), wanted)
