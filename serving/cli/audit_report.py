"""How `dealcast audit` shows its report: a table on a terminal, plain text elsewhere, JSON where asked for."""

import json
from typing import Final

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from features.audit import AuditReport, Finding, Severity
from features.audit.report import numbers

STYLES: Final = {Severity.REFUSE: "bold red", Severity.WARN: "yellow"}


def as_json(report: AuditReport) -> str:
    """The report as one JSON object."""
    return json.dumps(report.as_dict(), ensure_ascii=False, indent=2, allow_nan=False)


def show(report: AuditReport, console: Console) -> None:
    """Print the report: a table where the console is a terminal, else plain text of one width for logs."""
    if not console.is_terminal:
        console.file.write(f"{report}\n")
        return
    console.print(Text(report.headline, style="bold red" if report.refused else "bold"))
    if report.findings:
        console.print(_table(report))
    console.print(Text(report.proof_line, style="bold red" if report.proof.differences else "green"))


def _table(report: AuditReport) -> RenderableType:
    table = Table("", "column", "finding", "what to do", show_lines=True)
    for finding in report.findings:
        severity = Text(finding.severity.upper(), style=STYLES[finding.severity])
        table.add_row(severity, Text(finding.place), _found(finding), Text(finding.advice))
    return table


def _found(finding: Finding) -> Text:
    """The finding with its evidence below; as `Text`, so that brackets in the data are no markup."""
    evidence = "\n".join([*finding.rows, numbers(finding.evidence)])
    return Text.assemble(finding.says, (f" [{finding.rule}]", "dim"), "\n", (evidence, "dim"))
