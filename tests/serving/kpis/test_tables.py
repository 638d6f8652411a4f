"""Tables of answers: harmless to a spreadsheet and to a terminal."""

import csv
import io

from rich.console import Console

from serving.figures import figure, percentage
from serving.kpis.answers import kpis
from serving.kpis.goal_answers import goals
from serving.kpis.queries import GoalsQuery, KpisQuery, TeamQuery
from serving.kpis.tables import csv as written
from serving.kpis.tables import of_goals, of_kpis, of_team, show
from serving.kpis.team_answers import team
from serving.language import SPACE, Tongue
from tests.serving.kpi_company import FORMULA, hostile, ten_deals


def cells(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_no_cell_of_a_csv_is_a_formula() -> None:
    people = cells(written(team(hostile(), TeamQuery(period="2026Q1")).members))
    assert FORMULA not in {row["name"] for row in people}
    assert f"'{FORMULA}" in {row["name"] for row in people}
    sliced = cells(written(kpis(hostile(), KpisQuery(by="owner", period="2026Q1")).values))
    assert not [cell for row in sliced for cell in row.values() if cell.startswith(("=", "+", "@", "\t", "\r"))]


def test_negative_numbers_stay_numbers() -> None:
    growth = cells(written(kpis(ten_deals(), KpisQuery(kpi=["growth"], period="2026-02")).values))[0]
    assert float(growth["value"]) < 0


def test_a_row_holds_every_field_of_a_value() -> None:
    asked = KpisQuery(kpi=["bookings", "win_rate"], period="2026Q1", compare=["plan"])
    bookings, rate = cells(written(kpis(ten_deals(), asked).values))
    assert (bookings["value"], bookings["exclusions"], bookings["against_plan"]) == ("10000.0", "null_amount=1", "12500.0")
    assert (rate["numerator"], rate["denominator"], rate["window_label"], rate["immature"]) == ("5.0", "8.0", "2026Q1", "False")
    assert float(rate["interval_low"]) < 0.625 < float(rate["interval_high"])


def test_a_terminal_cannot_be_steered_from_the_crm() -> None:
    output = io.StringIO()
    sheet = of_kpis(kpis(hostile(), KpisQuery(by="team", kpi=["bookings"], period="2026Q1")), Tongue("en"))
    show(sheet, Console(file=output, width=200))
    assert "North" in output.getvalue()
    assert "\x1b" not in output.getvalue()


def test_brackets_in_names_are_no_markup() -> None:
    output = io.StringIO()
    sheet = of_team(team(ten_deals(), TeamQuery(period="2026Q1")), Tongue("ru"))
    show(type(sheet)(("x",), (("[bold]Ann[/bold]",),)), Console(file=output, width=80))
    assert "[bold]Ann[/bold]" in output.getvalue()


def test_figures_in_their_units() -> None:
    en, ru = Tongue("en"), Tongue("ru")
    assert [
        figure(en, value, unit, "EUR") for value, unit in ((0.313, "share"), (1234.5, "money"), (4.5, "days"), (7.53, "ratio"))
    ] == [
        "31.3%",
        "€1,234",
        "4.5 d",
        "7.53×",
    ]
    assert figure(ru, 0.313, "share", "EUR") == f"31,3{SPACE}%"
    assert figure(ru, 10.2, "hours", "EUR") == f"10,2{SPACE}ч"
    assert (figure(en, None, "share", "EUR"), percentage(en, 1.5), percentage(en, -0.057)) == ("–", "150.0%", "−5.7%")
    assert [figure(en, value, "count", "EUR") for value in (1.0, 1.25, 1234.56)] == ["1", "1.25", "1,234.6"]


def test_goals_say_what_each_day_left_has_to_bring_and_how_far_they_reach() -> None:
    answer = goals(ten_deals(), GoalsQuery(as_of="2026-03-01"))
    sheet = of_goals(answer, Tongue("en"))
    company = dict(zip(sheet.columns, sheet.rows[0], strict=True))
    assert answer.items[0].required_a_day is not None
    assert company[">Needed a day"] == f"€{answer.items[0].required_a_day:,.0f}"
    assert company["Period"] == "2026Q1, short"
