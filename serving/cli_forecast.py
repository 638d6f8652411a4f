"""`dealcast backtest`, `forecast` and `bridge`.

What is slow to import is imported inside the commands: help is instant.
"""

from enum import StrEnum
from typing import Annotated

import typer


class Kind(StrEnum):
    """Of periods."""

    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


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
    from rich.console import Console

    from serving import backtests
    from serving.opened import opened
    from serving.record_table import record_table
    from training.backtest import backtest as walk
    from training.run import fit
    from training.track_record import track_record

    here = opened()
    until = here.instant(as_of)
    tested = walk(
        here.dataset,
        lambda dataset, moment: fit(dataset, "deals", moment, seed=seed, threads=here.settings.threads),
        kind=kind,
        until=until,
        last=last,
        seed=seed,
        progress=lambda text: typer.echo(text, err=True),
    )
    path = backtests.keep(here.settings.home, tested, until)
    Console().print(record_table(track_record(tested), f"Track record by {kind}, as of {until:%Y-%m-%d}"))
    typer.echo(f"kept in {path}")
