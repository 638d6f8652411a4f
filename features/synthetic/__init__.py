"""A seeded, believable CRM with known true probabilities: for the demo, the docs, the tests and the benchmarks of scale.

Example, a small company and what was true of its open deals:

>>> import pandas as pd
>>> company = generate(Settings(n_deals=200, seed=1))
>>> truth = deal_truth(company, pd.Timestamp("2026-01-01", tz="UTC"), [30], n_draws=50)
>>> list(truth.columns)
['p_won_30d', 'p_lost_30d', 'p_won', 'p_lost']
"""

from features.synthetic.birth_truth import BirthTruth, birth_truth
from features.synthetic.client_truth import client_truth
from features.synthetic.company import Company, generate
from features.synthetic.settings import Dirt, Settings
from features.synthetic.truth import deal_truth

__all__ = ["BirthTruth", "Company", "Dirt", "Settings", "birth_truth", "client_truth", "deal_truth", "generate"]
