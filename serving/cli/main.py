"""The command line: `dealcast …`. The composition root: here settings, store, registry and server are put together.

Answers go to stdout, progress and errors to stderr. Exit codes: 0 done, 1 failed, 2 called wrongly, 3 the data is invalid, 4
something that must exist first does not. What is slow to import is imported inside the commands that need it: help is instant.
"""

import asyncio
import os
from collections.abc import Sequence
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from features.errors import DataError, DealcastError, UsageError
from serving.cli import calls, doctor, forecast, journal, keys, kpis, serve

if TYPE_CHECKING:
    import pandas as pd

    from features.dataset import Dataset
    from features.lives import Lives
    from serving.settings import Settings


class Target(StrEnum):
    """What a model is about."""

    DEALS = "deals"
    CLIENTS = "clients"


class Commands(TyperGroup):
    """Turns an error that Dealcast raised on purpose into its text on stderr and its exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except DealcastError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(error.exit_code) from None


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Predictive sales forecasting from a CRM's history.",
    epilog="Settings: DEALCAST_… in the environment, or dealcast.toml. DEALCAST_HOME (default .dealcast) holds everything.",
)

app.add_typer(forecast.app)
app.add_typer(calls.app)
app.add_typer(kpis.app)
app.add_typer(journal.app, name="journal")
app.add_typer(keys.app, name="keys", help="Make, list, rotate and revoke the keys of the API.")
app.add_typer(keys.log, name="audit-log", help="What was done: logins, keys, promotions, exports.")
app.add_typer(serve.app)
app.add_typer(doctor.app)


def say(text: str) -> None:
    """One line of progress."""
    typer.echo(text, err=True)


@app.command()
def demo(
    deals: Annotated[int | None, typer.Option(min=1, help="How many deals the synthetic company has. Default: 2000.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Where to listen; the next free port if it is taken.")
    ] = None,
) -> None:
    """Make up a company, train on it and serve the answers on this machine."""
    from serving.cli import demo as main_job

    main_job.run(_read(port=port, demo=True, host="127.0.0.1"), deals, say)


@app.command()
def ingest(
    source: Annotated[str, typer.Argument(help="A folder, a file or a database URL.")],
    mapping: Annotated[str | None, typer.Option(help="A TOML file, or the name of a preset such as salesforce.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace what the store holds instead of merging by key.")] = False,
) -> None:
    """Load an export into the store, whole or not at all."""
    from features.ingest import ingest as load
    from features.store import Store

    settings = _prepared(_read())
    with closing(Store(settings.store_url, settings.store_cache)) as store:
        typer.echo(str(load(source, mapping, store, replace=replace)))


@app.command()
def audit(
    source: Annotated[
        str | None, typer.Argument(help="A folder, a file or a database URL. Default: what the store holds.")
    ] = None,
    mapping: Annotated[str | None, typer.Option(help="A TOML file, or the name of a preset such as salesforce.")] = None,
    as_of: Annotated[str | None, typer.Option(help="Look at what was recorded before this date. Default: everything.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Check that every column could have been known when the mapping says it was; exit code 3 where one could not."""
    if mapping and not source:
        raise UsageError("--mapping says how to read a SOURCE, and none is given")
    from rich.console import Console

    from features import clock, sources
    from features.audit import audit as examine
    from serving.cli import audit_report

    dataset = sources.read(source, mapping).dataset() if source else _dataset(_read(), as_of)
    report = examine(dataset, clock.parse_as_of(as_of, dataset.organisation.timezone) if as_of else None)
    if json:
        typer.echo(audit_report.as_json(report))
    else:
        audit_report.show(report, Console())
    raise typer.Exit(DataError.exit_code if report.refused else 0)


@app.command()
def train(
    target: Annotated[list[Target] | None, typer.Option(help="What to train; may be given twice. Default: deals.")] = None,
    as_of: Annotated[str | None, typer.Option(help="Use what was recorded before this date. Default: now.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Equal data and seed give an equal model.")] = 7,
) -> None:
    """Train a model, judge it on later time, and let the gate decide which version answers."""
    from serving.cli import lifecycle

    settings = _read()
    dataset = _dataset(settings, as_of)
    at = _instant(as_of, dataset)
    lifecycle.train(dataset, target or [Target.DEALS], at, settings, seed, say, _lives(settings, at))


@app.command()
def evaluate(
    target: Annotated[Target, typer.Option(help="What to judge.")] = Target.DEALS,
    as_of: Annotated[str | None, typer.Option(help="Use what was recorded before this date. Default: now.")] = None,
    output: Annotated[Path, typer.Option(help="A folder for report.html and its figures.")] = Path("evaluation"),
    folds: Annotated[int, typer.Option(min=1, max=12, help="How many earlier models share the test time.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Equal data and seed give equal numbers.")] = 7,
) -> None:
    """Judge what a training would give, against the baselines and the champion, without training it."""
    from serving.cli import lifecycle

    settings = _read()
    dataset = _dataset(settings, as_of)
    at = _instant(as_of, dataset)
    lifecycle.evaluate(dataset, target, at, settings, folds, seed, output, say, _lives(settings, at))


@app.command()
def models(
    target: Annotated[list[Target] | None, typer.Option(help="Of what; may be given twice. Default: both.")] = None,
) -> None:
    """List the registered versions with their key metrics and what the gate said of each."""
    from rich.console import Console

    from serving.cli import lifecycle

    lifecycle.show_versions(lifecycle.registry_of(_prepared(_read())), target or list(Target), Console(width=140))


@app.command()
def promote(
    version: Annotated[str, typer.Argument(help="The version that is to answer; 'dealcast models' lists them.")],
    target: Annotated[Target, typer.Option(help="Of what.")] = Target.DEALS,
    against_the_gate: Annotated[bool, typer.Option("--against-the-gate", help="Even if the gate refused it.")] = False,
    expect: Annotated[int | None, typer.Option(min=0, help="Only if the revision is this one still.")] = None,
    note: Annotated[str | None, typer.Option(help="Why, for the record.")] = None,
) -> None:
    """Let a version answer from now on; of two at once exactly one is made, and the other is told so."""
    from serving.cli import lifecycle
    from serving.registry.promotions import Wish

    settings = _prepared(_read())
    wish = Wish(target, version, expect, against_the_gate, note)
    lifecycle.promote(lifecycle.promotions_of(settings), wish, settings)


@app.command()
def rollback(
    target: Annotated[Target, typer.Option(help="Of what.")] = Target.DEALS,
    expect: Annotated[int | None, typer.Option(min=0, help="Only if the revision is this one still.")] = None,
    note: Annotated[str | None, typer.Option(help="Why, for the record.")] = None,
) -> None:
    """Let the champion before the present one answer again."""
    from serving.cli import lifecycle
    from serving.registry.promotions import Wish

    settings = _prepared(_read())
    lifecycle.promote(lifecycle.promotions_of(settings), Wish(target, None, expect, note=note), settings)


@app.command()
def score(
    output: Annotated[Path, typer.Option(help="Where to write: a file that ends in .parquet or .csv.")],
    target: Annotated[Target, typer.Option(help="What to score.")] = Target.DEALS,
    as_of: Annotated[str | None, typer.Option(help="Score as of this date. Default: now.")] = None,
    horizons: Annotated[str | None, typer.Option(help="Days, such as 7,14,30.")] = None,
    value_days: Annotated[int, typer.Option(min=1, max=1095, help="Over how many days a client's value is counted.")] = 365,
    discount_rate: Annotated[float, typer.Option(min=0.0, help="Yearly discount of a client's value, such as 0.1.")] = 0.0,
) -> None:
    """Score every open deal, or every active client, with the champion."""
    from serving import export
    from serving.registry.champions import Champions, fetch_champions
    from serving.scoring import score as scoring
    from serving.scoring.reason_columns import readable
    from training.lifetime import Terms

    export.check_destination(output)
    days, settings = _horizons(horizons), _read()
    dataset = _dataset(settings, as_of)
    if not asyncio.run(fetch_champions(settings)):
        say("The registry does not answer; scoring with the last good champion.")
    champion = Champions(settings.home).champion(target)
    instant = _instant(as_of, dataset)
    if silent := _silent_days(dataset, instant):
        say(f"Nothing is on record of the last {silent:.0f} days before {instant:%Y-%m-%d}: what happened then is not known.")
    if target is Target.DEALS:
        frame = scoring.score_deals(dataset, champion, instant, days or [7, 14, 30])
    else:
        terms = Terms(days=float(value_days), discount_rate=discount_rate)
        frame = scoring.score_clients(dataset, champion, instant, days or [dataset.organisation.client_horizon_days], terms)
    export.write(readable(frame), output)
    typer.echo(f"{output}: {len(frame):,} {target}, model {champion.version}, as of {instant.isoformat()}")


@app.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as installed

    typer.echo(installed("dealcast"))


def main() -> None:
    """The console script."""
    # Before anything loads OpenMP: threads that wait by spinning starve whatever else runs on a shared machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    app(prog_name="dealcast")


def _read(**flags: Any) -> "Settings":
    from serving.settings import read

    return read(**flags)


def _prepared(settings: "Settings") -> "Settings":
    """Make the home folder, and keep the models' threads to the number that is set."""
    os.environ.setdefault("OMP_NUM_THREADS", str(settings.threads))
    settings.home.mkdir(parents=True, exist_ok=True)
    return settings


def _dataset(settings: "Settings", as_of: str | None = None) -> "Dataset":
    """What is stored; as of a date with what was deleted since, and what was changed since as it stood."""
    from features.store import Store

    with closing(Store(_prepared(settings).store_url, settings.store_cache)) as store:
        dataset = store.load()
        return store.load(at) if as_of and store.epoch(at := _instant(as_of, dataset)) is not None else dataset


def _lives(settings: "Settings", at: "pd.Timestamp") -> "Lives | None":
    """The deals that were there at earlier dates and had been deleted by this one."""
    from features.store import Store

    with closing(Store(settings.store_url, settings.store_cache)) as store:
        return store.lives(at)


def _instant(text: str | None, dataset: "Dataset") -> "pd.Timestamp":
    from features import clock

    return clock.parse_as_of(text, dataset.organisation.timezone) if text else clock.now(dataset.ends_at)


def _silent_days(dataset: "Dataset", instant: "pd.Timestamp") -> float:
    """How long before a moment the data end; 0 where they are fresh."""
    from features import clock

    days = float(clock.days_between(clock.micros(dataset.ends_at), clock.micros(instant)))
    return days if days >= clock.STALE_AFTER_DAYS else 0.0


def _horizons(text: str | None) -> Sequence[float]:
    """`7,14,30` as numbers; empty where none are given. Raises UsageError."""
    try:
        days = [float(part) for part in text.split(",")] if text else []
    except ValueError:
        days = [0.0]
    if not all(0 < day <= 3650 for day in days):
        raise UsageError(f"'{text}' are no horizons; write days between 0 and 3650 with commas, such as 7,14,30")
    return days


if __name__ == "__main__":
    main()
