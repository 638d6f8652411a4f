"""What a funnel says: its steps with what became of each, what a better one would bring, and where the largest gap is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from features.funnel.journeys import DEAL, LEAD, OFFER, QUALIFIED, WON_STEP
from features.kpis.value import Text, Window

STEPS: Final[Mapping[str, Text]] = {
    LEAD: Text("Leads", "Лиды"),
    QUALIFIED: Text("Qualified leads", "Квалифицированные лиды"),
    DEAL: Text("Deals", "Сделки"),
    OFFER: Text("Offers", "Предложения"),
    WON_STEP: Text("Won deals", "Выигранные сделки"),
}

NO_REASON: Final = ""
"""The key of losses whose reason is not on record."""


@dataclass(frozen=True)
class Best:
    """The best of the last finished quarters at one step: its conversion, and what the distance to it is worth.

    rate   eventual conversion, shrunken towards the whole
    gap    how far the cohort lies below it, in shares of 1; 0 where it is at least as good
    value  the cohort's revenue that the gap costs, None without won amounts
    clear  whether the gap is larger than chance
    """

    quarter: str
    rate: float
    gap: float
    value: float | None
    clear: bool


@dataclass(frozen=True)
class Step:
    """From one step of the funnel to the next; the last one, won, leads nowhere and has no conversion.

    entered   journeys of the cohort that reached the step or a later one
    skipped   of them, how many are on record only with a later step
    moved_on, lost, still   of them, how many reached the next, were lost before, or may still reach it
    rate      share that reached the next by the end of the follow-up, open ones censored; None where nothing entered
    interval  its 95 % limits, None where nothing moved on or was lost yet
    eventual  share that will have reached it, where the cohort is young as in the last eight quarters
    days      median days to the next step of those that reach it, those under way counted
    in_step   median days until it moved on or was lost (Kaplan-Meier), None where fewer than half did
    losses    reason -> how many were lost here; `NO_REASON` where it is not on record
    expected  journeys that will have reached this step, by the eventual conversions
    leverage  more revenue of the cohort for one point more of conversion, None without won amounts
    """

    name: str
    entered: int
    skipped: int
    moved_on: int = 0
    lost: int = 0
    still: int = 0
    rate: float | None = None
    interval: tuple[float, float] | None = None
    eventual: float | None = None
    days: float | None = None
    in_step: float | None = None
    losses: Mapping[str, int] = field(default_factory=dict)
    expected: float = 0.0
    leverage: float | None = None
    best: Best | None = None

    @property
    def title(self) -> Text:
        return STEPS[self.name]

    @property
    def immature(self) -> bool:
        """Whether journeys that entered may still move on."""
        return self.still > 0


@dataclass(frozen=True)
class Funnel:
    """The funnel of one cohort.

    window      in which the leads, and the deals without one, were created
    n_leads, n_deals   journeys that began as a lead, and as a deal without one
    won_amount  revenue won so far, in the organisation's currency
    average     amount of a won deal, where the cohort is young as in the last eight quarters; None where none is known
    expected    revenue that the cohort will have brought, None without won amounts
    bottleneck  name of the step whose gap to its best quarter costs most, None where no step lies below its best
    excluded    "doubled": leads of a deal that another lead came before; "unlinked": leads whose deal is not on record;
                "null_amount": won deals without an amount, left out of the money
    """

    window: Window
    steps: tuple[Step, ...]
    n_leads: int
    n_deals: int
    won_amount: float
    average: float | None
    expected: float | None
    bottleneck: str | None
    excluded: Mapping[str, int]

    def step(self, name: str) -> Step:
        """The step of that name. Raises KeyError where the source does not tell of it."""
        return {step.name: step for step in self.steps}[name]
