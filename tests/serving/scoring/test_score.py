"""Scores: what each column means, and what is refused."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features import clock
from features.dataset import Dataset
from features.errors import NotReadyError, UsageError
from features.snapshot import Snapshot
from serving.posted.deals import PostedActivity, PostedChange, PostedDeal
from serving.posted.tables import tables_of
from serving.scoring.reason_columns import readable
from serving.scoring.score import pipeline, score_checked, score_clients, score_deals, score_posted
from serving.served.one_deal import curve
from training.bundle import Bundle
from training.lifetime import Terms
from training.run import fit

HORIZONS = (7.0, 30.0, 90.0)


@pytest.fixture(scope="session")
def deals(company: Dataset) -> Bundle:
    return fit(company, "deals", company.ends_at, threads=1)


@pytest.fixture(scope="session")
def clients(company: Dataset) -> Bundle:
    return fit(company, "clients", company.ends_at, threads=1)


@pytest.fixture(scope="session")
def scored(company: Dataset, deals: Bundle) -> pd.DataFrame:
    return score_deals(company, deals, company.ends_at, HORIZONS)


def test_every_open_deal_has_one_row(company: Dataset, scored: pd.DataFrame) -> None:
    still_open = company.deals.loc[company.deals["outcome"].isna(), "deal_id"]
    assert scored["deal_id"].tolist() == sorted(still_open)


def test_chances_rise_with_the_horizon_and_leave_room_for_open(scored: pd.DataFrame) -> None:
    won = scored[["p_won_7d", "p_won_30d", "p_won_90d", "p_won"]].to_numpy()
    assert (np.diff(won, axis=1) >= 0).all()
    assert (scored["p_won_90d"] + scored["p_lost_90d"] <= 1).all()
    np.testing.assert_allclose(scored["p_won"] + scored["p_lost"], 1, atol=0.05)


def test_quarters_do_not_overlap(scored: pd.DataFrame) -> None:
    both = scored["p_won_this_quarter"] + scored["p_won_next_quarter"]
    assert (both <= scored["p_won"] + 1e-12).all()
    assert (scored["p_won_next_quarter"] >= 0).all()


def test_the_likely_close_lies_ahead(company: Dataset, scored: pd.DataFrame) -> None:
    today = company.ends_at.tz_convert(company.organisation.timezone).tz_localize(None).normalize()
    assert (scored["predicted_close_on"] >= today).all()


def groups_of(table: pd.DataFrame) -> list[str]:
    return [name for name in map(str, table) if name.startswith("reason_")]


def test_reasons_add_up_to_the_answer_at_the_largest_horizon(scored: pd.DataFrame) -> None:
    groups = groups_of(scored)
    assert len(groups) > 5
    assert (scored["reasons_days"] == 90).all()
    np.testing.assert_allclose(scored["reference"] + scored[groups].sum(axis=1), scored["p_won_90d"], atol=1e-9)


def test_reasons_in_words_hold_the_same_figures(scored: pd.DataFrame) -> None:
    row = scored.iloc[0]
    reasons = json.loads(row["reasons"])
    assert reasons["score"] == pytest.approx(row["p_won_90d"])
    assert {item["group"]: item["contribution"] for item in reasons["items"]} == {
        name.removeprefix("reason_"): row[name] for name in groups_of(scored)
    }


def test_warnings_name_their_values_in_both_languages(scored: pd.DataFrame) -> None:
    raised = [each for text in scored["warnings"] for each in json.loads(text)]
    assert {"no_next_step", "pushed"} <= {each["name"] for each in raised}
    assert all(each["en"] != each["ru"] and each["value"] is not None for each in raised)


def test_for_a_spreadsheet_reasons_and_warnings_become_lines_of_text(scored: pd.DataFrame) -> None:
    table = readable(scored)
    assert {"reasons", "warnings"} & set(table) == set()
    assert table["reasons_en"].str.contains("^Typical (?:deal at this stage|open deal) ").all()
    assert table["reasons_ru"].str.contains("п. п.", regex=False).all()
    assert table["warnings_en"].str.contains("no next step is scheduled").any()


def test_clients_have_reasons_too(company: Dataset, clients: Bundle) -> None:
    rows = score_clients(company, clients, company.ends_at, [90.0])
    for _, regime in rows.groupby("regime"):
        groups = regime[groups_of(rows)].sum(axis=1)
        np.testing.assert_allclose(regime["reference"] + groups, regime["p_leaves_90d"], atol=1e-9)


def test_a_champion_trained_later_than_the_question_is_refused(company: Dataset, deals: Bundle) -> None:
    early = clock.instant(clock.micros(company.ends_at) - 1)
    with pytest.raises(UsageError, match="look ahead"):
        score_deals(company, deals, early, HORIZONS)


def test_posting_a_stored_deal_gives_what_is_stored(company: Dataset, deals: Bundle, scored: pd.DataFrame) -> None:
    snapshot, wanted = Snapshot(company, company.ends_at), scored["deal_id"].iloc[3]
    posted = {name: snapshot.frame(name) for name in ("deals", "deal_changes", "activities")}
    posted = {name: frame[frame["deal_id"] == wanted].reset_index(drop=True) for name, frame in posted.items()}
    again = score_posted(company, deals, posted, company.ends_at, HORIZONS)
    pd.testing.assert_frame_equal(again, scored[scored["deal_id"] == wanted].reset_index(drop=True), check_exact=True)


def test_posting_through_the_schema_gives_what_is_stored(company: Dataset, deals: Bundle, scored: pd.DataFrame) -> None:
    wanted = scored["deal_id"].tolist()[:4]
    posted = [PostedDeal.model_validate(as_sent(company, deal)) for deal in wanted]
    again = score_checked(company, deals, tables_of(posted, company.custom), company.ends_at, HORIZONS)
    stored = scored[scored["deal_id"].isin(wanted)].reset_index(drop=True)
    pd.testing.assert_frame_equal(again, stored, check_exact=True)


def as_sent(company: Dataset, deal: str) -> dict[str, Any]:
    """What a CRM would post of a stored deal."""
    found = {
        name: company.tables[name].loc[lambda frame: frame["deal_id"] == deal] for name in ("deals", "deal_changes", "activities")
    }
    rows = {name: json.loads(frame.to_json(orient="records", date_format="iso", date_unit="us")) for name, frame in found.items()}
    sent = {name: value for name, value in rows["deals"][0].items() if name in PostedDeal.model_fields}
    sent["expected_close_on"] = sent["expected_close_on"] and sent["expected_close_on"][:10]
    changes = [{name: row[name] for name in PostedChange.model_fields} for row in rows["deal_changes"]]
    activities = [{name: row.get(name) for name in PostedActivity.model_fields} for row in rows["activities"]]
    return {**sent, "changes": changes, "activities": activities}


def test_a_posted_deal_that_is_closed_has_a_reason_and_no_number(company: Dataset, deals: Bundle) -> None:
    closed = company.deals[company.deals["outcome"].notna()].head(1)
    row = score_posted(company, deals, {"deals": closed}, company.ends_at, HORIZONS).iloc[0]
    assert row["reason"] == "not_open"
    assert pd.isna(row["p_won"])


def test_before_the_first_close_the_crms_own_probability_answers_or_nothing_does(company: Dataset) -> None:
    only_open = company.deals[company.deals["outcome"].isna()].drop(columns="closed_at")
    crm = only_open["crm_probability"].where(np.arange(len(only_open)) % 2 == 0)
    young = Dataset.of({"deals": only_open.assign(crm_probability=crm), "rates": company.tables["rates"]}, company.organisation)
    rows = score_deals(young, fit(young, "deals", young.ends_at, threads=1), young.ends_at, HORIZONS)
    assert rows["p_won_30d"].isna().all()
    assert set(rows["reason"]) == {"crm_probability", "no_closed_deals"}
    assert rows.loc[rows["reason"] == "crm_probability", "p_won"].notna().all()


def test_the_pipeline_is_ranked_in_one_currency(company: Dataset, deals: Bundle) -> None:
    dollars = company.deals["currency"].mask(np.arange(company.n_deals) % 2 == 0, "USD")
    mixed = company.with_tables({**company.tables, "deals": company.deals.assign(currency=dollars)})
    ranked = pipeline(mixed, deals, company.ends_at)
    known = ranked["expected_value"].dropna()
    assert known.is_monotonic_decreasing
    assert set(ranked["currency"]) == {"EUR", "USD"}
    assert not np.allclose(ranked["value"], ranked["amount"], equal_nan=True)
    np.testing.assert_allclose(known, (ranked["value"] * ranked["p_won_this_quarter"]).dropna())
    own = ranked["currency"] == company.organisation.currency
    np.testing.assert_allclose(ranked.loc[own, "value"], ranked.loc[own, "amount"])


def test_a_curve_ends_where_the_score_does(company: Dataset, deals: Bundle, scored: pd.DataFrame) -> None:
    drawn = curve(company, deals, scored["deal_id"].iloc[0], company.ends_at)
    np.testing.assert_allclose(drawn[["p_won", "p_lost", "p_open"]].sum(axis=1), 1)
    assert drawn["p_won"].iloc[-1] == scored["p_won"].iloc[0]


def test_a_closed_deal_has_no_curve(company: Dataset, deals: Bundle) -> None:
    closed = company.deals.loc[company.deals["outcome"].notna(), "deal_id"].iloc[0]
    with pytest.raises(NotReadyError, match=closed):
        curve(company, deals, closed, company.ends_at)


def test_leaving_rises_with_the_horizon_under_contract_and_falls_for_those_who_order(company: Dataset, clients: Bundle) -> None:
    rows = score_clients(company, clients, company.ends_at, HORIZONS)
    change = rows["p_leaves_90d"] - rows["p_leaves_7d"]
    assert set(rows["regime"]) == {"contracts", "orders"}
    assert (change[rows["regime"] == "contracts"] > 0).all()
    assert (change[rows["regime"] == "orders"] < 0).all()


def test_every_client_has_a_worth_within_its_interval_and_at_risk_is_what_it_is_less_than_if_the_client_stays(
    company: Dataset, clients: Bundle
) -> None:
    rows = score_clients(company, clients, company.ends_at, HORIZONS)
    assert rows[["ltv", "value_at_risk", "value_if_stays"]].notna().all(axis=None)
    assert (rows["ltv_low"] <= rows["ltv_high"]).all()
    assert (rows["value_at_risk"] == rows["value_if_stays"] - rows["ltv"]).all()
    assert rows["value_at_risk"].between(0, rows["value_if_stays"]).all()
    # A client that leaves may bring something before or later: no more is at risk than if it brought nothing.
    nothing_more = rows["p_leaves_90d"] * rows["value_if_stays"]
    assert (rows["value_at_risk"] <= 1.02 * nothing_more + 0.01 * rows["value_if_stays"]).all()


def test_twice_the_days_are_worth_more_and_a_discount_takes_from_it(company: Dataset, clients: Bundle) -> None:
    year, two, less = (
        score_clients(company, clients, company.ends_at, HORIZONS, terms)["ltv"]
        for terms in (Terms(), Terms(days=730.0), Terms(discount_rate=0.2))
    )
    assert (two >= year).all()
    assert (less < year).all()


def test_worth_is_the_same_at_every_run(company: Dataset, clients: Bundle) -> None:
    one, two = (score_clients(company, clients, company.ends_at, HORIZONS) for _ in range(2))
    pd.testing.assert_frame_equal(one, two)
