"""Similar past deals: nearest, at the same stage, each once, and nothing that was not known by then."""

from functools import cache

import numpy as np
import pandas as pd

from features.dataset import Dataset
from features.deals import deal_signals
from features.snapshot import Snapshot
from tests.leakage.rewrite import Rewrite, rewritten
from tests.training.companies import company, midway
from tests.training.test_bundle import trained
from training.explain import Explainer
from training.similar import SHOWN, PastDeals, past_deals, similar_deals


@cache
def explainer() -> Explainer:
    return trained().explainers["deals"]


@cache
def past() -> PastDeals:
    return past_deals(company(), explainer(), midway(company()))


def similar(dataset: Dataset, known: PastDeals, row: int) -> pd.DataFrame:
    signals = deal_signals(Snapshot(dataset, midway(company())))
    encoded = explainer().model.encoding.rows(signals)[row]
    return similar_deals(known, explainer().typical.space, encoded, signals["stage"].iloc[row])


def test_they_are_the_nearest_of_the_stage_each_deal_once() -> None:
    signals = deal_signals(Snapshot(company(), midway(company())))
    place = explainer().typical.space.of(explainer().model.encoding.rows(signals)[:1]).astype(np.float32)
    same = past().stage == signals["stage"].iloc[0]
    distance = pd.Series(np.abs(past().places[same] - place).sum(axis=1)).groupby(past().deal_id[same]).min()
    found = similar(company(), past(), 0)
    assert found["deal_id"].tolist() == distance.nsmallest(SHOWN).index.tolist()
    assert found["distance"].is_monotonic_increasing


def test_their_outcomes_were_on_record_before_as_of() -> None:
    found = pd.concat([similar(company(), past(), row) for row in range(10)])
    closed = company().deals.set_index("deal_id").loc[found["deal_id"]]
    assert found["outcome"].tolist() == closed["outcome"].tolist()
    assert (found["closed_at"] < midway(company())).all()
    assert (found["days_to_close"] >= 0).all()


def test_another_future_changes_nothing() -> None:
    other = rewritten(company(), midway(company()), Rewrite(3, delete=True, alter=True, append=True))
    known = past_deals(other, explainer(), midway(company()))
    for row in range(10):
        pd.testing.assert_frame_equal(similar(other, known, row), similar(company(), past(), row))


def test_at_a_stage_that_no_past_deal_saw_there_are_none() -> None:
    row = np.zeros(len(explainer().signals), dtype=np.float32)
    assert len(similar_deals(past(), explainer().typical.space, row, "never seen")) == 0


def test_before_the_first_deal_there_is_no_past() -> None:
    first = company().deals["created_at"].min() - pd.Timedelta(days=1)
    assert len(past_deals(company(), explainer(), first).deal) == 0
