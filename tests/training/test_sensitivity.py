import numpy as np
import pandas as pd

from features import clock
from features.catalog import DEAL_SIGNALS
from features.gaps import GAPS
from features.tables import TABLES
from tests.training.mixed_rows import AS_OF, explainer, learned, rows_of
from training.explain import Question
from training.sensitivity import data_gaps
from training.targets import WON

QUESTION = Question(30.0, WON)


def won(signals: pd.DataFrame) -> float:
    return float(learned()[0].curves(signals, np.array([clock.micros(AS_OF)])).by(30.0, WON)[0])


def test_a_gap_spans_the_answers_at_the_low_and_the_high_quantile_of_the_stage() -> None:
    row = rows_of(1, seed=5).signals.assign(stage="Proposal", amount=np.nan, days_since_inbound=2.0)
    model, typical = learned()
    kind, column = model.life_table.cells.kinds.index("Proposal"), model.encoding.numbers.index("amount")
    ends = sorted(won(row.assign(amount=bound[kind, column])) for bound in (typical.low, typical.high))
    found = data_gaps(explainer(), row, AS_OF, QUESTION).set_index("field").loc["deals.amount"]
    np.testing.assert_allclose([found["p_low"], found["p_high"]], ends)


def test_what_is_known_is_no_gap() -> None:
    row = rows_of(1, seed=5).signals
    assert len(data_gaps(explainer(), row, AS_OF, QUESTION)) == 0


def test_the_widest_gap_of_each_deal_comes_first() -> None:
    rows = rows_of(20, seed=6).signals.assign(amount=np.nan)
    found = data_gaps(explainer(), rows, AS_OF, QUESTION)
    assert (found["p_low"] <= found["p_high"]).all()
    assert found["deal_id"].tolist() == [deal for deal in rows.index if deal in set(found["deal_id"])]


def test_gaps_name_columns_and_signals_that_exist() -> None:
    names = {signal.name for signal in DEAL_SIGNALS}
    for gap in GAPS:
        table, _, column = gap.field.partition(".")
        assert column in {each.name for each in TABLES[table].columns}
        assert {*gap.signals, *gap.flags} <= names
