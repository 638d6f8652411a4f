"""The forecast as an answer: it adds up, it agrees with its draws, and no number is missing without a reason."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from features.dataset import Dataset
from serving.forecast import backtests
from serving.forecast.answers import forecast
from serving.forecast.forecaster import Forecaster
from serving.forecast.outlook import BY, RULE, Outlook, outlook
from serving.forecast.outlook_words import no_record, note_text, record_rows, whose
from serving.language import Tongue
from serving.served.runtime import Runtime
from tests.serving.forecast.test_backtests import made_up
from training.backtest import Backtest
from training.notes import WIDE_BY, Note
from training.recurring import RECURRING_WIDE_BY

NOTES = (
    "no_closed_deals",
    "no_amounts",
    "open_deals_without_amount",
    "won_deals_without_amount",
    "no_births",
    "period_over",
    "stale_data",
    *WIDE_BY,
    "few_past_periods",
    "beyond_follow_up",
    "earlier_than_record",
    "no_new_clients",
    "no_past_of_clients",
    *RECURRING_WIDE_BY,
    "short_contract_history",
)


@pytest.fixture(scope="module")
def forecaster(runtime: Runtime, tmp_path_factory: pytest.TempPathFactory) -> Forecaster:
    served = runtime.served()
    return Forecaster(served.dataset, served.bundles, served.as_of, tmp_path_factory.mktemp("kept"))


@pytest.fixture(scope="module")
def found(forecaster: Forecaster) -> Outlook:
    return outlook(forecaster, forecaster.window(None), "team")


@pytest.mark.parametrize("by", BY)
def test_every_line_adds_up_and_the_nodes_without_a_hierarchy_make_up_the_company(forecaster: Forecaster, by: str) -> None:
    lines = outlook(forecaster, forecaster.window(None), by).lines
    for line in lines:
        assert line.won + line.open + line.new == pytest.approx(line.mean)
        assert [span.low <= line.median <= span.high for span in line.spans] == [True] * 3
        assert (line.plan is None) == (line.p_plan is None) == (line.no_plan is not None)
    if by in ("owner", "product", "region"):
        assert sum(line.mean for line in lines[1:]) == pytest.approx(lines[0].mean)


def test_the_chance_to_reach_the_plan_is_the_share_of_draws_that_do(forecaster: Forecaster, found: Outlook) -> None:
    made = forecaster.made(found.window).forecast
    planned = [(column, line) for column, line in enumerate(found.lines) if line.plan is not None]
    assert len(planned) > 1
    for column, line in planned:
        assert line.plan is not None
        drawn = made.node_draws("team")[:, column]
        assert line.p_plan == np.count_nonzero(drawn >= round(line.plan * 100)) / len(drawn)


def test_a_plan_of_nothing_is_no_plan(forecaster: Forecaster, company: Dataset) -> None:
    nothing = company.tables["plans"].assign(target=0.0)
    here = Forecaster(
        company.with_tables({**company.tables, "plans": nothing}), forecaster.bundles, forecaster.as_of, forecaster.home
    )
    line = outlook(here, here.window(None)).company
    assert (line.plan, line.p_plan, line.no_plan) == (None, None, "zero_plan")


@pytest.mark.parametrize(("by", "why"), [("product", "no_plans_by_this"), ("team", "no_plans")])
def test_a_missing_plan_says_why(forecaster: Forecaster, company: Dataset, by: str, why: str) -> None:
    here = forecaster
    if why == "no_plans":
        tables = {name: table for name, table in company.tables.items() if name != "plans"}
        data = Dataset.of(tables, company.organisation, static=company.static, extracted_at=company.extracted_at)
        here = Forecaster(data, forecaster.bundles, forecaster.as_of, forecaster.home)
    assert {line.no_plan for line in outlook(here, here.window(None), by).lines[1:]} == {why}


def test_the_models_categories_follow_the_rule_that_is_shown(forecaster: Forecaster, found: Outlook) -> None:
    made = forecaster.made(found.window).forecast
    p = made.open.p_won
    assert [each.n for each in found.model] == [
        int((p >= 0.7).sum()),
        int(((p >= 0.35) & (p < 0.7)).sum()),
        int(((p > 0.02) & (p < 0.35)).sum()),
    ]
    assert [each.name for each in found.model] == [name for name, _, _ in RULE]


def test_the_crms_categories_are_those_of_deals_that_it_expects_in_the_period(forecaster: Forecaster, found: Outlook) -> None:
    snapshot = forecaster.known().snapshot
    deals = snapshot.frame("deals").iloc[np.flatnonzero(np.isin(np.flatnonzero(snapshot.exists), snapshot.open_deals))]
    ends = [found.window.start.date(), found.window.end.date()]
    due = deals[deals["expected_close_on"].map(lambda day: day == day and ends[0] <= day.date() < ends[1])]
    assert found.crm is not None
    assert {each.name: each.n for each in found.crm} == due["forecast_category"].value_counts().to_dict()


def test_without_a_backtest_the_answer_says_so_and_with_one_shows_its_lead(
    found: Outlook, runtime: Runtime, tmp_path: Path
) -> None:
    served = runtime.served()
    assert (found.record, found.no_record) == (None, "no_backtest")
    assert [note.number for note in found.notes if note.code == "few_past_periods"] == [4.0]
    backtests.keep(tmp_path, made_up(4), served.as_of)
    other = Forecaster(served.dataset, served.bundles, served.as_of, tmp_path)
    record = outlook(other, other.window(None)).record
    assert record is not None
    assert record.n == 4
    rows = dict(record_rows(Tongue("en"), record))
    assert rows["Bias"] == f"+{100 * record.bias:.1f}%"


@pytest.mark.parametrize(
    ("period", "why", "said"),
    [
        ("2026-11", "no_backtest", "--period-kind month"),
        ("2026-10-03..2026-11-20", "never_replayed", "such a stretch"),
        ("2026Q2", "period_is_over", "nothing is forecast"),
    ],
)
def test_no_record_is_shown_where_there_can_be_none(forecaster: Forecaster, period: str, why: str, said: str) -> None:
    found = outlook(forecaster, forecaster.window(period))
    assert (found.record, found.no_record) == (None, why)
    assert said in no_record(Tongue("en"), why, found.kind)


def test_the_record_of_later_forecasts_is_said_to_be_so(runtime: Runtime, tmp_path: Path) -> None:
    served = runtime.served()
    backtests.keep(tmp_path, made_up(4), served.as_of)
    here = Forecaster(served.dataset, served.bundles, served.as_of, tmp_path)
    this, far = (outlook(here, here.window(period)) for period in (None, "2027Q4"))
    assert [note.code for note in far.notes if note not in this.notes][-1] == "earlier_than_record"
    assert "earlier_than_record" not in {note.code for note in this.notes}


def test_a_record_of_periods_in_which_nothing_came_is_an_answer_without_figures(runtime: Runtime, tmp_path: Path) -> None:
    served = runtime.served()
    nothing = tuple(replace(each, actual=0.0) for each in made_up(4).replayed)
    backtests.keep(tmp_path, Backtest("quarter", nothing), served.as_of)
    here = Forecaster(served.dataset, served.bundles, served.as_of, tmp_path)
    record = forecast(here, outlook(here, here.window(None))).record
    assert record is not None
    assert (record.wape, record.gains[0].gain, record.gains[0].low) == (None, None, None)


def test_recurring_revenue_adds_up_and_is_missing_with_a_reason(forecaster: Forecaster, found: Outlook) -> None:
    made = found.recurring
    assert made is not None
    assert made.start + made.new + made.expansion - made.contraction - made.churn == pytest.approx(made.end)
    bare = Forecaster(forecaster.dataset, {"deals": forecaster.bundles["deals"]}, forecaster.as_of, forecaster.home)
    without = outlook(bare, bare.window(None))
    assert (without.recurring, without.no_recurring) == (None, "no_model")


@pytest.mark.parametrize("code", NOTES)
@pytest.mark.parametrize("number", [0.2, 1, 3, 7])
def test_every_note_says_what_it_does_to_the_interval(code: str, number: float) -> None:
    english, russian = (note_text(tongue, Note(code, number)) for tongue in (Tongue("en"), Tongue("ru")))
    assert "interval" in english or code == "short_contract_history"
    assert "интервал" in russian
    assert "{" not in english + russian


def test_what_belongs_to_none_has_a_name(found: Outlook) -> None:
    nobody = replace(found.lines[1], id=None, title="")
    assert [whose(Tongue("ru"), line) for line in (found.company, nobody)] == ["Компания", "Не отнесено"]
