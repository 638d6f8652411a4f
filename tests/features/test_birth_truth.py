import numpy as np
import pandas as pd
import pytest

from features import clock
from features.errors import UsageError
from features.snapshot import Snapshot
from features.synthetic import Dirt, Settings, birth_truth, generate

AS_OF = pd.Timestamp("2026-01-01", tz="UTC")


def test_expected_wins_come_true_on_average_over_companies() -> None:
    expected, came = 0.0, 0
    for seed in range(6):
        company = generate(Settings(n_deals=600, seed=seed, months=24))
        dataset, until = company.dataset(), AS_OF + pd.DateOffset(months=6)
        expected += birth_truth(company, AS_OF, until).wins
        end = Snapshot(dataset, until)
        came += int(((end.state == 1) & clock.within(dataset.deal_known, clock.micros(AS_OF), clock.micros(until))).sum())
    assert came > 80
    assert expected == pytest.approx(came, rel=0.3)


def test_more_time_brings_more_and_the_seed_decides_the_draws() -> None:
    company = generate(Settings(n_deals=300, seed=1, months=24))
    months = [birth_truth(company, AS_OF, AS_OF + pd.DateOffset(months=n)) for n in (1, 3, 6)]
    assert np.diff([each.money for each in months]).min() > 0
    assert birth_truth(company, AS_OF, AS_OF + pd.DateOffset(months=3)) == months[1]


def test_dirt_has_no_truth() -> None:
    with pytest.raises(UsageError, match="clean company"):
        birth_truth(generate(Settings(n_deals=50, dirt=Dirt.all())), AS_OF, AS_OF + pd.DateOffset(months=1))
