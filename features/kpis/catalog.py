"""Every KPI that is computed from the CRM, read from the text of `definitions`; `measures` computes them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from features.kpis.bases import BASES, SLICES, WHOSE
from features.kpis.definitions import DEFINITIONS
from features.kpis.value import LESS, MORE, NEITHER, Kpi, Text, Variant

STANDARD: Final = Variant("standard", Text("as defined", "по определению"))
DIRECTIONS: Final = {"more": MORE, "less": LESS, "neither": NEITHER}


def _read(paragraph: str) -> Kpi:
    """One definition; its form stands in `definitions`."""
    first, *lines = map(str.strip, paragraph.splitlines())
    head, _, tables = first.partition("|")
    name, unit, direction, perspective, _, basis, _, slices, *adds = head.split()
    texts = " | ".join(line for line in lines if not line.startswith("*")).split(" | ")
    title, meaning, formula = (Text(*pair) for pair in zip(texts[::2], texts[1::2], strict=True))
    variants = tuple(_variant(line) for line in lines if line.startswith("*"))
    return Kpi(
        name,
        title,
        meaning,
        formula,
        unit,
        DIRECTIONS[direction],
        perspective,
        BASES[basis],
        WHOSE[slices],
        tuple(tables.split()),
        SLICES[slices],
        variants or (STANDARD,),
        additive="adds" in adds,
    )


def _variant(line: str) -> Variant:
    name, en, ru, *more = map(str.strip, line.removeprefix("*").split("|"))
    words = " ".join(more).split()
    told = dict(word.split("=") for word in words if "=" in word)
    slices = SLICES[told["of"]] if "of" in told else None
    return Variant(name, Text(en, ru), tuple(word for word in words if "=" not in word), told.get("unit", ""), slices)


KPIS: Final[Mapping[str, Kpi]] = MappingProxyType({kpi.name: kpi for kpi in map(_read, DEFINITIONS.strip().split("\n\n"))})
"""By name, in the order of the text."""


def outside(name: str) -> Kpi:
    """The definition of a KPI that is measured elsewhere and brought in by the `actuals` table."""
    meaning = Text("Measured outside of the CRM.", "Измеряется вне CRM.")
    formula = Text("taken from the actuals as given", "берётся из таблицы фактов как есть")
    basis, slices = Text("its own period", "собственный период измерения"), SLICES["deal"]
    title = Text(name, name)
    whose = Text("A measurement counts for what its row names.", "Измерение относится к тому, что указано в его строке.")
    return Kpi(name, title, meaning, formula, "given", NEITHER, "people", basis, whose, ("actuals",), slices, (STANDARD,))
