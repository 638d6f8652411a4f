"""Which empty field would move an answer most: how far it goes when the field is filled with what is usual there.

For each gap of a deal (`features.gaps`) the answer is computed twice more: with the gap's unknown signals at the 10 % quantile of
their stage, and at the 90 %. The two answers span what the field could do. It is a sensitivity and no promise: the true value may
lie outside, and the signals of one field are moved together. Example: P(won within 30 days) is 24 % without an amount, 21 % with
a small one and 27 % with a large one: the amount is worth asking for, six points of it.
"""

from typing import Final

import numpy as np
import pandas as pd

from features.clock import Floats, Mask
from features.gaps import GAPS, Gap
from training.encoded import Encoded, encode
from training.explain import Explainer, Question

LEAST_SPAN: Final = 0.005
"""A gap that spans less than half a point is not worth a line."""


def data_gaps(explainer: Explainer, signals: pd.DataFrame, as_of: pd.Timestamp, question: Question) -> pd.DataFrame:
    """Columns deal_id, field, p_low, p_high (0 to 1, low <= high): in the order of the rows, the widest span first."""
    rows = encode(explainer.model, signals)
    tables = [table for gap in GAPS if len(table := _spans(explainer, rows, gap, as_of, question))]
    if not tables:
        return pd.DataFrame({"deal_id": pd.Series(dtype="str"), "field": pd.Series(dtype="str"), "p_low": 0.0, "p_high": 0.0})
    found = pd.concat(tables, ignore_index=True)
    found["span"] = found["p_high"] - found["p_low"]
    found = found[found["span"] >= LEAST_SPAN].sort_values(["row", "span", "field"], ascending=[True, False, True])
    ids = pd.Series(signals.index[found["row"]], index=found.index, dtype="str")
    return found.assign(deal_id=ids)[["deal_id", "field", "p_low", "p_high"]].reset_index(drop=True)


def _spans(explainer: Explainer, rows: Encoded, gap: Gap, as_of: pd.Timestamp, question: Question) -> pd.DataFrame:
    """One gap's spans, for the rows that have it and of whose stage the usual values are known."""
    numbers = explainer.model.encoding.numbers
    if gap.signals[0] not in numbers:
        return pd.DataFrame()
    empty = np.isnan(rows.matrix[:, numbers.index(gap.signals[0])])
    where = np.flatnonzero(empty)
    bounds = (explainer.typical.low, explainer.typical.high)
    filled = [_filled(rows.take(where), gap, numbers, bound[rows.kind[where]]) for bound in bounds]
    low, high = (explainer.answers(each, as_of, question) for each in filled)
    return pd.DataFrame({"row": where, "field": gap.field, "p_low": np.minimum(low, high), "p_high": np.maximum(low, high)})


def _filled(rows: Encoded, gap: Gap, numbers: tuple[str, ...], usual: Floats) -> Encoded:
    matrix, start = rows.matrix.copy(), rows.start.copy()
    for name in (each for each in gap.signals if each in numbers):
        column = numbers.index(name)
        unknown: Mask = np.isnan(matrix[:, column])
        matrix[unknown, column] = usual[unknown, column]
        if name in start:
            start[name] = start[name].fillna(pd.Series(usual[:, column], index=start.index))
    for name in (each for each in gap.flags if each in numbers):
        matrix[:, numbers.index(name)] = 0.0
    return Encoded(matrix, rows.kind, start)
