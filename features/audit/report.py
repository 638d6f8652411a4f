"""What an audit found, as values; `str(report)` is its text for a terminal or a log."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import pandas as pd


class Severity(StrEnum):
    """`refuse`: a model trained on it would be wrong. `warn`: a person has to look."""

    REFUSE = "refuse"
    WARN = "warn"


class Rule(StrEnum):
    """What a finding is about; docs/audit.md explains each."""

    FILLED_AT_CLOSE = "filled_at_close"
    GIVES_OUTCOME_AWAY = "gives_outcome_away"
    CHANGES_THOUGH_STATIC = "changes_though_static"
    DATE_OF_THE_CLOSE = "date_of_the_close"
    CLOCK_RULE = "clock_rule"
    FILLED_WHEN_WON = "filled_when_won"
    TRACKED_LATE = "tracked_late"
    UNKNOWN_REFERENCE = "unknown_reference"
    CLOCK_SKEW = "clock_skew"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong or suspicious.

    says      the finding in one sentence
    evidence  name -> number; shares, AUCs and correlations lie between 0 and 1, `n_…` are counts
    rows      a few of the rows that show it, one line of text each
    advice    what to do
    """

    severity: Severity
    rule: Rule
    table: str
    column: str | None
    says: str
    advice: str
    evidence: Mapping[str, float] = field(default_factory=dict)
    rows: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        return f"{self.table}.{self.column}" if self.column else self.table


@dataclass(frozen=True)
class Difference:
    """A signal that depends on what was recorded at or after as_of: the first row in which it does, and in how many it does.

    `whole` is its value computed from all the data, `truncated` from what was on record.
    """

    as_of: pd.Timestamp
    matrix: str
    signal: str
    row: str
    whole: str
    truncated: str
    n_rows: int


@dataclass(frozen=True)
class Proof:
    """How often the signals were computed a second time without the future: `n_rows` rows in all at these dates."""

    dates: tuple[pd.Timestamp, ...]
    n_rows: int
    n_values: int
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True)
class AuditReport:
    """The result of an audit up to as_of. `claims` are the columns that are promised at creation, as "table.column"."""

    as_of: pd.Timestamp
    n_won: int
    n_lost: int
    n_open: int
    claims: tuple[str, ...]
    findings: tuple[Finding, ...]
    proof: Proof

    @property
    def refused(self) -> bool:
        """Whether something has to be corrected before training."""
        return any(finding.severity is Severity.REFUSE for finding in self.findings)

    def of(self, severity: Severity) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity is severity)

    def as_dict(self) -> dict[str, Any]:
        """The report in the types of JSON; a number that does not exist is None."""
        return {
            "as_of": self.as_of.isoformat(),
            "refused": self.refused,
            "deals": {"won": self.n_won, "lost": self.n_lost, "open": self.n_open},
            "claims": list(self.claims),
            "findings": [_finding(finding) for finding in self.findings],
            "proof": {
                "dates": [date.isoformat() for date in self.proof.dates],
                "rows": self.proof.n_rows,
                "values": self.proof.n_values,
                "differences": [{**vars(each), "as_of": each.as_of.isoformat()} for each in self.proof.differences],
            },
        }

    def __str__(self) -> str:
        return "\n".join([self.headline, *(line for finding in self.findings for line in _lines(finding)), self.proof_line])

    @property
    def headline(self) -> str:
        refused, warned = len(self.of(Severity.REFUSE)), len(self.of(Severity.WARN))
        verdict = f"refused: {refused:,} finding{'s' * (refused != 1)}" if refused else "nothing to refuse"
        counts = f"{self.n_won:,} won, {self.n_lost:,} lost and {self.n_open:,} open deals"
        return f"{verdict}, {warned:,} warning{'s' * (warned != 1)}; {counts}, {len(self.claims)} columns promised at creation"

    @property
    def proof_line(self) -> str:
        proof = self.proof
        if not proof.dates:
            return "clock rule: not tried, the data holds no moment with rows before it"
        dates = f"{proof.n_rows:,} rows at {len(proof.dates)} dates"
        if proof.differences:
            return f"clock rule: BROKEN by {len({each.signal for each in proof.differences})} signals, in {dates}"
        return f"clock rule: holds, {dates} are the same to the byte without the future"


def _lines(finding: Finding) -> Iterator[str]:
    yield f"{finding.severity.upper()} {finding.place}: {finding.says} [{finding.rule}]"
    yield from (f"    {row}" for row in finding.rows)
    yield f"    {numbers(finding.evidence)}"
    yield f"  → {finding.advice}"


def numbers(evidence: Mapping[str, float]) -> str:
    """The evidence on one line: counts whole, all else to three digits."""
    return ", ".join(
        f"{name} {value:,.0f}" if name.startswith("n_") else f"{name} {value:.3f}" for name, value in evidence.items()
    )


def _finding(finding: Finding) -> dict[str, Any]:
    evidence = {name: value if math.isfinite(value) else None for name, value in finding.evidence.items()}
    return {**vars(finding), "evidence": evidence, "rows": list(finding.rows)}
