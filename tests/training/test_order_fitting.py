"""Clients who order: the model starts from BG/NBD, beats it where there is more to know, and keeps its level."""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from features import clients, clock
from features.dataset import Dataset
from features.snapshot import Snapshot
from features.synthetic import Company, Settings, client_truth, generate
from training import bundle
from training.bundle import Bundle
from training.curves import Curves
from training.hazard import HazardModel
from training.run import fit

AS_OF = pd.Timestamp("2026-05-01", tz="UTC").as_unit("us")


@cache
def company() -> tuple[Company, Dataset]:
    """A company, and what it has of orders alone."""
    made = generate(Settings(n_deals=1500, seed=21, months=36))
    whole = made.dataset()
    return made, Dataset.of({"orders": whole.tables["orders"]}, whole.organisation)


@cache
def fitted() -> Bundle:
    return fit(company()[1], "clients", AS_OF, threads=1)


@cache
def signals() -> pd.DataFrame:
    snapshot = Snapshot(company()[1], AS_OF)
    return clients.client_signals(snapshot, clients.cohort(snapshot, clients.ORDERS))


def curves(model: HazardModel) -> Curves:
    return model.curves(signals(), np.full(len(signals()), clock.micros(AS_OF)))


def test_scores_come_nearer_to_the_truth_than_bg_nbd_and_that_nearer_than_the_mean() -> None:
    model = fitted().models[clients.ORDERS]
    truth = client_truth(company()[0], AS_OF, [90.0]).loc[signals().index, "p_leaves_90d"].to_numpy(dtype=np.float64)
    answers = [curves(model).still(90.0), curves(model.unboosted()).still(90.0), np.full(len(truth), truth.mean())]
    losses = [-(truth * np.log(p) + (1 - truth) * np.log(1 - p)).mean() for p in answers]
    assert losses == sorted(losses)
    assert abs(answers[0].mean() - truth.mean()) < 0.04


def test_without_trees_the_curve_is_bg_nbd_at_every_bucket_edge() -> None:
    model = fitted().models[clients.ORDERS]
    assert model.bg_nbd is not None
    np.testing.assert_allclose(curves(model.unboosted()).hazards, model.bg_nbd.hazards(signals()), rtol=1e-12)


def test_trees_rank_and_leave_the_level() -> None:
    model = fitted().models[clients.ORDERS]
    assert model.rounds > 0
    moved, start = curves(model), curves(model.unboosted())
    assert not np.allclose(moved.hazards, start.hazards, rtol=0.05)
    assert abs(moved.still(90.0).mean() - start.still(90.0).mean()) < 0.02


def test_the_start_travels_with_the_bundle(tmp_path: Path) -> None:
    bundle.save(fitted(), tmp_path / "clients-1")
    again = bundle.load(tmp_path / "clients-1")
    bundle.verify(again)
    np.testing.assert_array_equal(curves(again.models[clients.ORDERS]).hazards, curves(fitted().models[clients.ORDERS]).hazards)


def test_few_clients_are_answered_by_bg_nbd_alone() -> None:
    some = company()[1]
    orders = some.tables["orders"]
    few = Dataset.of({"orders": orders[orders["account_id"].isin(orders["account_id"].unique()[:6])]}, some.organisation)
    model = fit(few, "clients", AS_OF, threads=1).models[clients.ORDERS]
    assert (model.rounds, model.bg_nbd is None, model.because != "") == (0, False, True)
