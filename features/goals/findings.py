"""Findings: every kind of thing that can be wrong with goals, how grave it is, and what is said of it in both languages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from features.kpis.value import Text

ERROR: Final = "error"
WARNING: Final = "warning"
_RUSSIAN: Final = str.maketrans({",": "\N{NO-BREAK SPACE}", ".": ","})

KINDS: Final[Mapping[str, tuple[str, Text]]] = {
    "not_measurable": (
        ERROR,
        Text(
            "There is no KPI '{kpi}', and nobody measures it: name one that is known, or add it to the actuals",
            "Показателя «{kpi}» нет, и никто его не измеряет: назовите известный или добавьте его в actuals",
        ),
    ),
    "no_target": (
        ERROR,
        Text("It has no target: say how much is to be reached", "Не указано целевое значение: напишите, сколько нужно достичь"),
    ),
    "no_rate": (
        ERROR,
        Text(
            "The target is in {currency}, which no rate of today converts: add one, or write it in your own currency",
            "Целевое значение указано в {currency}, а курса на сегодня нет: добавьте курс или укажите сумму в своей валюте",
        ),
    ),
    "no_deadline": (
        ERROR,
        Text(
            "It has no deadline: say by when it is to be reached", "Нет срока: напишите, к какому дню цель должна быть достигнута"
        ),
    ),
    "no_start": (
        ERROR,
        Text(
            "It says by when, but not from when on it is counted",
            "Указано, до какого дня, но не указано, с какого дня ведётся счёт",
        ),
    ),
    "impossible_share": (
        ERROR,
        Text(
            "The target is {target}, but {kpi} is a share and cannot be above 1: write 0.25 for 25 %",
            "Целевое значение {target}, но «{kpi}» — доля и не бывает больше 1: для 25 % напишите 0.25",
        ),
    ),
    "unknown_scope": (
        ERROR,
        Text(
            "There is no {scope} '{scope_id}' today: take the goal out, or give it to somebody who is there",
            "Сейчас нет {scope} «{scope_id}»: уберите цель или передайте её тому, кто есть",
        ),
    ),
    "two_targets": (
        ERROR,
        Text(
            "The same goal has several targets: {targets}. Keep one",
            "У одной и той же цели несколько целевых значений: {targets}. Оставьте одно",
        ),
    ),
    "sum_of_members": (
        WARNING,
        Text(
            "The plan is {target}, those of its parts add up to {total} ({gap}). Correct one, or confirm the difference",
            "План {target}, а планы его частей в сумме дают {total} ({gap}). Исправьте одно из них или подтвердите разницу",
        ),
    ),
    "members_without_plan": (
        WARNING,
        Text("Members without a plan for this period: {missing}", "Участники без плана на этот период: {missing}"),
    ),
    "already_met": (
        WARNING,
        Text(
            "The target of {target} is met already: it is {value}, {days_left} days to go. Set a higher one, or close the goal",
            "Цель {target} уже достигнута: сейчас {value}, до срока {days_left} дн. Поставьте выше или закройте цель",
        ),
    ),
    "beyond_best": (
        WARNING,
        Text(
            "The target of {target} is better than each of the last {n} comparable periods; the best was {best}, in {period}. "
            "Say what will be different, or set it nearer",
            "Цель {target} лучше каждого из {n} последних сопоставимых периодов; лучший — {best} ({period}). "
            "Напишите, что изменится, или поставьте цель ближе",
        ),
    ),
    "over": (
        WARNING,
        Text(
            "The deadline passed on {end}: close the goal, or set a new one",
            "Срок прошёл {end}: закройте цель или поставьте новую",
        ),
    ),
    "no_owner": (
        WARNING,
        Text("Nobody answers for it: name an owner", "За цель никто не отвечает: назначьте ответственного"),
    ),
    "unknown_owner": (
        WARNING,
        Text("The owner '{owner}' is not among the people of today", "Ответственного «{owner}» нет среди сотрудников"),
    ),
    "too_long": (
        WARNING,
        Text(
            "The period is {years} years long; goals are set for up to five",
            "Период длится {years} года (лет); цели ставят на срок до пяти лет",
        ),
    ),
    "other_horizon": (
        WARNING,
        Text(
            "It is called {stated}, but its period is {years} years long, which is {horizon}",
            "Указан горизонт «{stated}», но период длится {years} года (лет), а это «{horizon}»",
        ),
    ),
}
"""Every kind of finding: how grave it is, and what it says."""


@dataclass(frozen=True)
class Finding:
    """What is wrong with some goals (positions in the order given), in words of both languages."""

    kind: str
    goals: tuple[int, ...]
    text: Text
    severity: str


def finding(kind: str, goals: Sequence[int], **values: object) -> Finding:
    """A finding of a kind, its text filled in; numbers are written as each language does."""
    severity, text = KINDS[kind]
    en, ru = ({name: _written(value, russian=russian) for name, value in values.items()} for russian in (False, True))
    return Finding(kind, tuple(goals), Text(text.en.format(**en), text.ru.format(**ru)), severity)


def _written(value: object, *, russian: bool) -> object:
    if isinstance(value, tuple):
        return "; ".join(str(_written(each, russian=russian)) for each in value)
    if not isinstance(value, float):
        return value
    return number(value).translate(_RUSSIAN) if russian else number(value)


def number(value: float) -> str:
    """A figure as people write it: 500,000 or 0.25."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:g}"
