"""`dealcast backtest`, `forecast` and `bridge`.

What is slow to import is imported inside the commands: help is instant.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from features.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd
    from pydantic import BaseModel

    from serving.cli.opened import Opened
    from serving.forecast.forecaster import Forecaster

Asked = TypeVar("Asked", bound="BaseModel")


class Kind(StrEnum):
    """Of periods."""

    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


class By(StrEnum):
    """What a forecast is split by."""

    COMPANY = "company"
    TEAM = "team"
    OWNER = "owner"
    MANAGER = "manager"
    PRODUCT = "product"
    REGION = "region"


class Mode(StrEnum):
    """How a bridge is built."""

    END = "end"
    PATH = "path"


class Format(StrEnum):
    """How an answer is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


class Spoken(StrEnum):
    """What tables are written in."""

    EN = "en"
    RU = "ru"


Period = Annotated[
    str | None, typer.Option(help="2026, 2026Q4, 2026-10 or 2026-10-01..2026-11-15. Default: the running quarter.")
]
Split = Annotated[By, typer.Option(help="What to split it by.")]
Written = Annotated[Format, typer.Option("--format", help="How to write the answer.")]
Fitted = Annotated[
    bool, typer.Option("--fit", help="Learn a model of that date for this answer, instead of asking the champion.")
]
Language = Annotated[Spoken, typer.Option(help="Of tables.")]
AsOf = Annotated[str | None, typer.Option(help="Use what was recorded before this date. Default: now.")]

app = typer.Typer()


@app.command()
def backtest(
    kind: Annotated[Kind, typer.Option("--period-kind", help="Which periods to replay.")] = Kind.QUARTER,
    last: Annotated[
        int | None, typer.Option(min=1, help="Only the newest so many. Default: all with enough behind them.")
    ] = None,
    as_of: AsOf = None,
    seed: Annotated[int, typer.Option(min=0, help="Equal data and seed give equal numbers.")] = 7,
) -> None:
    """Replay past periods with models of their own day: how good the forecast would have been, beside its rivals."""
    from serving.cli.opened import opened
    from serving.forecast import backtests
    from serving.kpis.tables import console
    from serving.record_table import record_table
    from training.backtest import backtest as walk
    from training.run import fit
    from training.track_record import track_record

    here = opened()
    until = here.instant(as_of)
    tested = walk(
        here.as_of(as_of),
        lambda dataset, moment: fit(dataset, "deals", moment, seed=seed, threads=here.settings.threads),
        kind=kind,
        until=until,
        last=last,
        seed=seed,
        progress=lambda text: typer.echo(text, err=True),
    )
    path = backtests.keep(here.settings.home, tested, until)
    console().print(record_table(track_record(tested), f"Track record by {kind}, as of {until:%Y-%m-%d}"))
    typer.echo(f"kept in {path}")


@app.command()
def forecast(
    period: Period = None,
    as_of: AsOf = None,
    by: Split = By.COMPANY,
    close: Annotated[str | None, typer.Option(help="What if these deals are won: ids, with commas.")] = None,
    rate: Annotated[
        list[str] | None, typer.Option(help="What if the chance of a stage rises: Proposal=5 (points); may be repeated.")
    ] = None,
    leaves: Annotated[str | None, typer.Option(help="What if these people leave: ids, with commas.")] = None,
    kept: Annotated[float, typer.Option(min=0, max=1, help="Share of a leaver's business that remains.")] = 0.5,
    fit: Fitted = False,
    language: Language = Spoken.EN,
    written: Written = Format.TABLE,
) -> None:
    """The bookings of a period as a distribution: parts, intervals, plan, categories, track record; and what if."""
    from serving.forecast import answers as answers
    from serving.forecast import tables as tables
    from serving.forecast.schemas import ForecastQuery, WhatIfRequest
    from serving.kpis.tables import console
    from serving.language import Tongue

    here = _opened()
    at = here.instant(as_of)
    asked: dict[str, Any] = {"period": period, "by": by.value}
    supposed = {"close": _listed(close), "rate": _points(rate or []), "leaves": _listed(leaves)}
    if any(supposed.values()):
        request = _checked(WhatIfRequest, {**asked, **supposed, "kept": kept})
        changed = answers.supposed(_forecaster(here, at, fit=fit), request)
        _write(
            changed,
            written,
            lambda: tables.what_if_table(changed, Tongue(language.value)),
            lambda: tables.frame_of_lines(changed.after),
        )
        return
    query = _checked(ForecastQuery, {**asked, "as_of": as_of})
    forecaster = _forecaster(here, at, fit=fit)
    found = answers.asked_outlook(forecaster, query)
    if written is Format.TABLE:
        tables.show_forecast(console(), found, Tongue(language.value), here.dataset.organisation.currency)
        return
    answer = answers.forecast(forecaster, found)
    _write(answer, written, lambda: "", lambda: tables.frame_of_lines(answer.lines))


@app.command()
def bridge(
    first: Annotated[str, typer.Option("--from", help="The earlier date.")],
    last: Annotated[str | None, typer.Option("--to", help="The later date. Default: now.")] = None,
    period: Period = None,
    by: Split = By.COMPANY,
    mode: Annotated[Mode, typer.Option(help="end: compare the two dates; path: walk through the dates between.")] = Mode.END,
    fit: Fitted = False,
    language: Language = Spoken.EN,
    written: Written = Format.TABLE,
) -> None:
    """What changed the expected bookings of a period between two dates, deal by deal and to the cent."""
    from serving.forecast import bridge_answers
    from serving.forecast import tables as tables
    from serving.forecast.schemas import BridgeQuery
    from serving.language import Tongue

    here = _opened()
    query = _checked(BridgeQuery, {"from": first, "to": last, "period": period, "by": by.value, "mode": mode.value})
    forecaster = _forecaster(here, here.instant(None), here.instant(first), fit=fit)
    answer = bridge_answers.change(forecaster, query)
    tongue = Tongue(language.value, here.dataset.organisation.timezone)
    _write(answer, written, lambda: tables.bridge_table(answer, tongue), lambda: tables.frame_of_bridge(answer))


def _opened() -> "Opened":
    from serving.cli.opened import opened

    return opened()


def _forecaster(here: "Opened", as_of: "pd.Timestamp", learnt: "pd.Timestamp | None" = None, *, fit: bool) -> "Forecaster":
    """With the champions, or with a model of the day `learnt` (that of the answer, unless it is another)."""
    from dataclasses import replace

    from serving.forecast.forecaster import Forecaster
    from serving.registry.champions import Champions
    from training.run import fit as learn

    if not fit:
        bundles = here.champions()
    else:
        moment = as_of if learnt is None else learnt
        typer.echo(f"learning a model as of {moment:%Y-%m-%d}", err=True)
        known = here.known_at(here.dataset, moment)
        fitted = replace(learn(known, "deals", moment, threads=here.settings.threads), version=f"fit {moment:%Y-%m-%d}")
        cache = Champions(here.settings.home)
        others = {target: cache.load(target, version) for target, version in cache.versions().items() if target != "deals"}
        bundles = {"deals": fitted, **others}
    dataset = here.known_at(here.dataset, as_of)
    return Forecaster(dataset, bundles, as_of, here.settings.home, here.settings.threads, here.known_at, here.record)


def _write(answer: "BaseModel", written: Format, table: Any, frame: Any) -> None:
    from serving.export import defused
    from serving.kpis.tables import console

    if written is Format.JSON:
        typer.echo(answer.model_dump_json(indent=2, by_alias=True))
    elif written is Format.CSV:
        typer.echo(defused(frame()).to_csv(index=False), nl=False)
    else:
        console().print(table())


def _checked(schema: type[Asked], values: Mapping[str, Any]) -> Asked:
    """The query that the options make up. Raises UsageError, naming the option."""
    from pydantic import ValidationError

    try:
        return schema.model_validate(values)
    except ValidationError as error:
        lines = [f"--{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors(include_input=False)]
        raise UsageError("; ".join(lines)) from None


def _listed(text: str | None) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()] if text else []


def _points(texts: Sequence[str]) -> dict[str, float]:
    """`Proposal=5` as stage and points. Raises UsageError."""
    found = {}
    for text in texts:
        stage, _, points = text.rpartition("=")
        try:
            found[stage] = float(points)
        except ValueError:
            stage = ""
        if not stage:
            raise UsageError(f"'{text}' is no change of a stage; write its name and points, such as Proposal=5")
    return found
