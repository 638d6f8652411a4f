"""What the commands about models say and do: train, evaluate, models, promote, rollback.

The registry is MLflow's; it is imported here and not at the top of the command line, so that help stays instant.
"""

import math
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import pandas as pd
import typer
from rich.console import Console
from rich.table import Table

from features.dataset import Dataset
from features.lives import Lives
from serving.access.audit_log import at_the_shell
from serving.database import Database
from serving.registry.champions import cache_below, quiet_environment
from serving.registry.promotions import PromotedRegistry, Promotions, Wish
from serving.settings import Settings
from training.fetch import fetch
from training.registry import MlflowRegistry, Registry, Version
from training.report import headline, write
from training.run import TrainedRun
from training.run import evaluate as judge
from training.run import train as fit

SHOWN: Final = ("gap_to_base_rate", "gap_to_base_rate_low", "gap_to_base_rate_high", "auc", "gap_to_life_table")

Say = Callable[[str], None]


def registry_of(settings: Settings) -> MlflowRegistry:
    """The registry, in an environment where a server that is down costs seconds and not minutes."""
    os.environ.update(quiet_environment())
    return MlflowRegistry(settings.home, settings.tracking_uri)


def promotions_of(settings: Settings) -> Promotions:
    """The promotions of this installation, with the registry that mirrors them."""
    return Promotions(Database.open(settings.store_url), registry_of(settings))


def train(
    dataset: Dataset,
    targets: Sequence[str],
    as_of: pd.Timestamp,
    settings: Settings,
    seed: int,
    say: Say,
    lives: Lives | None = None,
) -> None:
    """Train each target, print what the report and the gate say, and cache the champion."""
    registry = PromotedRegistry(registry_of(settings), Database.open(settings.store_url), at_the_shell())
    for target in targets:
        run = fit(
            dataset,
            target,
            as_of,
            registry,
            seed=seed,
            threads=settings.threads,
            reports=reports_below(settings.home),
            progress=say,
            lives=lives,
        )
        for line in told(run):
            typer.echo(line)
        fetch(registry, target, cache_below(settings.home))


def told(run: TrainedRun) -> list[str]:
    """What a training says in the end: the decision, the figures behind it, and where the report lies."""
    role = run.alias or "candidate: the present champion is better and stays"
    lines = [f"{run.target} version {run.version}, {role}: {run.summary}"]
    lines += [f"{run.target} version {run.refused} was refused by the gate"] if run.refused else []
    lines += [f"  {line}" for line in run.lines]
    return [*lines, f"  report: {run.report}"] if run.report else lines


def evaluate(
    dataset: Dataset,
    target: str,
    as_of: pd.Timestamp,
    settings: Settings,
    folds: int,
    seed: int,
    output: Path,
    say: Say,
    lives: Lives | None = None,
) -> None:
    """Judge what a training would give, write the page, and print the headline."""
    report, verdict = judge(
        dataset,
        target,
        as_of,
        registry_of(settings),
        seed=seed,
        threads=settings.threads,
        n_folds=folds,
        progress=say,
        lives=lives,
    )
    page = write(report, verdict, output)
    for line in (*map(headline, report.regimes), *verdict.reasons):
        typer.echo(line)
    typer.echo(f"report: {page}")


def show_versions(registry: Registry, targets: Sequence[str], console: Console) -> None:
    """Print the versions of each target, the newest first."""
    table = Table(title="A negative difference to the base rate's log loss means better; the interval is of 95 %")
    for column in ("target", "version", "", "trained as of", "gate", "answers by", "log loss less base rate", "AUC"):
        table.add_column(column, justify="right" if column in {"version", "AUC"} else "left")
    for target in targets:
        for version in registry.versions(target):
            table.add_row(target, *_cells(target, version))
    console.print(table)


def promote(promotions: Promotions, wish: Wish, settings: Settings) -> None:
    """Let a version answer, or the one before. Raises what `Promotions.make` raises."""
    made = promotions.make(wish, at_the_shell())
    fetch(promotions.registry, wish.target, cache_below(settings.home))
    again = " again" if made.kind == "rolled_back" else ""
    typer.echo(f"{made.target} version {made.version} is champion{again} (revision {made.revision})")


def reports_below(home: Path) -> Path:
    """Where the pages of trainings are kept."""
    return home / "reports"


def _cells(target: str, version: Version) -> list[str]:
    answers = ", ".join(
        f"{value.replace('_', ' ')}" for name, value in sorted(version.tags.items()) if name.startswith("answers_")
    )
    when = version.tags.get("trained_as_of", "")[:10]
    mark = "champion" if version.is_champion else ""
    return [version.version, mark, when, version.tags.get("gate", ""), answers, *_metrics(target, version)]


def _metrics(target: str, version: Version) -> list[str]:
    """Of the target's first regime that was judged, the usual question, else the longest that could be judged.

    A run's metrics are of the model that was to answer. Where a simpler one answers in its place, the difference is that one's.
    """
    usually = {"deals_won": 30} if target == "deals" else {"contracts_left": 90, "orders_silent": 90}
    for event, usual in usually.items():
        asked = re.compile(rf"{event}_(\d+)d_{SHOWN[0]}")
        judged = [int(found[1]) for name in version.metrics if (found := asked.fullmatch(name))]
        if judged:
            days = usual if usual in judged else max(judged)
            gap, low, high, auc, beyond = (version.metrics.get(f"{event}_{days}d_{name}", math.nan) for name in SHOWN)
            answers = version.tags.get(f"answers_{event.partition('_')[0]}")
            if answers == "base_rate":
                return ["it is the base rate", ""]
            if answers == "life_table" and abs(beyond) > 0:
                return [f"{gap - beyond:+.4f}, {days} days", ""]
            interval = "" if math.isnan(low) else f" [{low:+.4f}, {high:+.4f}]"
            return [f"{gap:+.4f}{interval}, {days} days", "" if math.isnan(auc) else f"{auc:.3f}"]
    return ["not judged", ""]
