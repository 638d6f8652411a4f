"""The card of the models that answer: what they learned from, how good they were, and why they and no others answer.

The figures are those of the evaluation that the gate judged by, kept in the bundle: a model fitted as it would have been on an
earlier day, asked about the time after it. Nothing is computed here, so the card of a model never changes while it serves. A
bundle that no gate has seen says so: its regimes have no questions.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from serving.lists.answers import answerers
from serving.reason_schemas import Probability
from serving.schemas import AnsweredBy
from serving.served.state import Served
from training.bundle import Bundle


class Metric(BaseModel):
    """One figure with its 95 % interval, accounts drawn whole."""

    name: str = Field(
        description="log_loss and brier (0 is perfect), ece (calibration error, 0 is perfect), auc (0.5 says nothing, 1 is "
        "perfect), lift_10 and lift_20 (1 says nothing), observed and predicted (shares, 0 to 1).",
        examples=["log_loss"],
    )
    value: float = Field(description="The figure on later time.", examples=[0.512])
    low: float | None = Field(description="Lower end of the interval; null: too few accounts.", examples=[0.488])
    high: float | None = Field(description="Upper end of the interval; null: too few accounts.", examples=[0.537])


class Against(BaseModel):
    """The same rows answered by something simpler."""

    baseline: str = Field(
        description="base_rate, life_table, uncalibrated (the model before its calibration), champion, crm (its own).",
        examples=["base_rate"],
    )
    n_rows: int = Field(description="Rows that both answered, 0 or more.", examples=[5120])
    log_loss: float | None = Field(description="Its log loss there; null: it answered none.", examples=[0.604])
    gap: float | None = Field(description="The model's log loss less its: below 0 the model is better.", examples=[-0.092])
    low: float | None = Field(description="Lower end of the gap's 95 % interval.", examples=[-0.113])
    high: float | None = Field(description="Upper end of the gap's 95 % interval.", examples=[-0.071])


class Bin(BaseModel):
    """One row of the reliability table: of what was said to happen with this probability, how much did."""

    n_rows: int = Field(description="Rows in the bin, 0 or more.", examples=[512])
    predicted: Probability = Field(description="Mean of what was said, 0 to 1.", examples=[0.31])
    observed: Probability = Field(description="Share that came true, 0 to 1.", examples=[0.29])
    low: float | None = Field(description="Lower end of the share's 95 % interval.", examples=[0.24])
    high: float | None = Field(description="Upper end of the share's 95 % interval.", examples=[0.35])


class JudgedQuestion(BaseModel):
    """One question and how well it was answered on later time."""

    key: str = Field(description="Which question it is.", examples=["won_30d"])
    label: str = Field(description="The question in words.", examples=["won within 30 days"])
    n_rows: int = Field(description="Rows asked about, 0 or more.", examples=[5120])
    n_clusters: int = Field(description="Accounts that they belong to, 0 or more.", examples=[740])
    n_events: int = Field(description="Rows of which it came true, 0 or more.", examples=[1210])
    caution: str | None = Field(description="Why the figures say little; null where they do not.")
    metrics: list[Metric] = Field(description="How well; empty where no row was watched long enough.")
    against: list[Against] = Field(description="The baselines on the same rows.")
    reliability: list[Bin] = Field(description="Said against seen, the smallest probability first.")


class RegimeCard(BaseModel):
    """One group of records with its own model."""

    regime: str = Field(description="deals, contracts or orders.", examples=["deals"])
    answered_by: AnsweredBy = Field(description="Which model answers, and the gate's reasons.")
    n_units: int = Field(description="Different deals or clients that it learned from, 0 or more.", examples=[2900])
    n_ended: dict[str, int] = Field(description="How many of them ended in which way.", examples=[{"won": 910, "lost": 1450}])
    n_signals: int = Field(description="Signals that the model reads, 0 or more.", examples=[97])
    rounds: int = Field(description="Rounds of boosting on top of the life table; 0: the life table alone.", examples=[120])
    life_table_weight: Probability = Field(description="What boosting has left of the way from the base rates, 0 to 1.")
    calibration: str = Field(description="The correction of the hazards: none, or its method.", examples=["vector"])
    unjudged: str | None = Field(description="Why there are no figures; null where there are.")
    questions: list[JudgedQuestion] = Field(
        description="How well the model that was to answer did on later time. Where the gate let a simpler one answer in its "
        "place, these figures are why; those of the one that answers stand in `against`."
    )


class ModelCard(BaseModel):
    """One champion."""

    model_config = ConfigDict(protected_namespaces=())

    target: str = Field(description="deals or clients.", examples=["deals"])
    version: str = Field(description="Its version in the registry.", examples=["3"])
    trained_as_of: datetime = Field(description="It knows nothing from this instant on.")
    data_fingerprint: str = Field(description="Hash of everything that it learned from.", examples=["9f2c51d07e6ab384"])
    gate: str | None = Field(description="What the gate said; null where none saw it.", examples=["promoted"])
    regimes: list[RegimeCard] = Field(description="Its models.")


class ModelsAnswer(BaseModel):
    """The champions that answer now."""

    models: list[ModelCard] = Field(description="One for deals, and one for clients where there is one.")


def cards(served: Served) -> ModelsAnswer:
    """The card of each champion."""
    return ModelsAnswer.model_validate({"models": [card(bundle) for bundle in served.bundles.values()]})


def card(bundle: Bundle) -> dict[str, Any]:
    """One champion as plain values."""
    answering = {each["regime"]: each for each in answerers(bundle)}
    return {
        "target": bundle.target,
        "version": bundle.version,
        "trained_as_of": bundle.trained_as_of,
        "data_fingerprint": str(bundle.meta["fingerprint"]),
        "gate": bundle.meta.get("gate"),
        "regimes": [_regime(bundle, name, answering[name]) for name in bundle.models],
    }


def _regime(bundle: Bundle, name: str, answered_by: Mapping[str, Any]) -> dict[str, Any]:
    model, counts = bundle.models[name], bundle.meta["regimes"][name]
    judged = bundle.meta.get("evaluation", {}).get(name, {"unjudged": "no evaluation is kept with this model", "questions": []})
    ended = {key.removeprefix("n_"): n for key, n in counts.items() if key not in {"n_examples", "n_units"}}
    return {
        "regime": name,
        "answered_by": answered_by,
        "n_units": counts["n_units"],
        "n_ended": ended,
        "n_signals": len(model.encoding.names) if model.booster is not None else 0,
        "rounds": model.rounds,
        "life_table_weight": model.life_table_weight,
        "calibration": model.calibration.method,
        "unjudged": judged["unjudged"],
        "questions": judged["questions"],
    }
