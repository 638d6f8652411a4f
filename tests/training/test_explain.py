"""Reasons: they add up, agree with brute force over LightGBM's own predictions, and are nothing where nothing differs."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features import clock
from features.clock import Floats
from features.custom import signal_of
from tests.training.mixed_rows import AS_OF, explainer, learned, rows_of
from training.encoded import encode
from training.explain import Explainer, Question, shapley
from training.life_table import Cells, LifeTable
from training.targets import LOST, WON
from training.typical import learn_typical

QUESTIONS = (Question(7.0, WON), Question(30.0, WON), Question(400.0, WON), Question(np.inf, LOST), Question(45.0, 0))
numbers = st.one_of(st.just(np.nan), st.floats(0, 1e6, width=32))
anything = st.fixed_dictionaries(
    {
        "stage": st.sampled_from(["Discovery", "Proposal", "never seen", None]),
        "days_in_stage": numbers,
        "age_days": numbers,
        "amount": numbers,
        "days_since_inbound": numbers,
        "owner_n_open": numbers,
        "product": st.sampled_from(["A", "B", "C", "never seen", None]),
    }
)


def frame(*rows: Mapping[Any, object]) -> pd.DataFrame:
    signals = rows_of().signals
    return pd.DataFrame({name: pd.Series([row[name] for row in rows], dtype=signals[name].dtype) for name in signals})


def scores(signals: pd.DataFrame, question: Question) -> Floats:
    """The answers by the way that serving takes."""
    return question.answer(learned()[0].curves(signals, np.full(len(signals), clock.micros(AS_OF))))


def reference(kind: str) -> pd.DataFrame:
    """A training row that encodes to the reference of its kind."""
    model, typical = learned()
    rows = rows_of().signals
    wanted = typical.reference_of(model.life_table.cells.of(frame({**rows.iloc[0], "stage": kind}))[0]).matrix
    same = (encode(model, rows).matrix == wanted) | (np.isnan(encode(model, rows).matrix) & np.isnan(wanted))
    return pd.DataFrame(rows[same.all(axis=1)])


def brute_force(row: pd.DataFrame, other: pd.DataFrame, question: Question) -> Floats:
    """The mean over all orders in which the groups join, each step scored by the model itself."""
    groups = explainer().groups
    orders = list(permutations(range(len(groups))))
    mixed = []
    for order in orders:
        for step in range(len(groups) + 1):
            taken = {groups[player] for player in order[:step]}
            mixed.append({name: (row if signal_of(str(name)).group in taken else other)[name].iloc[0] for name in row})
    gains = np.diff(scores(frame(*mixed), question).reshape(len(orders), -1), axis=1)
    total = np.zeros(len(groups))
    for order, gain in zip(orders, gains, strict=True):
        total[list(order)] += gain
    return total / len(orders)


@pytest.mark.parametrize("question", QUESTIONS)
def test_reference_and_reasons_add_up_to_the_score_that_is_served(question: Question) -> None:
    signals = rows_of(300, seed=8).signals
    found = explainer().explain(signals, AS_OF, question)
    np.testing.assert_allclose(found.reference + found.contributions.sum(axis=1), scores(signals, question), atol=1e-12)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(anything, st.sampled_from(QUESTIONS))
def test_they_add_up_whatever_the_row_holds(row: dict[str, object], question: Question) -> None:
    found = explainer().explain(frame(row), AS_OF, question)
    assert abs(found.reference + found.contributions.sum(axis=1) - scores(frame(row), question)).max() < 1e-6


@pytest.mark.parametrize("stage", ["Discovery", "Proposal"])
def test_all_orders_of_joining_by_brute_force_agree(stage: str) -> None:
    row = frame({**rows_of(1, seed=5).signals.iloc[0], "stage": stage})
    expected = brute_force(row, reference(stage), Question(30.0, WON))
    np.testing.assert_allclose(explainer().explain(row, AS_OF, Question(30.0, WON)).contributions[0], expected, atol=1e-12)


def test_the_reference_itself_has_no_reasons_and_its_score_is_the_references() -> None:
    found = explainer().explain(reference("Proposal"), AS_OF, Question(30.0, WON))
    assert (found.contributions == 0).all()
    np.testing.assert_allclose(found.reference, scores(reference("Proposal"), Question(30.0, WON)), atol=1e-12)


def test_a_group_equal_to_the_references_gets_nothing() -> None:
    row = reference("Proposal").assign(amount=1e6, days_since_inbound=90.0)
    found = explainer().explain(row, AS_OF, Question(30.0, WON))
    moved = {name for name, points in zip(found.groups, found.contributions[0], strict=True) if points != 0}
    assert moved == {"size", "contact"}


def test_the_cell_of_the_life_table_moves_with_the_age() -> None:
    model, typical = learned()
    table = replace(model, booster=None)
    row = reference("Proposal").assign(days_in_stage=300.0)
    found = Explainer(table, typical).explain(row, AS_OF, Question(30.0, WON))
    pace = found.contributions[0, found.groups.index("pace")]
    won = table.curves(row, np.array([clock.micros(AS_OF)])).by(30.0, WON)[0]
    assert pace == pytest.approx(won - found.reference[0])
    assert abs(pace) > 0.01


def test_a_plain_signals_factor_belongs_to_its_own_group() -> None:
    model, typical = learned()
    table = replace(model, booster=None)
    row = reference("Proposal").iloc[:1].assign(amount=1e7)
    found = Explainer(table, typical).explain(row, AS_OF, Question(30.0, WON))
    moved = {group for group, part in zip(found.groups, found.contributions[0], strict=True) if part != 0}
    assert moved == {"size"}
    assert found.reference[0] + found.contributions[0].sum() == pytest.approx(found.score[0], abs=1e-15)


def test_a_start_that_reads_no_signal_moves_with_nothing() -> None:
    model, _ = learned()
    table = LifeTable(Cells(None, None, (), ()), model.life_table.rates[:1, :2], model.life_table.n_watched)
    blind = replace(model, life_table=table, booster=None, risk=None)
    found = Explainer(blind, learn_typical(blind, rows_of(), WON)).explain(rows_of(5, seed=4).signals, AS_OF, Question(30.0, WON))
    assert (found.contributions == 0).all()
    np.testing.assert_array_equal(found.score, found.reference)


def test_single_signals_are_ranked_by_what_they_alone_are_worth() -> None:
    row = reference("Proposal").assign(days_since_inbound=90.0)
    found = explainer().explain(row, AS_OF, Question(30.0, WON))
    alone = dict(zip(found.signals, found.effects[0], strict=True))
    assert alone.pop("days_since_inbound") == pytest.approx(found.score[0] - found.reference[0])
    assert all(value == pytest.approx(0, abs=1e-12) for value in alone.values())


def test_no_rows_give_no_reasons() -> None:
    found = explainer().explain(rows_of().signals[:0], AS_OF, Question(30.0, WON))
    assert found.contributions.shape == (0, len(found.groups))


def test_answers_of_encoded_rows_are_the_models() -> None:
    signals = rows_of(50, seed=9).signals
    answers = explainer().answers(encode(learned()[0], signals), AS_OF, Question(30.0, WON))
    np.testing.assert_allclose(answers, scores(signals, Question(30.0, WON)), atol=1e-12)


def test_players_who_do_the_same_get_the_same_and_dummies_nothing() -> None:
    # v(S) = 12 if both of the first two are in, else 0; the third never matters.
    values = np.array([[12.0 if coalition >> 1 == 0b11 else 0.0 for coalition in range(8)]])
    np.testing.assert_array_equal(shapley(values), [[6.0, 6.0, 0.0]])


def test_the_textbook_glove_game() -> None:
    # One left glove (player 0), two right ones (1, 2): a pair is worth 1 (Shapley & Shubik). 2/3, 1/6, 1/6.
    values = np.array([[float(coalition >> 2 and coalition & 0b11 != 0) for coalition in range(8)]])
    np.testing.assert_allclose(shapley(values), [[2 / 3, 1 / 6, 1 / 6]])
