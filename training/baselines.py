"""The simpler models that a boosted one has to beat, and that answer where it does not.

Both are ordinary hazard models without trees. The **life table** knows the stage (or kind) and the age of a row; the **base
rate** is a life table with a single cell, and gives every row the same curve. Example: where 30 % of all deals open on a day are
won within 30 days, the base rate says 0.30 to each of them.
"""

from dataclasses import replace

from training.examples import Examples
from training.hazard import HazardModel
from training.life_table import Cells, fit_life_table
from training.pace import Pace
from training.person_periods import spells

ONE_CELL = Cells(None, None, (), ())


def life_table_of(model: HazardModel, because: str = "") -> HazardModel:
    """What a model was boosted from, answering by itself: the life table, or BG/NBD for clients who order."""
    return replace(model.unboosted(), because=because)


def base_rate_of(model: HazardModel, taught: Examples, because: str = "") -> HazardModel:
    """The base rate of the rows that taught the model, by the model's own buckets."""
    watched = spells(taught.outcomes, model.edges, len(model.spec.causes) + 1)
    table = fit_life_table(ONE_CELL, taught.signals, watched, model.edges, model.life_table.n_watched)
    even = Pace.even(model.calendar, len(model.spec.causes))
    return replace(life_table_of(model, because), life_table=table, pace=even, bg_nbd=None, risk=None)
