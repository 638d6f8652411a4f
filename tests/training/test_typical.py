import json
from dataclasses import replace

import numpy as np

from tests.training.mixed_rows import learned, rows_of
from training.encoded import encode
from training.targets import WON
from training.typical import MIN_PEERS, MIN_ROWS, Typical, learn_typical


def test_each_reference_is_a_row_of_its_kind_on_the_latest_date() -> None:
    model, typical = learned()
    rows = rows_of()
    latest = encode(model, rows.signals[rows.as_of == rows.as_of.max()])
    for kind in np.flatnonzero(typical.own_medoid):
        same = (latest.matrix == typical.references.matrix[kind]) | np.isnan(latest.matrix) & np.isnan(
            typical.references.matrix[kind]
        )
        assert kind in latest.kind[same.all(axis=1)]


def test_the_medoid_is_the_one_with_the_least_distance_to_all_others() -> None:
    model, typical = learned()
    rows = rows_of()
    latest = encode(model, rows.signals[rows.as_of == rows.as_of.max()])
    places = typical.space.of(latest.matrix)
    sums = np.abs(places[:, None] - places[None]).sum(axis=(1, 2))
    medoid = np.abs(places - typical.space.of(typical.references.matrix[-1:])).sum(axis=1).argmin()
    assert sums[medoid] == sums.min()


def test_a_thin_kind_takes_the_whole_cohorts_reference() -> None:
    model, _ = learned()
    rows = rows_of()
    keep = np.array(rows.signals["stage"] == "Proposal")
    keep[np.flatnonzero(~keep & (rows.as_of == rows.as_of.max()))[: MIN_ROWS - 1]] = True
    typical = learn_typical(model, rows.take(keep), WON)
    assert typical.own_medoid.tolist() == [False, True, False]
    np.testing.assert_array_equal(typical.references.matrix[0], typical.references.matrix[2])


def test_the_usual_is_the_median_of_the_won_deals_each_counted_once() -> None:
    model, _ = learned()
    rows = rows_of()
    twice = replace(rows, signals=rows.signals.set_axis(np.where(np.arange(len(rows)) < 900, "D", rows.signals.index)))
    won = rows.outcomes.cause == WON
    alone = rows.signals["amount"][won & (np.arange(len(rows)) >= 900)].tolist()
    many = rows.signals["amount"][won & (np.arange(len(rows)) < 900)].median()
    assert learn_typical(model, twice, WON).usual["amount"][-1] == np.median([*alone, many])


def test_a_stage_with_few_won_deals_takes_what_is_usual_everywhere() -> None:
    model, _ = learned()
    rows = rows_of()
    won = (rows.outcomes.cause == WON) & (rows.signals["stage"] == "Discovery").to_numpy(dtype=bool)
    few = np.cumsum(won) < MIN_PEERS
    typical = learn_typical(model, rows.take(~won | few), WON)
    assert typical.own_peers.tolist() == [False, True, False]
    assert all(first == whole for first, _, whole in typical.usual.values())
    assert any(other != whole for _, other, whole in typical.usual.values())


def test_what_is_usual_never_holds_a_rare_text() -> None:
    model, _ = learned()
    rows = rows_of()
    named = replace(rows, signals=rows.signals.assign(product="The one deal of " + rows.signals.index))
    assert set(learn_typical(model, named, WON).usual["product"]) == {None}


def test_it_survives_json() -> None:
    _, typical = learned()
    again = Typical.from_json(json.loads(json.dumps(typical.to_json())))
    np.testing.assert_array_equal(again.references.matrix, typical.references.matrix)
    np.testing.assert_array_equal(again.low, typical.low)
    assert again.usual == typical.usual
