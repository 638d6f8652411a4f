"""A deal that was deleted since teaches what it taught while it was there, and is watched until its deletion."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from features import clock
from features.dataset import Dataset
from features.deletions import Deletion
from features.lives import Lives
from features.snapshot import Snapshot
from features.store import Store
from features.synthetic import Settings, generate
from tests.serving.stored import source_of
from training.boosting import Parameters
from training.cohorts import Cohorts, gather
from training.examples import Examples
from training.targets import LOST

COMPANY = generate(Settings(n_deals=200)).dataset()
DAY = pd.Timedelta(days=1)
DELETED_AT = COMPANY.ends_at - 60 * DAY


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    """The company up to two months ago, when its CRM deleted every deal lost by then and three open ones."""
    opened = Store("sqlite://")
    opened.replace(source_of(COMPANY))
    with opened.engine.begin() as connection:  # the store was filled when the deletions came
        connection.exec_driver_sql(
            "UPDATE store SET facts = json_set(facts, '$.extracted_at', ?)", (clock.micros(DELETED_AT) - 1,)
        )
    opened.delete(Deletion("deals", tuple(sorted({*lost(), *still_open()})), "crm"), DELETED_AT)
    yield opened
    opened.close()


def lost() -> list[str]:
    then = Snapshot(COMPANY, DELETED_AT).frame("deals")
    return list(then[then["outcome"] == "lost"]["deal_id"])


def still_open() -> list[str]:
    then = Snapshot(COMPANY, DELETED_AT)
    return list(COMPANY.deals["deal_id"].iloc[then.open_deals[:3]])


def gathered(dataset: Dataset, lives: Lives | None = None) -> Cohorts:
    return gather(dataset, "deals", DELETED_AT + 30 * DAY, Parameters(threads=1), lambda _: None, lives)


@pytest.fixture(scope="module")
def found(store: Store) -> Cohorts:
    """By the data as it was."""
    return gathered(store.load(), store.lives(DELETED_AT + 30 * DAY))


@pytest.fixture(scope="module")
def rest(store: Store) -> Cohorts:
    """By what is left."""
    return gathered(store.load())


def of(rows: Examples, *deals: str) -> pd.DataFrame:
    told = {"as_of": rows.as_of, "days": rows.outcomes.days, "cause": rows.outcomes.cause, "follow_up": rows.outcomes.follow_up}
    return pd.DataFrame(told, index=rows.signals.index).loc[[*deals]]


def test_the_past_of_a_training_has_the_deals_that_were_deleted_since(found: Cohorts, rest: Cohorts) -> None:
    rows, whole = found.rows["deals"], gathered(COMPANY).rows["deals"]
    assert not set(rest.rows["deals"].signals.index) & set(lost())
    earlier, same = (clock.known(each.as_of, clock.micros(DELETED_AT)) for each in (rows, whole))
    assert set(lost()) & set(rows.signals.index)
    assert rows.signals.index[earlier].tolist() == whole.signals.index[same].tolist()
    as_then = whole.take(same).cut(clock.micros(DELETED_AT)).outcomes
    assert (rows.outcomes.cause[earlier] == LOST).sum() == (as_then.cause == LOST).sum() > 0
    assert found.ended["deals"] > rest.ended["deals"]


def test_an_open_deal_that_is_deleted_is_censored_at_its_deletion(found: Cohorts) -> None:
    rows = of(found.rows["deals"], *still_open())
    assert len(rows)
    assert (rows["cause"] == 0).all()
    watched = (clock.micros(DELETED_AT) - rows["as_of"]) / clock.MICROS_PER_DAY
    np.testing.assert_allclose(rows["follow_up"], watched)
    assert (rows["follow_up"] > 0).all()


def test_amounts_and_owners_are_read_from_the_deals_that_are_gone_too(found: Cohorts) -> None:
    assert found.dataset.n_deals == COMPANY.n_deals
    assert set(found.rows["deals"].signals.index) <= set(found.dataset.deals["deal_id"])


def test_a_training_before_the_deletion_knows_nothing_of_it(store: Store) -> None:
    before, after = store.lives(DELETED_AT), store.lives()
    assert before is not None
    assert after is not None
    assert (len(before.gone), len(after.gone)) == (0, len({*lost(), *still_open()}))
    untouched = Store("sqlite://")
    untouched.replace(source_of(COMPANY))
    assert untouched.lives() is None
    untouched.close()
