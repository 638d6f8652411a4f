"""`dealcast calls`: what people expect, and how good their word was beside the model's."""

from typing import Annotated, Final

import typer

from serving.cli.forecast import Format, Period, Written

SMALL: Final = 10.0

app = typer.Typer()


@app.command()
def calls(
    period: Period = None,
    everything: Annotated[
        bool, typer.Option("--history", help="Also what a later call stands in for, or what was taken back.")
    ] = False,
    record: Annotated[bool, typer.Option("--record", help="How good the calls were, beside the model.")] = False,
    written: Written = Format.TABLE,
) -> None:
    """What people expect of deals and periods, beside what the model said at the same moment."""
    from contextlib import closing

    from features.snapshot import Snapshot
    from serving.calls import answers
    from serving.calls.record import judged
    from serving.calls.store import Calls, standing
    from serving.cli.opened import opened
    from serving.database import Database

    here = opened()
    with closing(Database.open(here.settings.store_url)) as database:
        found = Calls(database).history(period=period)
    if record:
        _write(
            "How good the calls were", [vars(each) for each in judged(found, Snapshot(here.dataset, here.instant(None)))], written
        )
        return
    shown = found if everything else standing(found)
    _write("What people expect", [answers.answer(each).model_dump(exclude={"call_id"}) for each in shown], written)


def _write(title: str, rows: list[dict[str, object]], written: Format) -> None:
    import pandas as pd
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from serving.export import defused

    frame = pd.DataFrame(rows)
    if written is Format.JSON:
        typer.echo(frame.to_json(orient="records", date_format="iso", force_ascii=False, indent=2))
    elif written is Format.CSV:
        typer.echo(defused(frame).to_csv(index=False), nl=False)
    else:
        table = Table(*map(str, frame), title=title)
        for row in rows:
            table.add_row(*(Text(_cell(each)) for each in row.values()))
        Console().print(
            table if rows else "Nobody has said anything yet." if title == "What people expect" else "Nothing is over yet."
        )


def _cell(value: object) -> str:
    """Probabilities and errors with three digits, money without; nothing where there is none."""
    if value is None or value != value:  # NaN alone is not itself
        return ""
    if isinstance(value, float):
        return f"{value:,.3f}" if abs(value) < SMALL else f"{value:,.0f}"
    return str(value)
