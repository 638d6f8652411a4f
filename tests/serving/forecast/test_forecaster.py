"""Each forecast is computed once for one state of the data, and never by a model that looks ahead."""

import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from features.errors import UsageError
from serving.forecast import backtests
from serving.forecast.forecaster import Forecaster, Forecasts
from serving.served.runtime import Runtime
from tests.serving.forecast.test_backtests import made_up
from training.shock import fit_shock


@pytest.fixture
def forecaster(runtime: Runtime, tmp_path: Path) -> Forecaster:
    served = runtime.served()
    return Forecaster(served.dataset, served.bundles, served.as_of, tmp_path)


def test_what_was_asked_before_is_not_computed_again(forecaster: Forecaster) -> None:
    window = forecaster.window(None)
    assert forecaster.made(window) is forecaster.made(window)
    assert forecaster.made(window).known is forecaster.made(forecaster.window("2027Q1")).known


def test_another_state_of_the_data_has_another_forecaster(runtime: Runtime, tmp_path: Path) -> None:
    forecasts, served = Forecasts(tmp_path, 1), runtime.served()
    first = forecasts.of(served)
    assert forecasts.of(served) is first
    other = replace(served, revision=served.revision + 1)
    assert forecasts.of(other) is not first


def test_the_shock_comes_from_the_kept_backtest(forecaster: Forecaster) -> None:
    window = forecaster.window(None)
    cautious = forecaster.made(window).forecast.shock
    backtests.keep(forecaster.home, made_up(4), forecaster.as_of)
    learned = forecaster.made(window).forecast.shock
    assert (cautious.n_periods, learned.n_periods) == (0.0, 4.0)
    assert cautious.rho == fit_shock([]).rho != learned.rho
    shutil.rmtree(forecaster.home / "backtests")
    assert forecaster.made(window).forecast.shock.n_periods == 0.0


def test_a_model_that_learned_later_does_not_answer(forecaster: Forecaster) -> None:
    earlier = forecaster.as_of - pd.Timedelta(days=1)
    with pytest.raises(UsageError, match=r"trained as of .* would look ahead .*--fit"):
        forecaster.made(forecaster.window(None), earlier)


@pytest.mark.parametrize("text", ["2090", "2031Q1", "soon", "2026Q5"])
def test_a_period_that_cannot_be_forecast_says_why(forecaster: Forecaster, text: str) -> None:
    with pytest.raises(UsageError, match=text):
        forecaster.window(text)
