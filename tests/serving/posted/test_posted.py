from typing import Any

import pandas as pd
import pytest
from pydantic import ValidationError

from features import contracts
from features.errors import DataError
from features.tables import CHANGES, TABLES, Column, Kind
from serving.posted.deals import MOST_DEALS, PostedDeal, ScoreRequest
from serving.posted.tables import tables_of

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
        PostedDeal.model_validate(deal(**broken))


OWN = (
    Column("seats", Kind.NUMBER, CHANGES),
    Column("pilot", Kind.FLAG, "created_at"),
    Column("renewal", Kind.DATE, CHANGES),
    Column("campaign", Kind.CATEGORY, "created_at"),
)


def own(**custom: Any) -> PostedDeal:
    return PostedDeal.model_validate(deal(custom=custom))


def test_custom_columns_are_read_as_the_mapping_declares_them() -> None:
    table = tables_of([own(seats=12, pilot=True, renewal="2026-04-01"), own(campaign=" spring ")], OWN)["deals"]
    assert contracts.conform("deals", table.drop(index=1), custom=OWN).dtypes.equals(table.dtypes)
    assert table["seats"].to_list()[0] == 12.0
    assert table["pilot"].to_list() == [True, pd.NA]
    assert table["campaign"].to_list()[1] == "spring"
    assert "seats" not in tables_of([own(pilot=False)], OWN)["deals"]


@pytest.mark.parametrize(("custom", "rule"), [({"seats": "many"}, "text in a number column"), ({"size": 1}, "not declared")])
def test_a_custom_value_that_does_not_fit_or_is_not_declared_is_refused(custom: dict[str, Any], rule: str) -> None:
    with pytest.raises(DataError, match=rule):
        tables_of([own(**custom)], OWN)


@pytest.mark.parametrize(("field", "value", "refused"), [("seats", "5", False), ("seats", "a few", True), ("pilot", "1", True)])
def test_changes_of_custom_columns_are_those_of_declared_histories(field: str, value: str, refused: bool) -> None:
    posted = PostedDeal.model_validate(deal(changes=[{**CHANGE, "field": field, "old_value": None, "new_value": value}]))
    if not refused:
        assert tables_of([posted], OWN)["deal_changes"]["new_value"].tolist() == ["5"]
        return
    with pytest.raises(DataError):
        tables_of([posted], OWN)


def test_an_id_is_stripped_and_blank_ones_are_refused() -> None:
    assert PostedDeal.model_validate(deal(deal_id=" D-1\u00a0")).deal_id == "D-1"
    with pytest.raises(ValidationError):
        PostedDeal.model_validate(deal(stage="  "))


@pytest.mark.parametrize("value", ["-12.5", "1e6", None])
def test_a_change_of_a_number_carries_a_number(value: str | None) -> None:
    change = {**CHANGE, "field": "amount", "old_value": "1", "new_value": value}
    assert PostedDeal.model_validate(deal(changes=[change])).changes[0].new_value == value


def test_more_deals_than_the_limit_are_refused() -> None:
    with pytest.raises(ValidationError, match="at most"):
        ScoreRequest.model_validate({"deals": [deal(deal_id=str(n)) for n in range(MOST_DEALS + 1)]})


@pytest.mark.parametrize("horizons", [[], [0], [-1], [3651], ["7"], [float("nan")], [1.0] * 21])
def test_horizons_out_of_range_are_refused(horizons: list[Any]) -> None:
    with pytest.raises(ValidationError):
        ScoreRequest.model_validate({"deals": DEAL, "horizons": horizons})
