import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from features import clock
from tests.training.companies import company, midway
from training.bundle import Bundle, DamagedBundleError, load, save, verify
from training.examples import examples
from training.explain import Question
from training.run import fit
from training.targets import WON


@cache
def trained() -> Bundle:
    return fit(company(seed=5), "deals", midway(company(seed=5)), threads=1)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save(trained(), tmp_path / "3")
    return tmp_path / "3"


def test_a_loaded_bundle_gives_the_same_curves_to_the_bit(saved: Path) -> None:
    rows = examples(company(seed=5), [midway(company(seed=5))], company(seed=5).ends_at)
    before, after = (bundle.models["deals"].curves(rows.signals, rows.as_of) for bundle in (trained(), load(saved)))
    np.testing.assert_array_equal(before.hazards, after.hazards)


def test_a_loaded_bundle_gives_the_same_reasons_to_the_bit(saved: Path) -> None:
    signals = examples(company(seed=5), [midway(company(seed=5))], company(seed=5).ends_at).signals
    asked = (signals, midway(company(seed=5)), Question(30.0, WON))
    before, after = (bundle.explainers["deals"].explain(*asked) for bundle in (trained(), load(saved)))
    np.testing.assert_array_equal(before.contributions, after.contributions)
    np.testing.assert_array_equal(before.effects, after.effects)
    assert load(saved).typical["deals"].usual == trained().typical["deals"].usual


def test_it_keeps_the_amounts_when_won(saved: Path) -> None:
    amounts, again = trained().amounts, load(saved).amounts
    assert amounts is not None
    assert again is not None
    assert again.to_json() == amounts.to_json()


def test_it_knows_its_version_and_when_it_was_trained(saved: Path) -> None:
    loaded = load(saved)
    assert loaded.version == "3"
    assert clock.micros(loaded.trained_as_of) == clock.micros(midway(company(seed=5)))


def test_there_is_text_and_json_and_nothing_else(saved: Path) -> None:
    assert sorted(path.name for path in saved.iterdir()) == ["bundle.json", "deals.lgb"]
    assert (saved / "deals.lgb").read_text().startswith("tree\n")
    json.loads((saved / "bundle.json").read_text())


@pytest.mark.parametrize("name", ["bundle.json", "deals.lgb"])
@pytest.mark.parametrize("part", [0.0, 0.3, 0.9])
def test_one_changed_byte_is_refused_before_anything_is_loaded(saved: Path, name: str, part: float) -> None:
    content = bytearray((saved / name).read_bytes())
    place = int(part * (len(content) - 1))
    content[place] ^= 1
    (saved / name).write_bytes(content)
    with pytest.raises(DamagedBundleError, match=name):
        load(saved)


@pytest.mark.parametrize("name", ["bundle.json", "deals.lgb"])
def test_a_truncated_or_missing_file_is_refused(saved: Path, name: str) -> None:
    (saved / name).write_bytes((saved / name).read_bytes()[:-100])
    with pytest.raises(DamagedBundleError):
        load(saved)
    (saved / name).unlink()
    with pytest.raises(DamagedBundleError):
        load(saved)


def test_the_stored_predictions_are_repeated(saved: Path) -> None:
    verify(load(saved))


def test_columns_in_another_order_are_refused() -> None:
    model = trained().models["deals"]
    turned = replace(model, encoding=replace(model.encoding, categories=model.encoding.categories[::-1]))
    with pytest.raises(DamagedBundleError, match="columns"):
        verify(replace(trained(), models={"deals": turned}))


def test_other_predictions_than_those_stored_are_refused() -> None:
    golden = {"deals": {**trained().meta["golden"]["deals"]}}
    golden["deals"]["raw"] = (np.array(golden["deals"]["raw"]) + 1e-6).tolist()
    with pytest.raises(DamagedBundleError, match="predictions"):
        verify(replace(trained(), meta={**trained().meta, "golden": golden}))
