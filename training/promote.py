"""Which model may answer: a pure rule from evidence to a decision with its reasons. Decision 14 says why it is this one.

The ladder has three rungs: base rate, life table, boosted model. A model climbs only by beating the one that would answer
otherwise, on the same later rows, in proper scores, by at least one percent, with the whole 95 % interval of the paired
difference on its side:

* over the base rate it has to be better in **both** scores: the curve (who is won, lost or open when) and the outcome (who wins
at all). Knowing how long deals take is no skill at telling winners;
* over the life table, which has shown both, it has to be better in **either** and worse in neither.

What climbed highest replaces the champion unless the champion is better on the rows since its own training. Example: with 0.61
against 0.60 for the base rate and an interval of the difference from -0.02 to +0.01, the base rate answers, and says why.

Accuracy, AUC and the like decide nothing: they can be bought with wrong probabilities.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from training.contests import Contest, Margin
from training.evaluate import RegimeReport
from training.trial import BASE_RATE, CHAMPION, LIFE_TABLE, MODEL

Answerer = Literal["boosted", "life_table", "base_rate"]
Code = Literal[
    "", "not_boosted", "no_skill_over_life_table", "no_skill_over_base_rate", "too_little_to_judge", "nothing_has_ended"
]

FEWEST_ENDS: Final = 10
FEWEST_CLUSTERS: Final = 20
NAMES: Final[Mapping[str, str]] = {
    MODEL: "the boosted model",
    LIFE_TABLE: "the life table",
    BASE_RATE: "the base rate",
    CHAMPION: "the present champion",
}
CONTESTANT: Final[Mapping[Answerer, str]] = {"boosted": MODEL, "life_table": LIFE_TABLE, "base_rate": BASE_RATE}


@dataclass(frozen=True)
class Decision:
    """What becomes of one regime.

    answers     the model that may answer
    because     why it is not the boosted one, as a code; "" where it is
    reasons     sentences with the figures that decided
    beaten_by_champion  whether the present champion is better, so that it has to stay
    """

    regime: str
    answers: Answerer
    because: Code
    reasons: tuple[str, ...]
    beaten_by_champion: bool = False


@dataclass(frozen=True)
class Verdict:
    """The decision on a whole bundle: it is promoted unless the champion is better in one of its regimes."""

    decisions: tuple[Decision, ...]

    @property
    def promoted(self) -> bool:
        return not any(decision.beaten_by_champion for decision in self.decisions)

    @property
    def reasons(self) -> tuple[str, ...]:
        return tuple(f"{decision.regime}: {reason}" for decision in self.decisions for reason in decision.reasons)

    def of(self, regime: str) -> Decision:
        return next(decision for decision in self.decisions if decision.regime == regime)


def judge(reports: Sequence[RegimeReport], boosted: Mapping[str, bool], ended: Mapping[str, int]) -> Verdict:
    """Decide for each regime; `boosted` says of which the final model has trees, `ended` on how many ended units it learned."""
    found = (decide(each, boosted=boosted[each.regime]) if ended[each.regime] else _nothing(each.regime) for each in reports)
    return Verdict(tuple(found))


def decide(report: RegimeReport, *, boosted: bool) -> Decision:
    """Which model of one regime may answer, and whether the champion has to stay."""
    evidence = {(each.challenger, each.incumbent): each for each in report.contests}
    against_base = evidence.get((LIFE_TABLE, BASE_RATE))
    if report.unjudged or against_base is None or _too_little(against_base):
        return Decision(report.regime, "base_rate", "too_little_to_judge", (_little(report, against_base),))
    answers, because, reasons = _climb(evidence, report.boosted, boosted=boosted)
    held = evidence.get((CONTESTANT[answers], CHAMPION))
    if held is None or _too_little(held):
        return Decision(report.regime, answers, because, reasons)
    beaten = held.curve.worse or (held.outcome is not None and held.outcome.worse)
    return Decision(report.regime, answers, because, (*reasons, _sentence(held, not beaten)), beaten)


def _nothing(regime: str) -> Decision:
    return Decision(regime, "base_rate", "nothing_has_ended", ("nothing has ended yet, so there is nothing to learn from",))


def _climb(evidence: Mapping[tuple[str, str], Contest], tried: bool, *, boosted: bool) -> tuple[Answerer, Code, tuple[str, ...]]:
    """The highest rung that is reached, why no higher one, and what was said at each."""
    table = evidence[LIFE_TABLE, BASE_RATE]
    table_climbs = _has_skill(table)
    rung: Answerer = "life_table" if table_climbs else "base_rate"
    reasons: tuple[str, ...] = (_sentence(table, table_climbs),)
    if not boosted or not tried:
        why: Code = "not_boosted" if table_climbs else "no_skill_over_base_rate"
        return rung, why, (*reasons, "boosting did not gain on later time, so there is no boosted model to try")
    trees = evidence[MODEL, LIFE_TABLE if table_climbs else BASE_RATE]
    climbs = _improves(trees) if table_climbs else _has_skill(trees)
    reasons = (*reasons, _sentence(trees, climbs))
    if climbs:
        return "boosted", "", reasons
    return rung, "no_skill_over_life_table" if table_climbs else "no_skill_over_base_rate", reasons


def _has_skill(contest: Contest) -> bool:
    return contest.curve.better and (contest.outcome is None or contest.outcome.better)


def _improves(contest: Contest) -> bool:
    margins = [margin for margin in (contest.curve, contest.outcome) if margin is not None]
    return any(margin.better for margin in margins) and not any(margin.worse for margin in margins)


def _too_little(contest: Contest) -> bool:
    return contest.n_ended < FEWEST_ENDS or contest.n_clusters < FEWEST_CLUSTERS


def _little(report: RegimeReport, contest: Contest | None) -> str:
    if report.unjudged or contest is None:
        return f"too little to judge by: {report.unjudged or 'no rows'}"
    return (
        f"too little to judge by: {contest.n_ended} ended and {contest.n_clusters} accounts in the test time; "
        f"at least {FEWEST_ENDS} and {FEWEST_CLUSTERS} are needed"
    )


def _sentence(contest: Contest, won: bool) -> str:
    verb = "beats" if won else "does not beat"
    if contest.incumbent == CHAMPION:
        verb = "is not beaten by" if won else "is beaten by"
    scores = [f"log loss of the curve {_gap(contest.curve)}"]
    scores += [f"of won against lost {_gap(contest.outcome)}"] if contest.outcome is not None else []
    names = f"{NAMES[contest.challenger]} {verb} {NAMES[contest.incumbent]}"
    return f"{names}: {', '.join(scores)}; {contest.n_clusters:,} accounts, {contest.n_ended:,} ended"


def _gap(margin: Margin) -> str:
    gap, own = margin.gap, margin.of_incumbent
    return f"{own + gap.value:.4f} against {own:.4f} (95 % interval of the difference {gap.low:+.4f} to {gap.high:+.4f})"
