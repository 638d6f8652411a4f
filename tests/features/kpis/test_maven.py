"""A real-shaped export without any history: by person, manager and office, against sums taken straight from its file."""

from pathlib import Path

import pandas as pd
import pytest

from features import sources
from features.kpis import windows
from features.kpis.card import Scorecard
from features.kpis.scorecard import scorecard
from features.snapshot import Snapshot

EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "mappings"
KPIS = ("bookings", "win_rate", "win_rate_value", "sales_cycle", "sales_cycle:median", "average_deal", "average_deal:median")
COLUMN = {"owner": "sales_agent", "team": "manager", "office": "regional_office"}


@pytest.fixture(scope="module")
def file(real_data: Path) -> pd.DataFrame:
    """The deals of the file with their people, closed ones alone."""
    deals = pd.read_csv(real_data / "maven_crm" / "sales_pipeline.csv.gz", parse_dates=["engage_date", "close_date"])
    people = pd.read_csv(real_data / "maven_crm" / "sales_teams.csv")
    closed = deals[deals["deal_stage"].isin(["Won", "Lost"])].merge(people, on="sales_agent")
    return closed.assign(days=(closed["close_date"] - closed["engage_date"]).dt.days, company="")


@pytest.fixture(scope="module")
def cards(real_data: Path) -> dict[str, Scorecard]:
    dataset = sources.read(str(real_data / "maven_crm"), str(EXAMPLES / "maven_crm.toml")).dataset()
    snapshot = Snapshot(dataset, dataset.ends_at)
    quarters = [windows.parse(f"2017Q{number}", dataset.organisation.calendar) for number in (1, 2, 3, 4)]
    asked = [*quarters, windows.parse("2017", dataset.organisation.calendar)]
    return {by: scorecard(snapshot, KPIS, asked, by=by) for by in COLUMN}


@pytest.mark.real_data
@pytest.mark.parametrize("by", COLUMN)
@pytest.mark.parametrize("window", [0, 1, 2, 3, 4])
def test_as_in_the_file(by: str, window: int, file: pd.DataFrame, cards: dict[str, Scorecard]) -> None:
    card = cards[by]
    rows = file if window == 4 else file[file["close_date"].dt.quarter == window + 1]
    for name, group in [*rows.groupby(COLUMN[by]), ("", rows)]:
        won = group[group["deal_stage"] == "Won"]
        expected = {
            ("bookings", "standard"): won["close_value"].sum(),
            ("win_rate", "closed"): len(won) / len(group),
            ("average_deal", "mean"): won["close_value"].mean(),
            ("average_deal", "median"): won["close_value"].median(),
            ("sales_cycle", "mean"): won["days"].mean(),
            ("sales_cycle", "median"): won["days"].median(),
        }
        found = {key: card.value(key[0], variant=key[1], node=str(name), window=window).value for key in expected}
        assert found == pytest.approx(expected)


@pytest.mark.real_data
def test_the_file_has_no_amounts_of_lost_deals(cards: dict[str, Scorecard]) -> None:
    found = cards["owner"].value("win_rate_value", window=4)
    assert found.reason == "no_amounts"
    assert found.excluded["null_amount"] > 2000


@pytest.mark.real_data
def test_the_whole_year_in_figures(cards: dict[str, Scorecard]) -> None:
    """The totals that a spreadsheet gives: 4,238 won of 6,711, 10,005,534 dollars."""
    year = {name: cards["team"].value(name, window=4) for name in ("bookings", "win_rate")}
    assert (year["bookings"].value, year["bookings"].n) == (10_005_534, 4238)
    assert (year["win_rate"].numerator, year["win_rate"].denominator) == (4238, 6711)
