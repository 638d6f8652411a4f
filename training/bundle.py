"""A model as files: LightGBM's text and one JSON file, hashed; nothing is ever unpickled.

    deals-3/
      bundle.json      everything but the trees, with the SHA-256 of each file and of itself
      deals.lgb        LightGBM text (one for each regime that was boosted)

A damaged LightGBM file does not raise, it ends the process that reads it. So hashes are checked first, and a bundle from outside
is verified in a throw-away process (`training.fetch`) that also repeats the predictions stored with it.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import lightgbm as lgb
import numpy as np
import pandas as pd

from features.calendar import FiscalCalendar
from features.errors import DealcastError
from training.amounts import AmountModel
from training.bg_nbd import BgNbdStart
from training.calibrate import Calibration
from training.encoding import Encoding
from training.explain import Explainer
from training.hazard import HazardModel, Spec
from training.life_table import LifeTable
from training.pace import Pace
from training.relative_risk import RelativeRisk
from training.typical import Typical

FORMAT: Final = 7
GOLDEN_TOLERANCE: Final = 1e-9


class DamagedBundleError(DealcastError):
    """A bundle is incomplete, altered, or of another format."""


@dataclass(frozen=True)
class Bundle:
    """All that is needed to score one target.

    target         deals or clients
    version        of the registry; empty for one not registered yet
    trained_as_of  the model knows nothing from this moment on
    models         regime -> hazard model: `deals`, or `contracts` and `orders`
    typical        regime -> the references that reasons are given against, and what is usual
    meta           what the run recorded: fingerprint, seeds, counts, metrics
    amounts        for deals: how far the amount when won is from the amount now
    """

    target: str
    version: str
    trained_as_of: pd.Timestamp
    models: Mapping[str, HazardModel]
    typical: Mapping[str, Typical]
    meta: Mapping[str, Any] = field(default_factory=dict)
    amounts: AmountModel | None = None

    @cached_property
    def explainers(self) -> Mapping[str, Explainer]:
        """regime -> what explains its answers; kept, because reading trees takes longer than explaining a deal."""
        return {name: Explainer(model, self.typical[name]) for name, model in self.models.items()}


def save(bundle: Bundle, folder: Path) -> None:
    """Write the bundle; each file appears whole or not at all, and `bundle.json` last."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {f"{name}.lgb": model.booster.model_to_string() for name, model in bundle.models.items() if model.booster is not None}
    for name, text in texts.items():
        _write(folder / name, text.encode())
    content = {
        "format": FORMAT,
        "target": bundle.target,
        "trained_as_of": bundle.trained_as_of.isoformat(),
        "lightgbm": lgb.__version__,
        "models": {name: _model_to_json(model) for name, model in bundle.models.items()},
        "amounts": None if bundle.amounts is None else bundle.amounts.to_json(),
        "typical": {name: typical.to_json() for name, typical in bundle.typical.items()},
        "meta": dict(bundle.meta),
        "files": {name: _sha256(text.encode()) for name, text in texts.items()},
    }
    text = json.dumps(content, sort_keys=True)
    _write(folder / "bundle.json", json.dumps({"sha256": _sha256(text.encode()), "content": content}, sort_keys=True).encode())


def load(folder: Path) -> Bundle:
    """Check all hashes, then load. The version is the folder's name. Raises DamagedBundleError."""
    content = _checked_content(folder)
    models = {}
    for name, stored in content["models"].items():
        file = f"{name}.lgb"
        booster = (
            lgb.Booster(model_str=_checked_file(folder / file, content["files"][file])) if file in content["files"] else None
        )
        models[name] = _model_from_json(stored, booster)
    typical = {name: Typical.from_json(stored) for name, stored in content["typical"].items()}
    amounts = None if content["amounts"] is None else AmountModel.from_json(content["amounts"])
    as_of = pd.Timestamp(content["trained_as_of"])
    return Bundle(content["target"], folder.name, as_of, models, typical, content["meta"], amounts)


def verify(bundle: Bundle) -> None:
    """Repeat the predictions that were stored with each model, and compare its columns with ours, name by name.

    Raises DamagedBundleError where they differ: LightGBM takes columns in any order, and answers wrongly without a word.
    """
    for name, model in bundle.models.items():
        if model.booster is not None and model.booster.feature_name() != model.encoding.names:
            raise DamagedBundleError(f"the {name} model's columns are not in the order it was trained with; train again")
        golden = bundle.meta.get("golden", {}).get(name)
        if model.booster is None or not golden:
            continue
        again = model.booster.predict(np.array(golden["matrix"], dtype=np.float32), raw_score=True)
        if np.abs(again - np.array(golden["raw"])).max() > GOLDEN_TOLERANCE:
            raise DamagedBundleError(f"the {name} model no longer gives the predictions stored with it; train again")


def _checked_content(folder: Path) -> dict[str, Any]:
    try:
        raw = (folder / "bundle.json").read_bytes()
        stored = json.loads(raw)
        content: dict[str, Any] = stored["content"]
        # The seventeenth digit of a number may change without changing the number; so the bytes are compared as well.
        unchanged = json.dumps(stored, sort_keys=True).encode() == raw
        intact = unchanged and _sha256(json.dumps(content, sort_keys=True).encode()) == stored["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedBundleError(f"{folder}: no readable bundle.json ({type(error).__name__}); train again") from error
    if not intact:
        raise DamagedBundleError(f"{folder}/bundle.json: its hash does not match; it was altered or is incomplete")
    if content["format"] != FORMAT:
        raise DamagedBundleError(f"{folder}: format {content['format']}; this version of Dealcast reads format {FORMAT}")
    return content


def _checked_file(path: Path, sha256: str) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DamagedBundleError(f"{path}: cannot be read ({type(error).__name__})") from error
    if _sha256(content) != sha256:
        raise DamagedBundleError(f"{path}: its hash does not match bundle.json; it was altered or is incomplete")
    return content.decode()


def _model_to_json(model: HazardModel) -> dict[str, Any]:
    return {
        "spec": asdict(model.spec),
        "calendar": {"timezone": model.calendar.timezone, "start_month": model.calendar.start_month},
        "edges": model.edges.tolist(),
        "life_table": model.life_table.to_json(),
        "pace": model.pace.to_json(),
        "encoding": model.encoding.to_json(),
        "because": model.because,
        "life_table_weight": model.life_table_weight,
        "calibration": model.calibration.to_json(),
        "bg_nbd": None if model.bg_nbd is None else model.bg_nbd.to_json(),
        "gained": [list(each) for each in model.gained],
        "risk": None if model.risk is None else model.risk.to_json(),
    }


def _model_from_json(stored: dict[str, Any], booster: lgb.Booster | None) -> HazardModel:
    spec = stored["spec"]
    calendar = FiscalCalendar(stored["calendar"]["timezone"], stored["calendar"]["start_month"])
    return HazardModel(
        Spec(tuple(spec["causes"]), spec["kind_signal"], tuple(spec["ages"]), spec["start"], spec["paced"], tuple(spec["plain"])),
        calendar,
        np.array(stored["edges"], dtype=np.float64),
        LifeTable.from_json(stored["life_table"]),
        Pace.from_json(calendar, stored["pace"]),
        Encoding.from_json(stored["encoding"]),
        booster,
        stored["because"],
        stored["life_table_weight"],
        Calibration.from_json(stored["calibration"]),
        bg_nbd=None if stored["bg_nbd"] is None else BgNbdStart.from_json(stored["bg_nbd"]),
        gained=tuple(tuple(each) for each in stored["gained"]),
        risk=None if stored["risk"] is None else RelativeRisk.from_json(stored["risk"]),
    )


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
