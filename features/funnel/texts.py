"""The codes of the funnel, of people and of goals, beside those of the KPIs, in English and Russian."""

from collections.abc import Mapping
from typing import Final

from features.kpis import texts
from features.kpis.value import Text

REASONS: Final[Mapping[str, Text]] = {
    **texts.REASONS,
    "no_target": Text("the goal has no target", "у цели нет целевого значения"),
    "no_deadline": Text("the goal has no period", "у цели нет периода"),
    "not_measured": Text("this is not measured here", "этот показатель здесь не измеряется"),
}

EXCLUSIONS: Final[Mapping[str, Text]] = {
    **texts.EXCLUSIONS,
    "doubled": Text("leads of a deal that another lead came before", "лиды сделки, у которой уже есть более ранний лид"),
    "unlinked": Text("leads that became a deal which is not on record", "лиды, ставшие сделкой, которой нет в данных"),
}
