"""The truth of contract clients against a slow oracle: client by client, from the tables alone, with scipy's distributions."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from features import clock
from features.synthetic import Company, Settings, client_truth, generate, service
from features.synthetic import contracts as model

AS_OF = pd.Timestamp("2026-01-20", tz="UTC")
HORIZON = 60
LEVELS = range(len(model.LEVEL_SHARES))
MEANS = {"nps": (4.6, 6.8, 8.2, 9.2), "csat": (2.7, 3.4, 4.0, 4.5), "ces": (3.6, 4.5, 5.3, 6.0)}
SPREADS = {"nps": 2.0, "csat": 1.0, "ces": 1.4}


@cache
def company() -> Company:
    return generate(Settings(n_deals=2500, seed=11))


def rows_of(table: str, account: str, time: str) -> pd.DataFrame:
    frame = company().tables[table]
    return frame[(frame["account_id"] == account) & (frame[time] < AS_OF)]


def terms_of(account: str) -> pd.DataFrame:
    """The yearly terms on record; additions are shorter."""
    contracts = rows_of("contracts", account, "known_at")
    return contracts[(contracts["ends_on"] - contracts["starts_on"]).dt.days >= 365].sort_values("starts_on")


def seasonal(at: pd.Timestamp) -> float:
    return float(company().story.season.operational(np.array([clock.micros(at) / clock.MICROS_PER_DAY]))[0])


def renewal(level: int, number: int) -> float:
    return float(model.RENEWS[level] * (model.FIRST_RENEWAL if number == 0 else 1.0))


def unsigned(level: int, number: int, days_left: float) -> tuple[float, float]:
    """Probability that the next term is not on record yet, and that it comes all the same."""
    shortest, longest = model.LEAD
    still = stats.uniform(shortest, longest - shortest).cdf(days_left) * renewal(level, number)
    return 1 - renewal(level, number) + still, still / (1 - renewal(level, number) + still)


def of_score(level: int, kind: str, score: float, low: float, high: float) -> float:
    mood = stats.norm(MEANS[kind][level], SPREADS[kind])
    below = 0.0 if score == low else mood.cdf(score - 0.5)
    return float((1.0 if score == high else mood.cdf(score + 0.5)) - below)


def stays(level: int, days: float) -> float:
    return float(stats.fisk(model.CANCEL_SHAPE, scale=model.CANCEL_SCALE[level]).sf(days))


def likelihood(account: str, level: int) -> float:
    """How likely all that is on record about a client is at a level of satisfaction."""
    terms, tickets = terms_of(account), rows_of("tickets", account, "opened_at")
    first, last = (terms[column].dt.tz_localize("UTC") for column in ("starts_on", "ends_on"))
    served = seasonal(AS_OF) - seasonal(max(first.min(), company().settings.start_at))
    chance = float(model.LEVEL_SHARES[level]) * stays(level, (AS_OF - first.min()).days)
    chance *= float(stats.poisson(service.TICKET_RATE[level] * served).pmf(len(tickets)))
    chance *= unsigned(level, len(terms) - 1, (last.max() - AS_OF).days)[0]
    chance *= float(np.prod([renewal(level, number) for number in range(len(terms) - 1)]))
    answers = rows_of("surveys", account, "answered_at")[["kind", "score", "scale_min", "scale_max"]]
    return chance * float(np.prod([of_score(level, *answer) for answer in answers.itertuples(index=False, name=None)]))


def slow_truth(account: str) -> float:
    """P(leaves within the horizon), which is shorter than a term: at most one end lies in it."""
    terms = terms_of(account)
    age = (AS_OF - terms["starts_on"].min().tz_localize("UTC")).days
    left = (terms["ends_on"].max().tz_localize("UTC") - AS_OF).days
    weights = np.array([likelihood(account, level) for level in LEVELS])
    stay = [stays(level, age + HORIZON) / stays(level, age) for level in LEVELS]
    renewed = [unsigned(level, len(terms) - 1, left)[1] if left < HORIZON else 1.0 for level in LEVELS]
    return float(1 - (weights * stay * renewed).sum() / weights.sum())


def test_the_truth_follows_from_the_tables() -> None:
    truth = client_truth(company(), AS_OF, [HORIZON]).query("regime == 'contract'")[f"p_leaves_{HORIZON}d"]
    ordered = truth.sort_values()
    some = pd.concat([ordered.iloc[::8], ordered.iloc[-15:]])
    assert len(some) > 30
    assert some.max() > 0.3
    for account, p in some.items():
        assert p == pytest.approx(slow_truth(str(account)), abs=1e-6)
