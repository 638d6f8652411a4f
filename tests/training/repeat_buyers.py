"""Clients who buy as BG/NBD says, told one by one: the slow story behind the closed forms."""

import numpy as np

from features.clock import Floats
from training.bg_nbd import BgNbd, Purchases

MODEL = BgNbd(r=0.8, alpha=40.0, a=0.7, b=3.0)


def orders_of(model: BgNbd, until: float, rng: np.random.Generator) -> list[float]:
    """The ages at which one client orders again: exponential gaps at a rate of its own, a coin after each."""
    rate, leaves = rng.gamma(model.r, 1.0 / model.alpha), rng.beta(model.a, model.b)
    times: list[float] = []
    now = rng.exponential(1.0 / rate)
    while now < until:
        times.append(float(now))
        if rng.random() < leaves:
            break
        now += rng.exponential(1.0 / rate)
    return times


def told(model: BgNbd, ages: Floats, ahead: float, seed: int = 1) -> tuple[Purchases, Floats]:
    """The past of one client of each age, and how many orders each places in the `ahead` days after it."""
    rng = np.random.default_rng(seed)
    stories = [orders_of(model, float(age) + ahead, rng) for age in ages]
    past = [[time for time in times if time < age] for times, age in zip(stories, ages, strict=True)]
    x = np.array([len(times) for times in past], dtype=np.float64)
    t_x = np.array([max(times, default=0.0) for times in past])
    later = np.array([len(times) for times in stories], dtype=np.float64) - x
    return Purchases(x, t_x, ages), later
