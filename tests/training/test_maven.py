"""A real-looking export in which nobody can tell who wins: the report must not claim that the model can."""

from functools import partial
from pathlib import Path

import pytest

from features import clock, sources
from tests.training.trials import fit_earlier
from training.contests import Contest
from training.evaluate import examine
from training.examples import examples
from training.folds import folds
from training.promote import decide
from training.splits import plan
from training.targets import DEALS
from training.trial import BASE_RATE, MODEL, hold

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "mappings"


@pytest.mark.real_data
def test_no_skill_is_claimed_where_there_is_none(real_data: Path) -> None:
    dataset = sources.read(str(real_data / "maven_crm"), str(EXAMPLES / "maven_crm.toml")).dataset()
    first = clock.instant(int(dataset.deal_known.min()))
    dates = plan(first, dataset.ends_at, "UTC", 7).dates[::4]
    rows = examples(dataset, dates, dataset.ends_at, DEALS.cohort_at)
    report = examine(
        hold(dataset, "deals", rows, folds(first, dataset.ends_at), partial(fit_earlier, dataset)), "deals", "UTC", 7
    )
    decision = decide(report, boosted=True)
    assert (decision.answers, decision.because) == ("base_rate", "no_skill_over_base_rate")
    (trees,) = (each for each in report.contests if (each.challenger, each.incumbent) == (MODEL, BASE_RATE))
    assert claims_no_winner(trees)


def claims_no_winner(trees: Contest) -> bool:
    """The curve may know how long deals take; who wins it does not."""
    return trees.outcome is not None and not trees.outcome.better
