"""What a CRM's export may hold that is neither refused nor dropped: counted, and read by a stated rule.

* **Rows of the history out of order.** A change counts at its `changed_at`, wherever it stands in the file.
* **Changes of one field in one instant** are chained: each starts from the value that the one before it left.
* **Facts dated after the export** (where the mapping declares `extracted_at`) are known from their own date on, and not before;
  nor do they move the end of the data.
* **Facts recorded before their deal was created**, by clocks that differ, count at their own date; no deal is seen before it was
  created.

Facts of deals that are not in the data are counted as references (`IngestReport.unknown`): kept, and no signal until the deal
comes.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from features import clock
from features.recorded import FACTS, recorded

_OF_DEALS = ("deal_changes", "activities")


def oddities(tables: Mapping[str, pd.DataFrame], extracted_at: pd.Timestamp | None) -> dict[str, int]:
    """What is odd, in words -> how many rows. `tables` are in the order of their files."""
    found = [*_history(tables), *_later_than_the_export(tables, extracted_at), *_before_their_deal(tables)]
    return {words: count for words, count in found if count}


def _history(tables: Mapping[str, pd.DataFrame]) -> Iterator[tuple[str, int]]:
    if "deal_changes" not in tables:
        return
    changes = tables["deal_changes"]
    time = pd.Series(clock.to_micros(changes["changed_at"]))
    by = [changes["deal_id"].to_numpy(), changes["field"].to_numpy()]
    disordered = clock.days_between(time.to_numpy(), time.groupby(by).cummax().to_numpy()) > 0
    yield "deal_changes: rows that stand below later ones of their deal and field; read by their time", int(disordered.sum())
    together = changes.duplicated(["deal_id", "field", "changed_at"], keep=False)
    yield "deal_changes: changes of one field in one instant; chained by their values", int(together.sum())


def _later_than_the_export(tables: Mapping[str, pd.DataFrame], extracted_at: pd.Timestamp | None) -> Iterator[tuple[str, int]]:
    if extracted_at is None:
        return
    for name in (name for name in FACTS if name in tables):
        late = ~clock.known(recorded(name, tables[name]), clock.micros(extracted_at) + 1)
        yield f"{name}: rows dated after the export; known from their own date on", int(late.sum())


def _before_their_deal(tables: Mapping[str, pd.DataFrame]) -> Iterator[tuple[str, int]]:
    for name in (name for name in _OF_DEALS if name in tables and "deals" in tables and "deal_id" in tables[name]):
        created = tables["deals"].set_index("deal_id")["created_at"].reindex(tables[name]["deal_id"])
        gap = clock.days_between(clock.to_micros(created), recorded(name, tables[name]))
        early = int(np.sum(gap < 0))
        yield f"{name}: rows recorded before their deal was created; counted at their own date", early
