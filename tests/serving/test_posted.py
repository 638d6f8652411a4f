from typing import Any

import pytest
from pydantic import ValidationError

from features import contracts
from features.tables import TABLES
from serving.posted import MOST_DEALS, PostedDeal, ScoreRequest, tables_of

DEAL = {"deal_id": "D-1", "account_id": "A-7", "created_at": "2026-08-03T09:15:00+02:00", "stage": "Proposal", "amount": 42000}
CHANGE = {"changed_at": "2026-09-01T08:00:00+02:00", "field": "stage", "old_value": "Discovery", "new_value": "Proposal"}
ACTIVITY = {"kind": "call", "direction": "out", "logged_at": "2026-09-10T12:00:00+02:00"}


def deal(**changed: Any) -> dict[str, Any]:
    return {**DEAL, **changed}


def test_a_posted_deal_becomes_rows_that_keep_the_contracts() -> None:
    posted = PostedDeal.model_validate(deal(changes=[CHANGE], activities=[ACTIVITY, ACTIVITY]))
    tables = tables_of([posted])
    assert {name: len(frame) for name, frame in tables.items()} == {"deals": 1, "deal_changes": 1, "activities": 2}
    assert tables["activities"]["activity_id"].is_unique
    assert (tables["activities"][["deal_id", "account_id"]] == ["D-1", "A-7"]).all().all()
    for name, frame in tables.items():
        assert contracts.conform(name, frame).dtypes.equals(frame.dtypes)


def test_a_deal_without_history_has_empty_tables_with_the_columns() -> None:
    tables = tables_of([PostedDeal.model_validate(DEAL)])
    assert set(TABLES["deal_changes"].required) <= set(tables["deal_changes"])
    assert len(tables["activities"]) == 0


def test_one_deal_alone_is_a_list_of_one() -> None:
    assert ScoreRequest.model_validate({"deals": DEAL}) == ScoreRequest.model_validate({"deals": [DEAL]})


@pytest.mark.parametrize(
    "broken",
    [
        {"amount": "42000"},
        {"amount": True},
        {"amount": float("nan")},
        {"amount": float("inf")},
        {"amount": 10**400},
        {"stage": None},
        {"stage": "a\x00b"},
        {"stage": "\ud800"},
        {"deal_id": ""},
        {"currency": "euro"},
        {"created_at": 1_700_000_000},
        {"created_at": "1700000000"},
        {"created_at": "2026-08-03T09:15:00"},
        {"created_at": "0001-01-01T00:00:00Z"},
        {"expected_close_on": "9999-12-31"},
        {"expected_close_on": "2026-12-15T10:00"},
        {"crm_probability": 1.2},
        {"outcome": "won"},
        {"changes": [{**CHANGE, "field": "outcome"}]},
        {"changes": [{**CHANGE, "field": "amount", "new_value": "1_000"}]},
        {"changes": [{**CHANGE, "field": "amount", "new_value": "nan"}]},
        {"changes": [{**CHANGE, "field": "expected_close_on", "new_value": "2026-W14-3"}]},
        {"changes": [{**CHANGE, "field": "expected_close_on", "new_value": "2026-02-30"}]},
        {"activities": [{**ACTIVITY, "kind": "smoke signal"}]},
    ],
)
def test_what_does_not_fit_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ScoreRequest.model_validate({"deals": [deal(**broken)]})


@pytest.mark.parametrize("value", ["-12.5", "1e6", None])
def test_a_change_of_a_number_carries_a_number(value: str | None) -> None:
    change = {**CHANGE, "field": "amount", "old_value": "1", "new_value": value}
    assert PostedDeal.model_validate(deal(changes=[change])).changes[0].new_value == value


def test_the_same_id_twice_is_refused_with_both_places() -> None:
    with pytest.raises(ValidationError, match="Deals 0 and 2"):
        ScoreRequest.model_validate({"deals": [DEAL, deal(deal_id="D-2"), DEAL]})


def test_more_deals_than_the_limit_are_refused() -> None:
    with pytest.raises(ValidationError, match="at most"):
        ScoreRequest.model_validate({"deals": [deal(deal_id=str(n)) for n in range(MOST_DEALS + 1)]})


@pytest.mark.parametrize("horizons", [[], [0], [-1], [3651], ["7"], [float("nan")], [1.0] * 21])
def test_horizons_out_of_range_are_refused(horizons: list[Any]) -> None:
    with pytest.raises(ValidationError):
        ScoreRequest.model_validate({"deals": DEAL, "horizons": horizons})
