"""The scorecard page: what it shows, of whom, and in which language."""

import re

import pytest
from starlette.testclient import TestClient

from features.dataset import Dataset
from serving.language import Tongue
from serving.pages.sparkline import HEIGHT, WIDTH, sparkline
from tests.serving.pages.test_routes import Words


def page(client: TestClient, **query: str) -> str:
    answer = client.get("/scorecard", params={"lang": "en", **query})
    assert answer.status_code == 200
    return answer.text


def test_the_four_perspectives_the_funnel_the_people_and_the_goals_are_there(client: TestClient) -> None:
    headings = re.findall("<h2>(.*?)</h2>", page(client, period="2026Q3"))
    assert headings[:4] == ["Finance", "Clients", "Internal processes", "People and growth"]
    assert headings[4:] == ["Funnel of what began in the period", "The people", "Goals"]


def test_the_page_shows_the_values_of_the_api(client: TestClient) -> None:
    values = client.get("/v1/kpis?period=2026Q2&kpi=bookings&kpi=win_rate").json()["values"]
    words = Words(page(client, period="2026Q2")).found
    assert Tongue("en").money(values[0]["value"], "EUR") in words
    assert f"{100 * values[1]['value']:.1f}%" in words


def test_a_team_and_a_person_can_be_chosen(client: TestClient, company: Dataset) -> None:
    person = company.deals["owner_id"].mode()[0]
    users = company.tables["users"].set_index("user_id")
    name, team = users.loc[person, "name"], users.loc[person, "team"]
    assert f"<h1>{name}" in page(client, who=f"owner:{person}", period="2026Q2")
    of_team = page(client, who=f"team:{team}", period="2026Q2")
    assert f"<h1>{team}" in of_team.replace("&amp;", "&")
    assert name in of_team


@pytest.mark.parametrize(
    "query",
    [
        {"who": "team:none"},
        {"who": "planet:Mars"},
        {"period": "soon"},
        {"period": "1900..2000"},
        {"compare": "x"},
        {"who": "\x00"},
    ],
)
def test_what_there_is_not_falls_back_to_the_company_now(client: TestClient, query: dict[str, str]) -> None:
    assert "<h1>Company · Q3" in page(client, **query)


def test_every_sparkline_has_its_text_and_every_table_its_heads(client: TestClient) -> None:
    html = page(client)
    drawn = re.findall(r'<svg class="spark".*?</svg>', html)
    assert len(drawn) > 10
    assert all(re.search(r'role="img" aria-label="From .+ to .+; lowest', each) for each in drawn)
    assert html.count("<caption>") == html.count("<table")
    assert "<script" not in html
    assert " style=" not in html


def test_people_who_cannot_be_told_apart_are_said_to_be_so(client: TestClient) -> None:
    assert "The data do not tell these people apart" in page(client, period="2026Q3")


def test_a_cohort_that_is_not_decided_is_neither_better_nor_worse(client: TestClient) -> None:
    (row,) = re.findall(r'<th scope="row">Stage conversion.*?</tr>', page(client, period="2026Q3"), re.S)
    assert "too early to say" in row
    assert 'class="trend "' in row


def test_the_file_holds_the_values_of_the_page(client: TestClient) -> None:
    answer = client.get("/scorecard.csv?period=2026Q2&compare=last_year")
    assert answer.headers["content-type"].startswith("text/csv")
    assert "against_last_year" in answer.text.splitlines()[0]
    assert {line.split(",")[2] for line in answer.text.splitlines()[1:]} == {"2026Q2"}


def test_a_sparkline_rises_breaks_where_nothing_is_known_and_ends_in_a_dot() -> None:
    drawn = sparkline([1.0, 2.0, None, 4.0, 3.0])
    assert drawn is not None
    assert drawn.path.count("M") == 2
    ends = [tuple(map(float, point.split())) for point in re.split("[ML]", drawn.path) if point]
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in ends)
    assert ends[0][1] > ends[1][1] > ends[2][1]
    assert drawn.dots == (ends[-1],)


def test_a_sparkline_needs_two_values_and_a_level_one_runs_through_the_middle() -> None:
    assert sparkline([None, 1.0, None]) is None
    level = sparkline([5.0, 5.0])
    assert level is not None
    assert level.dots[0][1] == HEIGHT / 2


def test_the_forecast_stands_in_a_column_of_its_own(client: TestClient) -> None:
    """Of the period after the end of the data; one that is over has none."""
    ahead, over = page(client, period="2026Q4"), page(client, period="2026Q2")
    value = client.get("/v1/kpis?period=2026Q4&kpi=bookings&predict=true").json()["values"][0]["prediction"]["value"]
    row = re.findall(r'<th scope="row">Total sales \(bookings\).*?</tr>', ahead, re.S)[0]
    assert Tongue("en").money(value, "EUR") in row
    assert "chance of the plan" in row
    assert 'data-label="Forecast"' not in over
    assert '<option value="2026Q4"' in over


def test_goals_have_their_chances(client: TestClient) -> None:
    items = client.get("/v1/goals?scope=company").json()["items"]
    shown = [Tongue("en").percent(each["probability"]) for each in items if each["probability"] is not None]
    assert shown
    assert all(f'data-label="Chance to reach it" class="number"><div>{each}<' in page(client) for each in shown)
