from dataclasses import replace

import pytest

from tests.training.trials import examined
from training.contests import Contest, Margin
from training.evaluate import RegimeReport
from training.promote import Verdict, decide, judge
from training.resampling import Interval
from training.trial import BASE_RATE, CHAMPION, LIFE_TABLE, MODEL

BETTER, EQUAL, WORSE = Interval(-0.05, -0.07, -0.03), Interval(-0.01, -0.03, 0.01), Interval(0.05, 0.03, 0.07)
TINY = Interval(-0.001, -0.0015, -0.0005)


def against(one: str, other: str, curve: Interval, outcome: Interval | None = None, n_ended: int = 300) -> Contest:
    won = None if outcome is None else Margin(outcome, 0.6)
    return Contest(one, other, Margin(curve, 0.7), won, 1000, 200, n_ended)


def report(*contests: Contest, boosted: bool = True) -> RegimeReport:
    return RegimeReport("deals", boosted=boosted, contests=contests)


def evidence(table: Interval, trees: Interval, over_table: Interval, outcome: Interval = BETTER) -> RegimeReport:
    return report(
        against(LIFE_TABLE, BASE_RATE, table, outcome),
        against(MODEL, BASE_RATE, trees, outcome),
        against(MODEL, LIFE_TABLE, over_table, EQUAL),
    )


@pytest.mark.parametrize(
    ("given", "answers", "because"),
    [
        (evidence(BETTER, BETTER, BETTER), "boosted", ""),
        (evidence(BETTER, BETTER, EQUAL), "life_table", "no_skill_over_life_table"),
        (evidence(BETTER, BETTER, WORSE), "life_table", "no_skill_over_life_table"),
        (evidence(EQUAL, EQUAL, BETTER), "base_rate", "no_skill_over_base_rate"),
        (evidence(EQUAL, BETTER, EQUAL), "boosted", ""),
        (evidence(TINY, TINY, TINY), "base_rate", "no_skill_over_base_rate"),
        (evidence(BETTER, BETTER, BETTER, outcome=EQUAL), "base_rate", "no_skill_over_base_rate"),
        (evidence(BETTER, BETTER, BETTER, outcome=TINY), "base_rate", "no_skill_over_base_rate"),
    ],
)
def test_a_model_climbs_by_beating_the_one_below(given: RegimeReport, answers: str, because: str) -> None:
    decision = decide(given, boosted=True)
    assert (decision.answers, decision.because) == (answers, because)
    assert decision.reasons
    assert not decision.beaten_by_champion


def test_trees_that_are_worse_at_who_wins_do_not_replace_the_life_table() -> None:
    given = report(
        against(LIFE_TABLE, BASE_RATE, BETTER, BETTER),
        against(MODEL, LIFE_TABLE, BETTER, WORSE),
        against(MODEL, BASE_RATE, BETTER, BETTER),
    )
    assert decide(given, boosted=True).answers == "life_table"


def test_trees_that_tell_winners_better_climb_though_their_curve_is_as_good() -> None:
    given = report(
        against(LIFE_TABLE, BASE_RATE, BETTER, BETTER),
        against(MODEL, LIFE_TABLE, EQUAL, BETTER),
        against(MODEL, BASE_RATE, BETTER, BETTER),
    )
    assert decide(given, boosted=True).answers == "boosted"


def test_with_one_way_to_end_the_curve_alone_decides() -> None:
    given = report(against(LIFE_TABLE, BASE_RATE, BETTER), against(MODEL, LIFE_TABLE, BETTER), against(MODEL, BASE_RATE, BETTER))
    assert decide(given, boosted=True).answers == "boosted"


@pytest.mark.parametrize(("final", "tried"), [(False, True), (True, False)])
def test_without_trees_in_both_the_life_table_is_the_highest_rung(final: bool, tried: bool) -> None:
    given = replace(evidence(BETTER, BETTER, BETTER), boosted=tried)
    decision = decide(given, boosted=final)
    assert (decision.answers, decision.because) == ("life_table", "not_boosted")


def test_too_little_evidence_leaves_the_base_rate() -> None:
    few = report(against(LIFE_TABLE, BASE_RATE, BETTER, BETTER, n_ended=3))
    decision = decide(few, boosted=True)
    assert (decision.answers, decision.because) == ("base_rate", "too_little_to_judge")
    assert "3 ended" in decision.reasons[0]
    assert decide(RegimeReport("deals", unjudged="no later rows"), boosted=True).because == "too_little_to_judge"


@pytest.mark.parametrize(
    ("curve", "outcome", "stays"),
    [(WORSE, EQUAL, True), (EQUAL, WORSE, True), (EQUAL, EQUAL, False), (BETTER, BETTER, False)],
)
def test_the_champion_stays_only_where_it_is_better(curve: Interval, outcome: Interval, stays: bool) -> None:
    given = evidence(BETTER, BETTER, BETTER)
    given = replace(given, contests=(*given.contests, against(MODEL, CHAMPION, curve, outcome)))
    decision = decide(given, boosted=True)
    assert decision.beaten_by_champion == stays
    assert Verdict((decision,)).promoted != stays
    assert any("present champion" in reason for reason in decision.reasons)


def test_a_few_rows_since_its_training_do_not_keep_a_champion() -> None:
    given = evidence(BETTER, BETTER, BETTER)
    given = replace(given, contests=(*given.contests, against(MODEL, CHAMPION, WORSE, WORSE, n_ended=2)))
    assert not decide(given, boosted=True).beaten_by_champion


def test_one_regime_that_the_champion_wins_keeps_it_for_all() -> None:
    lost = replace(decide(evidence(BETTER, BETTER, BETTER), boosted=True), beaten_by_champion=True)
    assert not Verdict((decide(evidence(BETTER, BETTER, BETTER), boosted=True), lost)).promoted


def test_before_anything_has_ended_there_is_nothing_to_judge() -> None:
    verdict = judge([RegimeReport("deals", unjudged="nothing")], {"deals": False}, {"deals": 0})
    assert verdict.of("deals").because == "nothing_has_ended"


def test_fair_coins_get_the_base_rate_and_skill_is_accepted() -> None:
    coins, skilled = (decide(examined(skill), boosted=True) for skill in (False, True))
    assert (coins.answers, coins.because) == ("base_rate", "no_skill_over_base_rate")
    assert skilled.answers in ("life_table", "boosted")
