"""`dealcast doctor`: what is wrong with this installation, and what to do."""

import json as to_json
from typing import TYPE_CHECKING, Annotated, Final

import typer

from features.errors import NotReadyError, UsageError

if TYPE_CHECKING:
    from serving.doctor.report import Check

SIGNS: Final = {"ok": ("ok", "green"), "warning": ("warning", "yellow"), "error": ("ERROR", "bold red")}

app = typer.Typer()


@app.command()
def doctor(json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False) -> None:
    """Say what is wrong with this installation and what to do; exit code 4 where something must be done."""
    from serving.doctor import report as checks
    from serving.settings import read

    try:
        settings = read()
        found = list(checks.examine(settings))
    except UsageError as error:
        found = [checks.unusable(error)]
    if json:
        typer.echo(to_json.dumps([checks.as_dict(check) for check in found], ensure_ascii=False, indent=2))
    else:
        for check in found:
            _show(check)
    raise typer.Exit(NotReadyError.exit_code if any(check.state == "error" for check in found) else 0)


def _show(check: "Check") -> None:
    sign, colour = SIGNS[check.state]
    typer.echo(f"{typer.style(f'{sign:8}', fg=colour.split()[-1], bold='bold' in colour)} {check.name}: {check.found}")
    if check.do:
        typer.echo(f"         → {check.do}")
