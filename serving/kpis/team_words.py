"""What is said of a team in words, on the page and in the terminal: who is alike, who is behind at a stage, who is ramping."""

from collections.abc import Sequence

from serving.figures import figure, limits
from serving.kpis.schemas import Member, StageBehind, TeamAnswer
from serving.language import Tongue


def comparisons(answer: TeamAnswer, tongue: Tongue) -> list[tuple[str, str]]:
    """(figure, what can be said of the order of people in it); who is alike is named where not everybody is."""
    named = _names(answer)
    found = []
    for each in answer.compared:
        alike = "; ".join(", ".join(named.get(person, person) for person in group) for group in each.groups)
        more = tongue.text("team.alike", groups=alike) if len(each.groups) > 1 else ""
        found.append((tongue.text(f"team.{each.figure}"), f"{each.text} {more}".strip()))
    return found


def at_stages(answer: TeamAnswer, tongue: Tongue) -> str:
    """Where the data tell people apart from the team's best at a stage; that they do not is said as well."""
    behind = [stage for stage in answer.stages if stage.behind]
    if not answer.stages:
        return ""
    if not behind:
        return tongue.text("team.stages_alike")
    return " ".join(_at_stage(stage, _names(answer), tongue, answer.currency) for stage in behind)


def _at_stage(stage: StageBehind, named: dict[str, str], tongue: Tongue, currency: str) -> str:
    return tongue.text(
        "team.stage_behind",
        stage=stage.stage,
        people=", ".join(named.get(each, each) for each in stage.behind),
        best=named.get(stage.best, stage.best),
        span=limits(tongue, stage.estimate.low, stage.estimate.high, "share", currency),
    )


def about(member: Member, tongue: Tongue) -> str:
    """How far a person has come to their plan, and how many report to them; an empty text where neither is known."""
    parts: Sequence[str] = ()
    if member.ramp_months is not None:
        months = figure(tongue, member.ramp_months, "months", "")
        parts = (tongue.text("team.ramped", months=months) if member.at_plan else tongue.text("team.ramping", months=months),)
    return ", ".join((*parts, tongue.count("team.reports", member.reports))) if member.reports else ", ".join(parts)


def _names(answer: TeamAnswer) -> dict[str, str]:
    return {member.person: member.name for member in answer.members}
