"""After a write the scores are those of a full load: of what was touched at once, of all when they settle."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from features.dataset import Dataset
from features.store import Store
from serving.served import runtime as runtimes
from serving.served.runtime import Runtime
from serving.served.scores import Scores
from serving.served.state import Served
from tests.features.puts import put
from tests.serving.stored import by_key, runtime_over, store_of


@pytest.fixture
def store(company: Dataset, tmp_path: Path) -> Iterator[Store]:
    opened = store_of(company, f"sqlite:///{tmp_path / 'store.db'}")
    yield opened
    opened.close()


@pytest.fixture
def patching(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even a small company is scored by parts."""
    monkeypatch.setattr(runtimes, "FEW_DEALS", 0)


def loaded_anew(store: Store, home: Path) -> Served:
    held = runtime_over(store, home)
    held.refresh()
    return held.served()


def write(store: Store, held: Runtime, minutes: int = 1) -> str:
    """Change an open deal, an account's orders and its activities; the deal's id."""
    served = held.served()
    deal, at = served.deals.row(5), served.dataset.ends_at + pd.Timedelta(minutes=minutes)
    call = {"activity_id": f"X-{minutes}", "deal_id": deal["deal_id"], "account_id": deal["account_id"], "kind": "call"}
    put(store, "activities", call | {"logged_at": at.isoformat()}, at=at)
    put(store, "deals", {"deal_id": deal["deal_id"], "amount": (deal["amount"] or 0.0) + 1000.0}, at=at)
    order = {"order_id": f"O-{minutes}", "account_id": deal["account_id"], "ordered_at": at.isoformat(), "amount": 10.0}
    put(store, "orders", order, at=at)
    return str(deal["deal_id"])


def assert_same_scores(one: Served, other: Served) -> None:
    assert (one.as_of, one.revision) == (other.as_of, other.revision)
    pd.testing.assert_frame_equal(by_key(one.deals, "deal_id"), by_key(other.deals, "deal_id"), check_exact=True)
    assert one.clients is not None
    assert other.clients is not None
    pd.testing.assert_frame_equal(by_key(one.clients, "account_id"), by_key(other.clients, "account_id"), check_exact=True)


def test_few_deals_are_all_scored_again(store: Store, trained_home: Path) -> None:
    held = runtime_over(store, trained_home)
    held.refresh()
    before, deal_id = held.served(), write(store, held)
    assert held.refresh()
    assert_same_scores(held.served(), loaded_anew(store, trained_home))
    assert held.served().deals.find(deal_id) != before.deals.find(deal_id)
    assert not held.unsettled


@pytest.mark.usefixtures("patching")
def test_of_many_those_that_were_touched_are_scored_and_the_rest_stays(store: Store, trained_home: Path) -> None:
    held = runtime_over(store, trained_home)
    held.refresh()
    before, deal_id = held.served(), write(store, held)
    held.refresh()
    now, anew = held.served(), loaded_anew(store, trained_home)
    account = by_key(now.deals, "deal_id")["account_id"] == by_key(before.deals, "deal_id").loc[deal_id, "account_id"]
    touched, others = account.index[account], account.index[~account]
    pd.testing.assert_frame_equal(
        by_key(now.deals, "deal_id").loc[touched], by_key(anew.deals, "deal_id").loc[touched], check_exact=True
    )
    earlier = Served.of(now.dataset, 1, before.as_of, now.bundles, Scores.of(now.dataset, now.bundles, before.as_of))
    pd.testing.assert_frame_equal(
        by_key(now.deals, "deal_id").loc[others], by_key(earlier.deals, "deal_id").loc[others], check_exact=True
    )
    assert len(others)
    assert held.unsettled


@pytest.mark.usefixtures("patching")
def test_scores_settle_as_of_one_moment(store: Store, trained_home: Path) -> None:
    held = runtime_over(store, trained_home)
    held.refresh()
    for minutes in (1, 2):
        write(store, held, minutes)
        held.refresh()
    assert held.settle()
    assert_same_scores(held.served(), loaded_anew(store, trained_home))
    assert not held.settle()


@pytest.mark.usefixtures("patching")
def test_what_is_written_while_scores_settle_is_not_lost(
    store: Store, trained_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = runtime_over(store, trained_home)
    held.refresh()
    write(store, held, 1)
    held.refresh()
    scored, late = Scores.of, list[str]()

    def meanwhile(*given: object) -> Scores:
        if not late:
            late.append(write(store, held, 2))
            held.refresh()
        return scored(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(Scores, "of", meanwhile)
    assert held.settle()
    assert held.served().revision == store.revision()
    monkeypatch.undo()
    anew = loaded_anew(store, trained_home).deals.find(late[0])
    assert held.served().deals.find(late[0]) == anew


def test_what_reaches_all_is_loaded_whole(store: Store, trained_home: Path) -> None:
    held = runtime_over(store, trained_home)
    held.refresh()
    put(store, "users", {"user_id": "U-new", "name": "Ann"}, at=held.served().dataset.ends_at + pd.Timedelta(minutes=1))
    assert held.refresh()
    assert_same_scores(held.served(), loaded_anew(store, trained_home))
