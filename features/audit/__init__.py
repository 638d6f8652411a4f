"""The leak audit: could every column that training would read really have been known when the mapping says it was?

The clock rule keeps the code honest; this keeps the declarations honest. A mapping that says "known at creation" of a column
which people fill in when a deal is won gives a model that looks brilliant and is worthless. `audit` looks at three things:

* every column that is promised at creation (`claims`): is it filled only at the close (`filling`), does it give the outcome away
  (`outcome`), does the history contradict it (`changing`), is it the date of the close (`closing_dates`)?
* the data around it (`hygiene`): references to nothing, times out of order, histories that begin late;
* the clock rule itself, on the user's own rows (`proof`): all that was recorded from a moment on is taken away (`truncation`),
  the signals are computed again, and have to be the same to the byte.

Example: `audit(sources.read("export", "mapping.toml")).refused` is True where something must be corrected before training.
"""

from features.audit.report import AuditReport, Difference, Finding, Proof, Rule, Severity
from features.audit.run import audit

__all__ = ["AuditReport", "Difference", "Finding", "Proof", "Rule", "Severity", "audit"]
