"""`dealcast journal …`: what was answered, for analysts."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class JournalKind(StrEnum):
    """What is in the journal; all but the forecasts are scores."""

    PIPELINE = "pipeline"
    POSTED = "posted"
    REASONS = "reasons"
    FORECASTS = "forecasts"


app = typer.Typer(no_args_is_help=True, help="What was answered: scores and forecasts.")


@app.callback()
def journal() -> None:
    """What was answered: scores and forecasts."""


@app.command()
def export(
    output: Annotated[Path, typer.Option(help="Where to write: a file that ends in .parquet or .csv.")],
    since: Annotated[str | None, typer.Option(help="Only what was issued on or after this date.")] = None,
    kind: Annotated[
        list[JournalKind] | None, typer.Option(help="Which; may be given several times. Default: all scores.")
    ] = None,
) -> None:
    """Write the scores that were issued to a file, or the forecasts: --kind forecasts. The audit log keeps who did."""
    from contextlib import closing

    from features.engine import connect
    from features.errors import UsageError
    from serving.access import audit_log
    from serving.access.audit_log import Event
    from serving.cli.opened import opened
    from serving.database import Database
    from serving.export import check_destination
    from serving.journal.export import write
    from serving.journal.reading import Wanted
    from serving.journal.rows import KINDS
    from serving.settings import read

    check_destination(output)
    asked = kind or []
    if JournalKind.FORECASTS in asked and len(asked) > 1:
        raise UsageError("scores and forecasts have different columns: export them to two files")
    moment = opened().instant(since) if since else None
    scores = [name for name in KINDS if name in asked]
    wanted = Wanted(scores, since=moment, forecasts=len(scores) < len(asked))
    with closing(Database(connect(read().store_url))) as database:
        database.upgrade()
        name = f"{'forecasts' if wanted.forecasts else 'scores'}{output.suffix}"
        told = {"kind": scores} | ({"since": since} if since else {})
        audit_log.record(database, audit_log.at_the_shell(), Event("export", name, told))
        n_rows = write(database, wanted, output)
    typer.echo(f"{output}: {n_rows:,} rows")
