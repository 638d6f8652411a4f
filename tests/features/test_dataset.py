"""A Dataset: validated, sorted once, and for each deal and field what its history begins with."""

import dataclasses
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features import clock
from features.dataset import MOST_MOMENTS, Dataset
from features.errors import DataError
from features.organisation import Organisation
from features.rates import of_the_day
from features.recorded import newest_fact, recorded
from features.snapshot import Snapshot
from features.stages import infer_stages
from features.tables import TABLES
from tests.features.companies import (
    ACCOUNTS,
    ACTIVITIES,
    AS_OF,
    CONTRACTS,
    DEAL_CHANGES,
    DEALS,
    MICROSECOND,
    ORDERS,
    STAGES,
    clientele,
    dataset,
    moment,
    rows,
    sales,
)


def opening(known: Dataset, deal: str, field: str) -> tuple[Any, pd.Timestamp | None]:
    """The value with which a field's history begins, and since when it is known."""
    rows_of = known.openings[known.openings["deal_id"] == deal]
    (value,), (since,) = rows_of[field], rows_of[f"{field}_since"]
    return None if pd.isna(value) else value, None if since == clock.UNKNOWN else clock.instant(int(since))


def instants(values: clock.Micros) -> list[pd.Timestamp | None]:
    return [None if value in {clock.UNKNOWN, clock.UNKNOWN + 1} else clock.instant(int(value)) for value in values]


def test_nothing_to_score_is_refused() -> None:
    with pytest.raises(DataError, match="needs deals, or orders or contracts"):
        dataset(activities=ACTIVITIES)


def test_a_table_that_breaks_its_contract_is_refused_with_the_row() -> None:
    with pytest.raises(DataError, match=r"orders\.amount.*\n.*O1.*'lots'"):
        dataset(orders="order_id | account_id | ordered_at | amount\nO1 | A1 | 2026-01-01 | lots")


def test_amounts_in_another_currency_need_rates() -> None:
    with pytest.raises(DataError, match="there is no rates table"):
        dataset(deals=DEALS)


def test_deals_alone_are_a_dataset() -> None:
    known = dataset(deals="deal_id | created_at | stage\nD2 | 2026-01-02 | B\nD1 | 2026-01-01 | A")
    assert known.n_deals == 2
    assert known.deals["deal_id"].tolist() == ["D1", "D2"]
    assert known.tables["stages"]["kind"].tolist() == ["open", "open"]
    assert known.deals["outcome"].isna().all()


@pytest.mark.parametrize(("name", "table"), [("orders", ORDERS), ("contracts", CONTRACTS)])
def test_clients_alone_are_a_dataset(name: str, table: str) -> None:
    known = dataset(tables={name: table})
    assert known.n_deals == 0
    assert len(known.client_ids) == len(set(rows(table)["account_id"]))


@pytest.mark.parametrize("known", [sales(), clientele()], ids=["sales", "clientele"])
def test_its_own_tables_make_the_same_dataset(known: Dataset) -> None:
    again = known.with_tables(known.tables)
    assert set(again.tables) == set(known.tables)
    assert again.client_ids.equals(known.client_ids)


def test_the_order_of_rows_never_shows() -> None:
    tables = {name: frame.sample(frac=1.0, random_state=3) for name, frame in sales().tables.items()}
    shuffled = sales().with_tables(tables)
    for name, frame in sales().tables.items():
        pd.testing.assert_frame_equal(frame, shuffled.tables[name], check_like=True)
    pd.testing.assert_frame_equal(sales().openings, shuffled.openings)


def test_columns_stand_in_the_contracts_order() -> None:
    for name, frame in sales().tables.items():
        assert list(frame) == [column for column in TABLES[name].names if column in frame]


def test_it_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        sales().tables["deals"] = pd.DataFrame()  # type: ignore[index]
    with pytest.raises(dataclasses.FrozenInstanceError):
        sales().extracted_at = AS_OF  # type: ignore[misc]


def test_a_tracked_field_opens_with_the_value_before_its_first_change() -> None:
    assert opening(sales(), "D1", "stage") == ("Discovery", moment("2026-01-10"))
    assert opening(sales(), "D1", "amount") == (1000.0, moment("2026-01-10"))
    assert opening(sales(), "D1", "expected_close_on") == (pd.Timestamp("2026-03-31"), moment("2026-01-10"))


def test_a_tracked_field_without_changes_always_was_what_it_is() -> None:
    assert opening(sales(), "D4", "amount") == (300.0, moment("2026-04-01") - MICROSECOND)


def test_an_untracked_field_is_known_since_the_export() -> None:
    known = dataset(deals="deal_id | created_at | stage | amount\nD1 | 2026-01-01 | A | 5", extracted_at="2026-02-01")
    assert opening(known, "D1", "amount") == (5.0, moment("2026-02-01"))
    assert opening(known, "D1", "stage") == ("A", moment("2026-02-01"))


def test_a_static_field_is_known_since_the_deal_is() -> None:
    deals = "deal_id | created_at | recorded_at | stage | source\nD1 | 2026-01-01 | 2026-01-03 | A | web"
    assert opening(dataset(deals=deals), "D1", "source") == ("web", moment("2026-01-03"))


def test_before_its_history_began_a_field_is_unknown() -> None:
    known = dataset(deals=DEALS.replace("USD", "EUR"), deal_changes=DEAL_CHANGES, stages=STAGES, tracked_since="2026-02-20")
    assert opening(known, "D1", "stage")[1] == moment("2026-02-20")  # the deal is older than the history
    assert opening(known, "D4", "stage")[1] == moment("2026-04-01") - MICROSECOND


def test_a_history_begins_with_its_first_change_where_nothing_is_declared() -> None:
    known = dataset(deals=DEALS.replace("USD", "EUR"), deal_changes=DEAL_CHANGES, stages=STAGES)
    firsts = {"stage": "2026-02-01", "amount": "2026-03-05", "expected_close_on": "2026-03-01", "owner_id": "2026-03-20"}
    assert known.tracked_since == {name: moment(first) for name, first in firsts.items()}
    assert opening(known, "D2", "owner_id") == ("U1", moment("2026-03-20"))


def test_a_field_that_the_source_lacks_is_never_known() -> None:
    assert opening(sales(), "D1", "crm_probability") == (None, None)


def test_a_closed_stage_without_a_change_is_not_known_before_the_close() -> None:
    # Stages have a history here; D6 has no change of its own and is Lost now, but cannot have been before it was lost.
    _, since = opening(sales(), "D6", "stage")
    assert since is None or since >= moment("2026-02-10")


def test_given_openings_win_and_new_deals_get_theirs() -> None:
    stored = sales().openings.assign(amount=7.0)
    stored = stored[stored["deal_id"] != "D4"]
    known = Dataset.of(sales().tables, openings=stored, tracked_since=sales().tracked_since, extracted_at=sales().extracted_at)
    assert opening(known, "D1", "amount")[0] == 7.0
    assert opening(known, "D4", "amount")[0] == 300.0


def test_other_rows_of_the_same_organisation_keep_what_was_known() -> None:
    later = sales().with_tables({**sales().tables, "deal_changes": sales().tables["deal_changes"].iloc[:0]})
    pd.testing.assert_frame_equal(later.openings, sales().openings)
    assert (later.extracted_at, later.tracked_since, later.static, later.begins) == (
        sales().extracted_at,
        sales().tracked_since,
        sales().static,
        sales().begins,
    )


def test_the_newest_fact_is_a_row_or_a_close() -> None:
    assert newest_fact(sales().tables) == moment("2026-04-10")
    assert newest_fact({"deals": sales().deals}) == moment("2026-04-10")
    assert newest_fact({"deals": sales().deals.drop(columns="closed_at")}) == AS_OF
    late = dataset(orders="order_id | account_id | ordered_at | amount | recorded_at\nO1 | A1 | 2026-01-01 | 5 | 2026-03-01")
    assert late.extracted_at == moment("2026-03-01")


def test_all_of_it_is_known_one_microsecond_after_the_export() -> None:
    assert sales().ends_at == moment("2026-05-01") + MICROSECOND
    assert dataset(orders=ORDERS).ends_at == moment("2026-04-01") + MICROSECOND


def test_a_row_is_on_record_from_its_time_or_from_when_it_was_recorded() -> None:
    frame = sales().tables["activities"].set_index("activity_id", drop=False)
    by_id = dict(zip(frame.index, instants(recorded("activities", frame)), strict=True))
    assert by_id["E1"] == moment("2026-02-01")
    assert by_id["E6"] == moment("2026-04-02")


def test_a_record_earlier_than_the_event_counts_from_the_event() -> None:
    known = dataset(orders="order_id | account_id | ordered_at | amount | recorded_at\nO1 | A1 | 2026-03-01 | 5 | 2026-01-01")
    assert instants(recorded("orders", known.tables["orders"])) == [moment("2026-03-01")]


def test_undated_rows_always_were() -> None:
    assert instants(recorded("stages", sales().tables["stages"])) == [None] * 4


def test_undated_rows_may_have_been_recorded_later() -> None:
    at = dict(zip(sales().tables["rates"]["rate"], instants(recorded("rates", sales().tables["rates"])), strict=True))
    assert at == {0.7: None, 0.6: AS_OF, 0.9: None, 0.8: None}


def test_a_row_without_its_optional_time_always_was() -> None:
    users = "user_id | name | hired_at\nU1 | Ada | 2026-01-01\nU2 | Bo |"
    known = dataset(orders=ORDERS, users=users)
    at = recorded("users", known.tables["users"])
    assert clock.known(at, clock.micros(moment("2025-01-01"))).tolist() == [False, True]


def test_each_dated_table_says_when_its_first_row_was_recorded() -> None:
    begins = {name: clock.instant(first) for name, first in sales().begins.items()}
    assert begins == {"deals": moment("2026-01-05"), "deal_changes": moment("2026-02-01"), "activities": moment("2025-03-01")}


def test_declared_beginnings_win() -> None:
    known = Dataset.of({"orders": rows(ORDERS)}, begins={"orders": 5})
    assert known.begins == {"orders": 5}


def test_stages_are_inferred_from_the_outcomes_of_their_deals() -> None:
    deals = """
        deal_id | created_at | stage    | outcome | closed_at
        D1      | 2026-01-01 | Signed   | won     | 2026-02-01
        D2      | 2026-01-01 | Dead     | lost    | 2026-02-01
        D3      | 2026-01-01 | Proposal |         |
    """
    known = dataset(deals=deals).tables["stages"]
    assert dict(zip(known["stage"], known["kind"], strict=True)) == {"Dead": "lost", "Proposal": "open", "Signed": "won"}


def test_a_stage_in_which_a_deal_is_open_is_an_open_stage() -> None:
    # A CRM that leaves a lost deal in the stage where it was lost: most deals in Proposal are lost, and yet it closes none.
    deals = """
        deal_id | created_at | stage    | outcome | closed_at
        D1      | 2026-01-01 | Proposal | lost    | 2026-02-01
        D2      | 2026-01-01 | Proposal | lost    | 2026-02-01
        D3      | 2026-01-01 | Proposal |         |
    """
    assert infer_stages(dataset(deals=deals).deals)["kind"].tolist() == ["open"]


def test_a_stage_that_deals_pass_through_is_open_even_if_those_that_stand_in_it_are_lost() -> None:
    deals = """
        deal_id | created_at | stage    | outcome | closed_at
        D1      | 2026-01-01 | Proposal | lost    | 2026-02-01
        D2      | 2026-01-01 | Signed   | won     | 2026-02-01
    """
    changes = "deal_id | changed_at | field | old_value | new_value\nD2 | 2026-02-01 | stage | Proposal | Signed"
    kinds = dataset(deals=deals, deal_changes=changes).tables["stages"]
    assert dict(zip(kinds["stage"], kinds["kind"], strict=True)) == {"Proposal": "open", "Signed": "won"}


def test_a_lost_stage_stays_one_though_a_deal_came_back_from_it() -> None:
    deals = """
        deal_id | created_at | stage | outcome | closed_at
        D1      | 2026-01-01 | Dead  | lost    | 2026-02-01
        D2      | 2026-01-01 | Dead  | lost    | 2026-02-01
        D3      | 2026-01-01 | Talk  |         |
    """
    changes = "deal_id | changed_at | field | old_value | new_value\nD3 | 2026-02-01 | stage | Dead | Talk"
    kinds = dataset(deals=deals, deal_changes=changes).tables["stages"]
    assert dict(zip(kinds["stage"], kinds["kind"], strict=True)) == {"Dead": "lost", "Talk": "open"}


def test_an_outcome_is_filled_from_the_kind_of_the_stage() -> None:
    outcomes = dict(zip(sales().deals["deal_id"], sales().deals["outcome"].fillna(""), strict=True))
    assert outcomes == {"D1": "won", "D2": "won", "D3": "lost", "D4": "", "D5": "", "D6": "lost", "D7": "won", "D8": "lost"}


def test_a_given_outcome_is_not_overruled_by_the_stage() -> None:
    deals = "deal_id | created_at | stage | outcome | closed_at\nD1 | 2026-01-01 | Proposal | lost | 2026-02-01"
    assert dataset(deals=deals, stages=STAGES).deals["outcome"].tolist() == ["lost"]


def test_rows_find_their_deal() -> None:
    assert sales().rows_of("activities").tolist() == [0, 0, 0, 0, 0, 0, 2, -1, -1]
    assert clientele().rows_of("activities").tolist() == [-1] * 9  # no deals here
    assert clientele().rows_of("tickets").tolist() == [-1] * 5  # no such column


def test_changes_of_deals_that_are_not_there_are_left_out() -> None:
    changes = "deal_id | changed_at | field | old_value | new_value\nD9 | 2026-01-02 | stage | A | B"
    known = dataset(deals="deal_id | created_at | stage\nD1 | 2026-01-01 | A", deal_changes=changes)
    assert known.history("stage").deal.tolist() == [0]


def test_accounts_of_deals_are_numbered_in_order_and_missing_ones_are_not() -> None:
    assert sales().clients_of("deals").tolist() == [0, 0, 0, 1, 1, -1, 0, 1]
    assert dataset(deals="deal_id | created_at | stage\nD1 | 2026-01-01 | A").clients_of("deals").tolist() == [-1]


def test_clients_are_all_accounts_that_any_table_names() -> None:
    assert clientele().client_ids.tolist() == ["A1", "A2", "A3", "A4", "A5", "A8", "A9"]
    assert sales().client_ids.tolist() == ["A1", "A2", "A9"]


def test_an_activity_belongs_to_its_account_else_to_that_of_its_deal() -> None:
    clients = sales().client_ids[sales().clients_of_activities]
    assert clients.tolist() == ["A1"] * 8 + ["A9"]


def test_orders_are_the_orders() -> None:
    log = clientele().order_log
    assert clientele().client_ids[log.client].tolist() == ["A1"] * 5 + ["A2", "A8", "A9"]
    assert log.amount.tolist() == [100, 200, 300, 999, 999, 50, 80, 70]
    assert instants(log.known)[3] == AS_OF


def test_won_deals_are_the_orders_where_there_are_no_others() -> None:
    log = sales().order_log
    assert sales().client_ids[log.client].tolist() == ["A1", "A1", "A1"]
    assert instants(log.time) == [moment("2026-03-01"), moment("2026-03-31T12:00"), moment("2026-04-10")]


def test_a_deal_won_again_after_it_came_back_is_a_second_order() -> None:
    deals = "deal_id | account_id | created_at | stage | amount | closed_at\nD1 | A1 | 2026-01-01 | Won | 5 | 2026-03-01"
    changes = """
        deal_id | changed_at | field | old_value | new_value
        D1      | 2026-02-01 | stage | Discovery | Won
        D1      | 2026-02-10 | stage | Won       | Discovery
        D1      | 2026-03-01 | stage | Discovery | Won
    """
    log = dataset(deals=deals, deal_changes=changes, stages=STAGES, tracked_since="2026-01-01").order_log
    assert instants(log.time) == [moment("2026-02-01"), moment("2026-03-01")]


@pytest.mark.parametrize(
    ("lines", "won"),
    [
        (("2026-03-10 | A | Won |", "2026-03-01 | A | Won | 2026-03-20"), ["2026-03-10"]),  # the earlier win is entered later
        (("2026-03-10 | A | Won | 2026-03-20", "2026-03-01 | A | Won | 2026-03-20"), ["2026-03-01"]),  # both at once
        (("2026-03-01 | A | Won |", "2026-03-10 | Won | Won |"), ["2026-03-01"]),
        (("2026-03-01 | A | Won | 2026-03-20", "2026-03-05 | Won | A |", "2026-03-10 | A | Won |"), ["2026-03-01", "2026-03-10"]),
    ],
)
def test_a_win_that_was_known_is_not_hidden_by_one_entered_late(lines: tuple[str, ...], won: list[str]) -> None:
    deals = "deal_id | account_id | created_at | stage | amount\nD1 | A1 | 2026-01-01 | Won | 5"
    changes = ["deal_id | field | changed_at | old_value | new_value | recorded_at", *(f"D1 | stage | {line}" for line in lines)]
    known = dataset(deals=deals, deal_changes="\n".join(changes), stages=STAGES, tracked_since="2026-01-01")
    assert instants(known.order_log.time) == [moment(day) for day in won]


def test_contracts_alone_make_no_orders() -> None:
    assert len(dataset(contracts=CONTRACTS).order_log.client) == 0
    assert len(dataset(contracts=CONTRACTS, deals=DEALS.replace("USD", "EUR"), stages=STAGES).order_log.client) == 0


def test_logs_of_tables_that_are_not_there() -> None:
    with pytest.raises(KeyError):
        _ = dataset(orders=ORDERS).contract_log
    with pytest.raises(KeyError):
        _ = dataset(orders=ORDERS).activity_log


def test_no_accounts_no_clients() -> None:
    known = dataset(deals="deal_id | created_at | stage | outcome | closed_at\nD1 | 2026-01-01 | A | won | 2026-02-01")
    assert len(known.client_ids) == len(known.order_log.client) == 0


def test_a_date_is_midnight_in_the_organisations_zone() -> None:
    deals = "deal_id | created_at | stage | expected_close_on\nD1 | 2026-01-01 | A | 2026-04-01"
    known = dataset(Organisation(timezone="Asia/Tokyo"), deals=deals)
    assert instants(known.history("expected_close_on").value.astype(np.int64)) == [moment("2026-03-31T15:00")]


def test_a_history_is_compiled_once() -> None:
    assert sales().history("stage") is sales().history("stage")


def test_accounts_do_not_need_deals() -> None:
    assert dataset(orders=ORDERS, accounts=ACCOUNTS).tables["accounts"]["account_id"].tolist() == ["A1", "A2"]


def test_what_belongs_to_a_moment_is_kept_for_the_last_few_and_no_more() -> None:
    known, computed = dataclasses.replace(sales(), _cache={}), list[int]()

    def compute(at: int) -> int:
        computed.append(at)
        return at

    known.remembered("something else", lambda: 1)
    for at in (*range(MOST_MOMENTS), 0, MOST_MOMENTS, 0, 1):
        assert known.remembered_lately("rates", at, partial(compute, at)) == at
    assert computed == [*range(MOST_MOMENTS), MOST_MOMENTS, 1]  # 0 was asked for lately and stayed, 1 had gone
    assert sum(isinstance(key, tuple) for key in known.remembered_keys()) == MOST_MOMENTS
    assert "something else" in known.remembered_keys()


def test_a_year_of_dates_leaves_the_rates_of_few_days() -> None:
    known = dataclasses.replace(sales(), _cache={})
    for day in pd.date_range("2026-01-01", periods=40, tz="UTC"):
        of_the_day(Snapshot(known, day.as_unit("us")))
    assert sum(key[0] == "rates" for key in known.remembered_keys() if isinstance(key, tuple)) == MOST_MOMENTS
