"""Requests scored in one pass: each gets, to the byte, what it would have got alone."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import to_json

from features import clock
from features.dataset import Dataset
from serving.posted import deal_batch
from serving.posted.batching import Onward
from serving.posted.deal_batch import DealJob, explain, score
from serving.posted.deals import PostedDeal
from serving.posted.tables import sheets_of
from serving.served.runtime import Runtime
from serving.served.state import Served
from tests.serving.scoring.test_score import as_sent


def answers(jobs: Sequence[DealJob]) -> list[bytes]:
    """What is sent of each answer."""
    outcomes = score(jobs)
    onward = [place for place, each in enumerate(outcomes) if isinstance(each, Onward)]
    for place, explained in zip(onward, explain([outcomes[place].job for place in onward]), strict=True):
        outcomes[place] = explained
    return [to_json([each.as_of, each.rows]) for each in outcomes]


def alone(job: DealJob) -> bytes:
    return answers([job])[0]


@pytest.fixture(scope="module")
def served(runtime: Runtime) -> Served:
    return runtime.served()


@pytest.fixture(scope="module")
def stored(company: Dataset, served: Served) -> list[dict[str, Any]]:
    """Open deals as a CRM would post them."""
    return [as_sent(company, deal) for deal in served.deals.ids[:12].tolist()]


def job(served: Served, deals: Sequence[dict[str, Any]], horizons: Sequence[float] = (7, 30), **other: Any) -> DealJob:
    posted = tuple(PostedDeal.model_validate(deal) for deal in deals)
    body = json.dumps([list(deals), list(horizons), str(other)]).encode()
    return DealJob(served, posted, tuple(horizons), other.get("as_of"), other.get("reasons", False), body)


EVENTS: list[dict[str, Any]] = [{}, {"activities": []}, {"changes": []}, {"source": "Somewhere", "changes": []}]
POSTED = st.tuples(st.integers(0, 11), st.sampled_from(["own", "first", "second", "A-new", None]), st.integers(0, 3))
REQUESTS = st.tuples(
    st.lists(POSTED, min_size=1, max_size=3, unique_by=lambda posted: posted[0]),
    st.lists(st.sampled_from([1.0, 7.0, 30.5, 90.0, 3650.0]), min_size=1, max_size=3),
    st.sampled_from([None, pd.Timedelta(0), pd.Timedelta(hours=7)]),
    st.booleans(),
)


@settings(max_examples=20)
@given(requests=st.lists(REQUESTS, min_size=2, max_size=6))
def test_a_request_in_a_pass_gets_the_bytes_that_it_gets_alone(
    served: Served, stored: list[dict[str, Any]], requests: list[Any]
) -> None:
    jobs = []
    for posted, horizons, after, reasons in requests:
        as_of = None if after is None else served.as_of + after
        deals = [altered(stored, *each) for each in posted]
        jobs.append(job(served, deals, horizons, as_of=as_of, reasons=reasons))
    assert answers(jobs) == [alone(each) for each in jobs]


def altered(stored: list[dict[str, Any]], place: int, account: str | None, events: int) -> dict[str, Any]:
    """A stored deal with another account or history; the last two places are deals that are not stored."""
    accounts = {"own": stored[place]["account_id"], "first": stored[0]["account_id"], "second": stored[1]["account_id"]}
    new = {"deal_id": f"D-new-{place}", "activities": []} if place >= 10 else {}
    return {**stored[place], "account_id": accounts.get(str(account), account), **EVENTS[events], **new}


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The ids of the deals of each pass."""
    seen: list[list[str]] = []

    def remembered(deals: Sequence[PostedDeal], custom: Any, zone: str) -> Any:
        seen.append([deal.deal_id for deal in deals])
        return sheets_of(deals, custom, zone)

    monkeypatch.setattr(deal_batch, "sheets_of", remembered)
    return seen


def new_deal(stored: list[dict[str, Any]], account: str) -> dict[str, Any]:
    return {**stored[3], "deal_id": "D-new", "account_id": account, "activities": [], "changes": []}


def test_requests_that_have_nothing_in_common_share_a_pass(
    served: Served, stored: list[dict[str, Any]], passes: list[list[str]]
) -> None:
    score([job(served, [stored[0]]), job(served, [stored[1]], [90]), job(served, [new_deal(stored, "A-new")])])
    assert passes == [[stored[0]["deal_id"], stored[1]["deal_id"], "D-new"]]


@pytest.mark.parametrize("other", ["account", "deal", "moment", "champion"])
def test_requests_that_could_see_each_other_do_not_share_one(
    served: Served, stored: list[dict[str, Any]], passes: list[list[str]], other: str
) -> None:
    first, champion = job(served, [stored[0]]), replace(served.bundles["deals"])
    second = {
        "account": lambda: job(served, [new_deal(stored, stored[0]["account_id"])]),
        "deal": lambda: job(served, [{**stored[0], "account_id": "A-new", "amount": 5.0, "changes": []}]),
        "moment": lambda: job(served, [stored[1]], as_of=served.as_of + pd.Timedelta(hours=7)),
        "champion": lambda: job(replace(served, bundles={**served.bundles, "deals": champion}), [stored[1]]),
    }[other]()
    assert answers([first, second]) == [alone(first), alone(second)]
    assert [len(ids) for ids in passes] == [1, 1, 1, 1]


def test_a_deal_that_moves_to_another_account_does_not_leave_its_old_one_for_others(
    served: Served, stored: list[dict[str, Any]], passes: list[list[str]]
) -> None:
    moved = job(served, [{**stored[0], "account_id": "A-new"}])
    stays = job(served, [new_deal(stored, stored[0]["account_id"])])
    assert answers([moved, stays]) == [alone(moved), alone(stays)]
    assert [len(ids) for ids in passes] == [1, 1, 1, 1]


def test_a_column_that_one_request_sends_is_not_an_empty_one_for_another(
    company: Dataset, served: Served, stored: list[dict[str, Any]], passes: list[list[str]]
) -> None:
    lacking = company.with_tables({**company.tables, "deals": company.deals.drop(columns="crm_probability")})
    state = replace(served, dataset=lacking)
    plain = {**stored[0], "crm_probability": None, "changes": []}
    jobs = [job(state, [plain]), job(state, [{**stored[1], "crm_probability": 0.25, "changes": []}])]
    assert answers(jobs) == [alone(each) for each in jobs]
    assert [len(ids) for ids in passes] == [1, 1, 1, 1]


def test_a_request_that_came_twice_is_scored_once(served: Served, stored: list[dict[str, Any]], passes: list[list[str]]) -> None:
    first, second, third = answers([*[job(served, [stored[0]], reasons=True)] * 2, job(served, [stored[1]])])
    assert [len(ids) for ids in passes] == [2]
    assert first == second != third


def test_one_request_that_cannot_be_scored_spoils_no_other(served: Served, stored: list[dict[str, Any]]) -> None:
    early = job(served, [stored[0]], as_of=clock.instant(0))
    fine = job(served, [stored[1]])
    failed, scored = score([early, fine])
    assert "look ahead" in str(failed)
    assert to_json([scored.as_of, scored.rows]) == alone(fine)


def test_now_is_one_moment_for_a_whole_pass(company: Dataset, served: Served, stored: list[dict[str, Any]]) -> None:
    told = {**vars(company.told), "extracted_at": pd.Timestamp.now(tz="UTC").as_unit("us")}
    fresh = replace(served, dataset=Dataset.of(company.tables, company.organisation, **told))
    first, second = score([job(fresh, [deal]) for deal in stored[:2]])
    assert first.as_of == second.as_of
