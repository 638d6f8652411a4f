"""Lead response: how long a lead waits for the first human reply.

The median of the answered leads alone flatters: those that nobody ever answered are missing from it. An unanswered lead counts
for as long as it has been waiting (Kaplan-Meier); where more than half were never answered there is no median, and the answer
says so. The share that had no answer by as_of stands beside it.
"""

from typing import Final

import numpy as np

from features import clock
from features.clock import Floats, Mask
from features.history import Rows, count_rows
from features.kpis.value import LESS, Cells, Kpi, Text, Variant, Window
from features.snapshot import Snapshot
from features.survival import kaplan_meier

HOURS_PER_DAY: Final = 24.0

LEAD_RESPONSE: Final = Kpi(
    name="lead_response",
    title=Text("Lead response", "Время реакции на лид"),
    meaning=Text(
        "Median hours until a new lead got its first human reply",
        "Сколько часов новый лид обычно ждёт первого ответа человека (медиана)",
    ),
    formula=Text("median of first reply - created", "медиана (первый ответ − создание)"),
    unit="hours",
    direction=LESS,
    perspective="process",
    basis=Text("lead created", "создание лида"),
    tables=("leads",),
    slices=("owner", "source"),
    variants=(Variant("median", Text("unanswered leads wait on", "лиды без ответа учитываются как ожидающие")),),
)


def lead_response(
    snapshot: Snapshot, windows: tuple[Window, ...], node: Rows | None = None, n_nodes: int = 1, keep: Mask | None = None
) -> Cells:
    """(windows, nodes) median hours; `low` and `high` are Brookmeyer and Crowley's limits.

    `node` gives the node of each lead on record, in the order of `snapshot.frame("leads")` (-1: none; None: all the company's);
    `keep` the leads to look at. `beside["never_answered"]` is the share without a reply by as_of. Reasons: `no_table`,
    `nothing_counted`, `median_not_reached`.
    """
    shape = (len(windows), n_nodes)
    if not snapshot.has("leads") or "first_response_at" not in snapshot.dataset.tables["leads"]:
        return Cells.of(np.full(shape, np.nan), np.full(shape, "no_table", dtype=object), n=np.zeros(shape))
    leads = snapshot.frame("leads")
    created, replied = clock.to_micros(leads["created_at"]), clock.to_micros(leads["first_response_at"])
    answered = replied != clock.UNKNOWN
    hours = np.maximum(clock.days_between(created, np.where(answered, replied, snapshot.at)), 0.0) * HOURS_PER_DAY
    of = np.zeros(len(leads), dtype=np.int64) if node is None else node
    asked = np.ones(len(leads), dtype=bool) if keep is None else keep
    groups = [
        np.where(asked & clock.within(created, clock.micros(window.start), clock.micros(window.end)), of, -1)
        for window in windows
    ]
    medians = [kaplan_meier(group, hours, answered, n_nodes).quantiles() for group in groups]
    median, low, high = (np.stack([getattr(each, name) for each in medians]) for name in ("time", "low", "high"))
    n = np.stack([count_rows(group, group >= 0, n_nodes) for group in groups])
    silent = np.stack([count_rows(group, (group >= 0) & ~answered, n_nodes) for group in groups])
    reason = np.where(n == 0, "nothing_counted", np.where(np.isnan(median), "median_not_reached", "")).astype(object)
    share: Floats = np.divide(silent, n, out=np.full(shape, np.nan), where=n > 0)
    return Cells.of(median, reason, n=n, interval=(low, high), censored=silent, beside={"never_answered": share})
