"""A whole training: what is registered, what answers, and what is written down."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.dataset import Dataset
from features.synthetic import Settings, generate
from tests.training.companies import fair_coins
from training import bundle as bundles
from training.bundle import Bundle
from training.registry import FolderRegistry
from training.run import TrainedRun, evaluate, train


def trained(dataset: Dataset, registry: FolderRegistry, target: str = "deals", **more: object) -> TrainedRun:
    return train(dataset, target, dataset.ends_at, registry, threads=1, **more)  # type: ignore[arg-type]


def loaded(registry: FolderRegistry, version: str) -> Bundle:
    return bundles.load(registry.folder / "deals" / version)


@pytest.fixture(scope="module")
def coins(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainedRun, FolderRegistry]:
    """A training on data in which there is nothing to know."""
    home = tmp_path_factory.mktemp("coins")
    registry = FolderRegistry(home / "registry")
    return trained(fair_coins(), registry, reports=home / "reports"), registry


def test_without_skill_the_base_rate_answers_and_the_model_is_refused(coins: tuple[TrainedRun, FolderRegistry]) -> None:
    run, registry = coins
    assert (run.refused, run.version, run.alias) == ("1", "2", "champion")
    assert run.verdict.of("deals").because == "no_skill_over_base_rate"
    champion = registry.champion("deals")
    assert champion is not None
    assert champion.version == "2"
    assert {each.version: each.tags["gate"] for each in registry.versions("deals")} == {"1": "refused", "2": "promoted"}


def test_the_base_rate_bundle_gives_everybody_one_curve_and_says_why(coins: tuple[TrainedRun, FolderRegistry]) -> None:
    bundle = loaded(coins[1], "2")
    bundles.verify(bundle)
    signals = pd.DataFrame({"stage": ["Open", "Elsewhere"], "age_days": [1.0, 900.0]}, index=["D1", "D2"])
    curves = bundle.models["deals"].curves(signals, np.zeros(2, dtype=np.int64))
    assert (curves.hazards[0] == curves.hazards[1]).all()
    assert "does not beat the base rate" in bundle.models["deals"].because
    assert bundle.meta["answering"]["deals"]["by"] == "base_rate"


def test_the_report_lies_where_it_was_asked_for_and_with_the_version(coins: tuple[TrainedRun, FolderRegistry]) -> None:
    run, registry = coins
    assert run.report is not None
    assert run.report.name == "deals-2.html"
    page = run.report.read_text(encoding="utf-8")
    assert "The model does not beat the base rate." in page
    assert (registry.folder / "deals" / "2" / "evaluation" / "report.html").read_text(encoding="utf-8") == page


def test_the_run_writes_down_data_code_settings_and_signals(coins: tuple[TrainedRun, FolderRegistry]) -> None:
    said = json.loads((coins[1].folder / "deals" / "2.json").read_text())
    assert {"data_fingerprint", "code_version", "seed", "learning_rate", "as_of", "deals_signals"} <= set(said["parameters"])
    assert {"deals_won_30d_log_loss", "deals_won_30d_gap_to_base_rate_low", "deals_n_won"} <= set(said["metrics"])


def test_a_second_training_meets_the_champion(coins: tuple[TrainedRun, FolderRegistry]) -> None:
    again = trained(fair_coins(), coins[1])
    assert (again.refused, again.version, again.alias) == ("3", "4", "champion")
    assert again.metrics["deals_won_30d_log_loss"] == coins[0].metrics["deals_won_30d_log_loss"]


def test_an_evaluation_registers_nothing_and_finds_the_same(coins: tuple[TrainedRun, FolderRegistry]) -> None:
    run, registry = coins
    before = len(registry.versions("deals"))
    report, verdict = evaluate(fair_coins(), "deals", fair_coins().ends_at, threads=1)
    assert len(registry.versions("deals")) == before
    assert verdict.of("deals").answers == run.verdict.of("deals").answers
    assert report.regimes[0].main_answer.estimates["log_loss"].value == run.metrics["deals_won_30d_log_loss"]


def test_both_kinds_of_clients_are_judged(tmp_path: Path) -> None:
    dataset = generate(Settings(n_deals=200)).dataset()
    run = trained(dataset, FolderRegistry(tmp_path), "clients")
    assert {decision.regime for decision in run.verdict.decisions} == {"contracts", "orders"}
    assert run.alias == "champion"
    assert any("no order within 90 days" in line for line in run.lines)


def test_before_the_first_close_the_base_rate_is_registered_and_says_that_nothing_ended(tmp_path: Path) -> None:
    days = pd.date_range("2026-01-01", periods=30, tz="UTC").as_unit("us")
    deals = pd.DataFrame({"deal_id": [f"D{day.day}" for day in days], "created_at": days, "stage": "Open"})
    registry = FolderRegistry(tmp_path)
    run = trained(Dataset.of({"deals": deals}), registry)
    assert run.verdict.of("deals").because == "nothing_has_ended"
    assert run.alias == "champion"
