"""Which signals are named inside a group."""

import numpy as np
import pandas as pd
import pytest

from features.dataset import Dataset
from features.deals import deal_signals
from features.snapshot import Snapshot
from serving.scoring.reasons import NAMED, Reasons, reasons_of
from serving.served.runtime import Runtime
from training.bundle import Bundle
from training.explain import Question
from training.targets import WON


@pytest.fixture(scope="module")
def bundle(runtime: Runtime) -> Bundle:
    return runtime.served().bundles["deals"]


@pytest.fixture(scope="module")
def signals(company: Dataset) -> pd.DataFrame:
    return deal_signals(Snapshot(company, company.ends_at))


@pytest.fixture(scope="module")
def found(company: Dataset, bundle: Bundle, signals: pd.DataFrame) -> list[Reasons]:
    return reasons_of(bundle, "deals", signals, company.ends_at, Question(30.0, WON))


def test_the_largest_group_comes_first_and_all_are_there(found: list[Reasons], bundle: Bundle) -> None:
    for each in found:
        sizes = [abs(item.contribution) for item in each.items]
        assert sizes == sorted(sizes, reverse=True)
        assert {item.group for item in each.items} == set(bundle.explainers["deals"].groups)


def test_named_signals_pull_with_their_group(
    company: Dataset, found: list[Reasons], bundle: Bundle, signals: pd.DataFrame
) -> None:
    explained = bundle.explainers["deals"].explain(signals, company.ends_at, Question(30.0, WON))
    effect = {
        (row, name): value
        for row, values in enumerate(explained.effects)
        for name, value in zip(explained.signals, values, strict=True)
    }
    named = [(row, item, signal) for row, each in enumerate(found) for item in each.items for signal in item.signals]
    assert len(named) > 100
    assert all(effect[row, signal.name] * item.contribution > 0 for row, item, signal in named)
    assert max(len(item.signals) for each in found for item in each.items) == NAMED


def test_values_are_those_of_the_deal_and_the_usual_those_of_its_stage(
    found: list[Reasons], bundle: Bundle, signals: pd.DataFrame
) -> None:
    kinds, _ = bundle.models["deals"].life_table.cells.of(signals)
    for row, each in enumerate(found[:20]):
        for signal in (signal for item in each.items for signal in item.signals):
            value = signals[signal.name].iloc[row]
            assert signal.value == value if signal.value is not None else pd.isna(value)
            assert signal.usual == bundle.typical["deals"].usual_of(signal.name, int(kinds[row]))


def test_the_stage_is_never_named_against_a_reference_of_the_same_stage(found: list[Reasons]) -> None:
    own = [each for each in found if each.own_reference]
    assert own
    assert not any(signal.name == "stage" for each in own for item in each.items for signal in item.signals)


def test_they_say_whose_reference_and_peers_they_are(found: list[Reasons], bundle: Bundle, signals: pd.DataFrame) -> None:
    kinds, _ = bundle.models["deals"].life_table.cells.of(signals)
    typical = bundle.typical["deals"]
    np.testing.assert_array_equal([each.own_reference for each in found], typical.own_medoid[kinds])
    np.testing.assert_array_equal([each.own_peers for each in found], typical.own_peers[kinds])
