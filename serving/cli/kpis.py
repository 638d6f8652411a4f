"""`dealcast kpis`, `funnel`, `team` and `goals`: what the API answers, as a table, JSON or CSV.

What is slow to import is imported inside the commands: help is instant.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from features.errors import UsageError
from serving.cli.forecast import AsOf, Format, Period, Written
from serving.cli.forecast import Spoken as Language

if TYPE_CHECKING:
    from pydantic import BaseModel

    from serving.cli.opened import Opened
    from serving.forecast.forecaster import Forecaster
    from serving.kpis.answers import Foresight
    from serving.kpis.goal_answers import Chances
    from serving.kpis.queries import Asked
    from serving.kpis.tables import Sheet
    from serving.language import Tongue

Query = TypeVar("Query", bound="Asked")


Spoken = Annotated[Language, typer.Option(help="Of names and sentences.")]
Team = Annotated[str | None, typer.Option(help="Only this team, its whole subtree.")]
DIMENSIONS = "company, owner, team, manager, office, product, source, type, region, industry or stage."

app = typer.Typer()


@app.command()
def kpis(
    period: Period = None,
    periods: Annotated[int, typer.Option(help="So many periods up to that one, 1 to 40.")] = 1,
    by: Annotated[str, typer.Option(help=DIMENSIONS)] = "company",
    kpi: Annotated[list[str] | None, typer.Option(help="A name, or name:variant; may be repeated. Default: all.")] = None,
    compare: Annotated[list[str] | None, typer.Option(help="plan, previous or last_year; may be repeated.")] = None,
    where: Annotated[list[str] | None, typer.Option(help="Only what belongs to a node, such as product=Pro.")] = None,
    teams: Annotated[str, typer.Option(help="The hierarchy of today, or as_known.")] = "today",
    cost_lag_months: Annotated[int, typer.Option(help="Months from costs to the clients that they won.")] = 0,
    lifetime_months: Annotated[float, typer.Option(help="The longest lifetime of a client, in months.")] = 120.0,
    trailing_days: Annotated[int, typer.Option(help="Days behind the sales velocity.")] = 365,
    forecast_lead: Annotated[float, typer.Option(help="Days before a period's end by which a judged forecast was made.")] = 0.0,
    predict: Annotated[bool, typer.Option("--predict", help="Also what the champion says of periods that are not over.")] = False,
    as_of: AsOf = None,
    language: Spoken = Language.EN,
    written: Written = Format.TABLE,
) -> None:
    """The sales KPIs by period, person, team, product …, each with its basis, and the reason where there is no value."""
    asked: dict[str, Any] = {
        "period": period,
        "periods": periods,
        "by": by,
        "kpi": kpi,
        "compare": compare,
        "where": where,
        "teams": teams,
    }
    asked |= {"cost_lag_months": cost_lag_months, "lifetime_months": lifetime_months, "trailing_days": trailing_days}
    asked |= {"forecast_lead": forecast_lead, "predict": predict}
    from serving.kpis import answers, tables
    from serving.kpis.queries import KpisQuery

    query = _query(KpisQuery, {**asked, "as_of": as_of, "language": language})
    here = _opened()
    answer = answers.kpis(here.as_of(as_of), query, _foresight(here, predict=predict))
    _write(answer, answer.values, lambda tongue: tables.of_kpis(answer, tongue), query, written)


@app.command()
def funnel(
    period: Period = None,
    owner_id: Annotated[str | None, typer.Option(help="Only journeys of this person.")] = None,
    team: Team = None,
    source: Annotated[str | None, typer.Option(help="Only journeys from this source.")] = None,
    as_of: AsOf = None,
    language: Spoken = Language.EN,
    written: Written = Format.TABLE,
) -> None:
    """What became of the leads and deals that began in a period, and where a better step would pay most."""
    from serving.kpis import tables, team_answers
    from serving.kpis.queries import FunnelQuery

    asked = {"period": period, "owner_id": owner_id, "team": team, "source": source}
    query = _query(FunnelQuery, {**asked, "as_of": as_of, "language": language})
    answer = team_answers.funnel(_opened().as_of(as_of), query)
    _write(answer, answer.steps, lambda tongue: tables.of_funnel(answer, tongue), query, written)


@app.command(name="team")
def show_team(
    period: Period = None,
    team: Team = None,
    as_of: AsOf = None,
    language: Spoken = Language.EN,
    written: Written = Format.TABLE,
) -> None:
    """What each person of a team did in a period, by name, and whom the data can tell apart."""
    from serving.kpis import tables, team_answers
    from serving.kpis.queries import TeamQuery

    query = _query(TeamQuery, {"period": period, "team": team, "as_of": as_of, "language": language})
    answer = team_answers.team(_opened().as_of(as_of), query)
    _write(answer, answer.members, lambda tongue: tables.of_team(answer, tongue), query, written)


@app.command()
def goals(
    file: Annotated[Path | None, typer.Option(help="A TOML file with goals, beside those of the plans.")] = None,
    scope: Annotated[str | None, typer.Option(help="Only goals of the company, a team or a user.")] = None,
    scope_id: Annotated[str | None, typer.Option(help="Only goals of this team or person.")] = None,
    kpi: Annotated[str | None, typer.Option(help="Only goals of this KPI.")] = None,
    over: Annotated[bool, typer.Option("--over", help="Also goals whose period is over.")] = False,
    as_of: AsOf = None,
    language: Spoken = Language.EN,
    written: Written = Format.TABLE,
) -> None:
    """How the goals stand, and what is wrong with them."""
    from serving.kpis import goal_answers, tables
    from serving.kpis.queries import GoalsQuery

    asked = {"scope": scope, "scope_id": scope_id, "kpi": kpi, "over": over, "as_of": as_of, "language": language}
    query = _query(GoalsQuery, asked)
    here = _opened()
    answer = goal_answers.goals(here.as_of(as_of), query, file or here.settings.goals_file, _chances(here))
    _write(answer, answer.items, lambda tongue: tables.of_goals(answer, tongue), query, written)


def _query(kind: type[Query], given: Mapping[str, Any]) -> Query:
    """The question that the options make. Raises UsageError, naming each option and what it may be."""
    from pydantic import ValidationError

    try:
        return kind.model_validate({name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        lines = [f"--{str(each['loc'][0]).replace('_', '-')}: {each['msg']}" for each in error.errors(include_input=False)]
        raise UsageError("\n".join(lines)) from None


def _opened() -> "Opened":
    from serving.cli.opened import opened

    return opened()


def _foresight(here: "Opened", *, predict: bool) -> "Foresight":
    """What models add: predictions where they are asked for, and past forecasts where a backtest is kept."""
    from serving.kpis.answers import BLIND

    if not predict and not (here.settings.home / "backtests").is_dir():
        return BLIND
    from serving.kpis.predictions import Foresight

    return Foresight(_forecaster(here) if predict else None, here.settings.home)


def _chances(here: "Opened") -> "Chances":
    """P(goal) from the champion's forecast; nothing where there is none."""
    from serving.kpis.goal_answers import no_chances

    forecaster = _forecaster(here)
    if forecaster is None:
        return no_chances
    from serving.kpis.goal_chances import chances

    return partial(chances, forecaster)


def _forecaster(here: "Opened") -> "Forecaster | None":
    """What forecasts are made from; None where there is no champion for deals."""
    from features.errors import NotReadyError
    from serving.forecast.forecaster import Forecaster

    try:
        bundles = here.champions()
    except NotReadyError:
        return None
    return Forecaster(here.dataset, bundles, here.instant(None), here.settings.home, here.settings.threads, here.known_at)


def _write(
    answer: "BaseModel", rows: Sequence["BaseModel"], sheet: Callable[["Tongue"], "Sheet"], asked: "Asked", written: Format
) -> None:
    """The answer on stdout."""
    from serving.kpis import tables
    from serving.language import Tongue

    if written is Format.JSON:
        typer.echo(answer.model_dump_json(indent=2))
    elif written is Format.CSV:
        typer.echo(tables.csv(rows), nl=False)
    else:
        tables.show(sheet(Tongue(asked.language)), tables.console())
