"""Grades A to D: P(won within 90 days) as a letter, so that a manager sees at a glance what to do with a deal.

The limits are probabilities and settings of the installation. They are not percentiles, as some products have them: in a bad
quarter the best tenth of the deals is still bad, and a deal would change its grade because another was closed. And the span is a
rolling 90 days rather than the running quarter, whose last day would make every deal a D and whose first an A.

    A  from 60 %     plan with it: it is more likely won within 90 days than not
    B  from 35 %     work on it: whether it comes is open, and attention pays
    C  from 15 %     a long shot for the next 90 days: qualify it, or agree on the next step
    D  below         not within 90 days as it stands: nurture it, or close it
"""

from collections.abc import Sequence
from typing import Final, Literal

from serving.lists.filters import AnyOf, Between

Grade = Literal["A", "B", "C", "D"]
GRADES: Final[tuple[Grade, ...]] = ("A", "B", "C", "D")
COLUMN: Final = "p_won_90d"


def grade(p: float | None, limits: Sequence[float]) -> Grade | None:
    """The grade of a probability; `limits` are the least of A, B and C. None without a probability.

    >>> [grade(p, (0.6, 0.35, 0.15)) for p in (0.6, 0.5999, 0.15, 0.0, None)]
    ['A', 'B', 'C', 'D', None]
    """
    if p is None:
        return None
    return next((letter for letter, least in zip(GRADES, limits, strict=False) if p >= least), "D")


def graded(letters: Sequence[str], limits: Sequence[float]) -> AnyOf:
    """The deals with one of these grades."""
    ends = [*limits, 0.0]
    beyond = [float("inf"), *limits]
    spans = [(ends[at], beyond[at]) for at, letter in enumerate(GRADES) if letter in letters]
    return AnyOf(tuple(Between(COLUMN, low, below=high) for low, high in spans))
