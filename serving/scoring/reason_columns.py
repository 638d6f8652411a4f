"""Reasons and warnings beside the scores in a table: figures for analysis, and everything in words as JSON.

reasons_days   the horizon of the reasons
reference      the answer for the typical row
reason_pace …  what each group adds; reference + all of them = the answer at that horizon
reasons        JSON, as in the HTTP API's `reasons`
warnings       JSON, a list as in the HTTP API's `warnings`
"""

import json
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pandas as pd

from features.dataset import Dataset
from features.deal_warnings import WARNINGS, raised
from features.snapshot import Snapshot
from serving.language import LANGUAGES, Tongue
from serving.scoring.reasons import NamedSignal, Reason, Reasons, reasons_of
from serving.scoring.wording import Wording
from training.bundle import Bundle
from training.explain import Question
from training.typical import Typical

Words = tuple[Wording, ...]
_SHOWN: Final = {each.name: each.signal for each in WARNINGS}


def words_of(dataset: Dataset) -> Words:
    """One Wording for each language, for the organisation of a Dataset."""
    organisation = dataset.organisation
    return tuple(Wording(Tongue(each, organisation.timezone), organisation.currency, dataset.custom) for each in LANGUAGES)


def reason_columns(snapshot: Snapshot, bundle: Bundle, regime: str, signals: pd.DataFrame, question: Question) -> dict[str, Any]:
    """The columns for the rows of these signals."""
    found, words = reasons_of(bundle, regime, signals, snapshot.as_of, question), words_of(snapshot.dataset)
    groups = bundle.explainers[regime].groups
    points = [{item.group: item.contribution for item in each.items} for each in found]
    figures = {f"reason_{group}": np.array([each[group] for each in points], dtype=np.float64) for group in groups}
    texts = [json.dumps(in_words(each, words), ensure_ascii=False) for each in found]
    reference = np.array([each.reference for each in found], dtype=np.float64)
    return {"reasons_days": question.days, "reference": reference, **figures, "reasons": pd.Series(texts, dtype="str")}


def said_reasons(
    bundle: Bundle, regime: str, signals: pd.DataFrame, as_of: pd.Timestamp, question: Question, words: Words
) -> list[dict[str, Any]]:
    """The reasons of each row as plain values, as the HTTP API's `reasons`."""
    return [in_words(each, words) for each in reasons_of(bundle, regime, signals, as_of, question)]


def warning_column(snapshot: Snapshot, bundle: Bundle, signals: pd.DataFrame) -> pd.Series:
    """The warnings about each deal."""
    listed = said_warnings(bundle, signals, words_of(snapshot.dataset))
    return pd.Series([json.dumps(each, ensure_ascii=False) for each in listed], dtype="str")


def said_warnings(bundle: Bundle, signals: pd.DataFrame, words: Words) -> list[list[dict[str, Any]]]:
    """The warnings about each deal as plain values, as the HTTP API's `warnings`."""
    typical = bundle.typical["deals"]
    kinds = bundle.models["deals"].life_table.cells.kind_of(signals).tolist()
    listed: list[list[dict[str, Any]]] = [[] for _ in kinds]
    for row, number, value in zip(*(each.tolist() for each in raised(signals)), strict=True):
        listed[row].append(_warning(WARNINGS[number].name, value, typical, kinds[row], words))
    return listed


def _warning(name: str, value: float, typical: Typical, kind: int, words: Words) -> dict[str, Any]:
    usual, own = typical.usual_of(_SHOWN[name], kind), bool(typical.own_peers[kind])
    said = _each(words, lambda word: word.warning(name, value, usual, own))
    return {"name": name, "value": value, "usual": usual, **said}


def readable(scored: pd.DataFrame) -> pd.DataFrame:
    """The table for a person or a spreadsheet: in place of JSON, one line of text for each language."""
    table = scored.drop(columns=["reasons", "warnings"], errors="ignore")
    for name in (each for each in ("warnings", "reasons") if each in scored):
        found = [None if pd.isna(text) else json.loads(text) for text in scored[name]]
        listed = [[each] if isinstance(each, dict) else each for each in found]
        for language in LANGUAGES:
            table[f"{name}_{language}"] = pd.Series([_line(each, language) for each in listed], index=table.index, dtype="str")
    return table


def _line(said: list[dict[str, Any]] | None, language: str) -> str | None:
    return None if said is None else "; ".join(each[language] for each in said)


def in_words(reasons: Reasons, words: Words) -> dict[str, Any]:
    """One row's reasons as plain values, each text in every language."""
    return {
        "days": reasons.days if np.isfinite(reasons.days) else None,
        "score": reasons.score,
        "reference": {"p": reasons.reference, **_each(words, lambda word: word.reference(reasons))},
        "items": [_reason(item, reasons, words) for item in reasons.items],
        **_each(words, lambda word: word.summary(reasons)),
    }


def _reason(item: Reason, reasons: Reasons, words: Words) -> dict[str, Any]:
    signals = [
        {"name": named.name, "value": named.value, "usual": named.usual, **_signal(named, reasons, words)}
        for named in item.signals
    ]
    said = _each(words, lambda word: word.group(item.group))
    return {"group": item.group, "contribution": item.contribution, **said, "signals": signals}


def _signal(named: NamedSignal, reasons: Reasons, words: Words) -> dict[str, str]:
    return _each(words, lambda word: word.signal(named, reasons.regime, reasons.own_peers))


def _each(words: Words, say: Callable[[Wording], str]) -> dict[str, str]:
    """What is said in each language, by the language's code."""
    return {word.tongue.language: say(word) for word in words}
