"""A model trained as of a date is the model one could have had that day: later data does not move a byte of it."""

import pandas as pd
import pytest

from features.dataset import Dataset
from features.synthetic import Dirt, Settings, generate
from tests.leakage.rewrite import Rewrite, rewritten
from training.bundle import Bundle
from training.run import fit

DIRT = Dirt(late_entry=0.15, reopened=0.05, leavers=0.2)
COMPANY = generate(Settings(n_deals=500, seed=4, months=15, dirt=DIRT)).dataset()
AS_OF = COMPANY.deals["created_at"].sort_values().iloc[380].floor("D")


def text(bundle: Bundle) -> list[str]:
    return [
        f"{model.life_table.to_json()}{model.encoding}{model.bg_nbd}{model.gained}"
        + ("" if model.booster is None else model.booster.model_to_string())
        for model in bundle.models.values()
    ]


@pytest.mark.parametrize("target", ["deals", "clients"])
def test_later_data_leaves_the_model_as_it_was(target: str) -> None:
    before = fit(COMPANY, target, AS_OF, threads=1)
    other = rewritten(COMPANY, AS_OF, Rewrite(9, delete=True, alter=True, append=True))
    after = fit(other, target, AS_OF, threads=1)
    assert text(before) == text(after)
    assert repr(before.meta) == repr(after.meta)


def test_earlier_data_does_move_it() -> None:
    fewer = COMPANY.deals[COMPANY.deals["created_at"] >= COMPANY.deals["created_at"].quantile(0.1)]
    assert text(fit(COMPANY, "deals", AS_OF, threads=1)) != text(fit(_with_deals(fewer), "deals", AS_OF, threads=1))


def _with_deals(deals: pd.DataFrame) -> Dataset:
    return COMPANY.with_tables({**COMPANY.tables, "deals": deals})
