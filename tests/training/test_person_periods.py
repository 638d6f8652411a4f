import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.labels import Outcomes
from training.person_periods import MIN_EVENTS, choose_edges, person_periods

EDGES = np.array([0.0, 7.0, 14.0])


def outcomes(*rows: tuple[float, int, float]) -> Outcomes:
    days, cause, follow_up = zip(*rows, strict=True)
    return Outcomes(np.array(days), np.array(cause), np.array(follow_up))


def pairs(*rows: tuple[float, int, float]) -> list[tuple[int, int, int]]:
    found = person_periods(outcomes(*rows), EDGES, 3)
    return list(zip(found.row.tolist(), found.bucket.tolist(), found.ended.tolist(), strict=True))


def test_a_row_counts_until_its_event() -> None:
    assert pairs((3.0, 1, 20.0)) == [(0, 0, 1)]
    assert pairs((9.0, 2, 20.0)) == [(0, 0, 0), (0, 1, 2)]


def test_an_open_row_counts_as_long_as_it_was_watched() -> None:
    assert pairs((np.inf, 0, 20.0)) == [(0, 0, 0), (0, 1, 0)]
    assert pairs((np.inf, 0, 13.9)) == [(0, 0, 0)]


def test_a_half_watched_bucket_is_left_out_even_when_the_event_came_early() -> None:
    assert pairs((8.0, 1, 10.0)) == [(0, 0, 0)]


def test_an_event_on_an_edge_belongs_to_the_bucket_that_begins_there() -> None:
    assert pairs((7.0, 1, 20.0)) == [(0, 0, 0), (0, 1, 1)]


def test_leaving_out_half_watched_buckets_keeps_the_curve_unbiased() -> None:
    rng = np.random.default_rng(5)
    days, follow_up = rng.exponential(60.0, 400_000), rng.uniform(0, 120, 400_000)
    seen = days < follow_up
    rows = Outcomes(np.where(seen, days, np.inf), seen.astype(np.int64), follow_up)
    edges = np.arange(0.0, 121.0, 30.0)
    found = person_periods(rows, edges, 2)
    staying = np.array([(found.ended[found.bucket == bucket] == 0).mean() for bucket in range(3)])
    np.testing.assert_allclose(staying, np.exp(-0.5), atol=0.01)


def test_edges_join_buckets_with_few_events() -> None:
    busy = [(0.5, 1, 40.0)] * MIN_EVENTS
    edges, n_watched = choose_edges(outcomes(*busy, (5.0, 1, 40.0), *[(np.inf, 0, 40.0)] * 5))
    assert edges[: n_watched + 1].tolist() == [0, 1, 7, 30]
    assert edges[-1] == 1095


def test_edges_do_not_reach_past_the_longest_follow_up() -> None:
    edges, n_watched = choose_edges(outcomes(*[(float(day % 9), 1, 10.0) for day in range(200)]))
    assert edges[n_watched] == 7


@given(st.lists(st.tuples(st.sampled_from([0.0, 3.0, 7.0, 13.9, 14.0, np.inf]), st.sampled_from([0.0, 7.0, 9.5, 14.0, 90.0]))))
def test_runs_hold_the_pairs_that_are_at_risk_and_wholly_watched(rows: list[tuple[float, float]]) -> None:
    days, follow_up = np.array(rows).reshape(-1, 2).T
    found = person_periods(Outcomes(days, np.where(np.isfinite(days), 2, 0), follow_up), EDGES, 3)
    wanted = [
        (row, bucket, 2 if days[row] < EDGES[bucket + 1] else 0)
        for row in range(len(rows))
        for bucket in range(2)
        if days[row] >= EDGES[bucket] and follow_up[row] >= EDGES[bucket + 1]
    ]
    assert list(zip(found.row.tolist(), found.bucket.tolist(), found.ended.tolist(), strict=True)) == wanted
