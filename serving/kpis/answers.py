"""KPIs as answers: a question put to a Dataset, the engine's values as what the API, the command line and the page show.

The three show one answer, so they cannot differ. A question that reaches beyond the data, or asks for more than can be read, is
a UsageError that says what to do.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

import pandas as pd

from features import clock
from features.balance import UNPREDICTED, Prediction
from features.dataset import Dataset
from features.errors import UsageError
from features.funnel import texts
from features.kpis import windows
from features.kpis.card import Scorecard
from features.kpis.options import TODAY
from features.kpis.scorecard import all_kpis, scorecard
from features.kpis.slices import PEOPLE, slicing
from features.kpis.texts import BESIDE, FLAGS
from features.kpis.value import Kpi, Node, Text, Value, Window
from features.snapshot import Snapshot
from serving.access.sight import Sight
from serving.kpis.queries import Asked, KpisQuery, Periodic
from serving.kpis.schemas import Beside, Counted, KpiDefinition, KpisAnswer, KpiValue, Limits, Named, Predicted, Said, Span
from serving.settings import Language

MOST_VALUES: Final = 50_000
PREDICTED: Final = {"attainment": "prorated", "churn": "all", "retention": "all", "lost_clients": "all"}
"""The variant that is predicted, where there are several."""
HIDDEN: Final = "\x00"
"""The id of nobody."""
COMPANY_WIDE: Final = "company"
Keep: TypeAlias = Callable[[Node], bool]
LONGEST_DAYS: Final = 100 * 366


@dataclass(frozen=True)
class Question:
    """A Dataset seen at the moment asked about, and the language of the answer."""

    snapshot: Snapshot
    language: Language

    @classmethod
    def of(cls, dataset: Dataset, asked: Asked) -> "Question":
        """Raises UsageError for a moment that has not come."""
        now = clock.now(dataset.ends_at)
        as_of = clock.parse_as_of(asked.as_of, dataset.organisation.timezone) if asked.as_of else now
        latest = max(clock.micros(now), clock.micros(pd.Timestamp.now(tz="UTC")))
        if not clock.is_known(clock.micros(as_of), latest + 1):
            raise UsageError(f"as_of {as_of.isoformat()} lies in the future; ask for now or for an earlier moment")
        return cls(Snapshot(dataset, as_of), asked.language)

    def said(self, text: Text) -> str:
        """A text in the language of the answer."""
        return text.ru if self.language == "ru" else text.en

    def worded(self, known: Mapping[str, Text], code: str) -> str:
        """The text of a code; the code itself where it has none."""
        return self.said(known[code]) if code in known else code

    def window(self, asked: Periodic) -> Window:
        """The period asked about, else the running quarter: at its very first instant still the one before."""
        calendar = self.snapshot.dataset.organisation.calendar
        if asked.period is None:
            return windows.quarter(clock.instant(self.snapshot.at - 1), calendar)
        return windows.parse(asked.period, calendar)

    def windows(self, asked: Periodic, n: int) -> tuple[Window, ...]:
        """So many periods up to the one asked about. Raises UsageError where they reach over more than a century."""
        last = self.window(asked)
        if n * float(clock.days_between(clock.micros(last.start), clock.micros(last.end))) > LONGEST_DAYS:
            raise UsageError("these periods are longer than a hundred years; ask for shorter or fewer ones")
        return windows.series(last, n, self.snapshot.dataset.organisation.calendar)

    @property
    def stamp(self) -> dict[str, object]:
        dataset = self.snapshot.dataset
        return {"as_of": self.snapshot.as_of, "data_ends_at": dataset.ends_at, "currency": dataset.organisation.currency}

    def counted(self, excluded: Mapping[str, int]) -> list[Counted]:
        """What could not be counted, in words."""
        return [Counted(code=code, n=n, text=self.worded(texts.EXCLUSIONS, code)) for code, n in excluded.items()]


class Foresight(Protocol):
    """What the models add to an answer about KPIs; see `serving.kpis.predictions`."""

    def predictions(self, snapshot: Snapshot, window: Window, by: str) -> Mapping[str | None, Mapping[str, Prediction]]:
        """Node -> KPI, or `KPI:variant` -> what is predicted; nothing for a period that is over."""

    def past_forecasts(self, dataset: Dataset, window: Window, as_of: pd.Timestamp) -> pd.DataFrame | None:
        """Forecasts that were made before, to be judged by what came; None where there are none."""


class NoForesight:
    """Where there is no model to ask."""

    def predictions(self, *_: object) -> Mapping[str | None, Mapping[str, Prediction]]:
        return {}

    def past_forecasts(self, *_: object) -> None:
        return None


BLIND: Final[Foresight] = NoForesight()


def kpis(dataset: Dataset, asked: KpisQuery, foresight: Foresight = BLIND, sight: Sight | None = None) -> KpisAnswer:
    """The KPIs that were asked for, of what a person may see. Raises UsageError."""
    question = Question.of(dataset, asked)
    # Forecasts are of whole nodes: beside the figures of one product they would be those of all of them.
    seer = foresight if asked.predict and not asked.where else BLIND
    cards = [(asked_card(question, asked, foresight), _every)] if sight is None else narrowed_cards(question, asked, sight)
    whole = cards[0][0]
    return KpisAnswer.model_validate(
        {
            **question.stamp,
            "options": vars(whole.options),
            "kpis": [definition(question, answer.kpi, answer.variant) for answer in whole.answers.values()],
            "values": [each for card, keep in cards for each in values(question, card, seer, keep)],
        }
    )


def narrowed_cards(question: Question, asked: KpisQuery, sight: Sight) -> list[tuple[Scorecard, Keep]]:
    """What one person sees, and of which nodes: their own in the company's place, then those of the dimension that are theirs.

    Figures by people are those that everybody sees of these nodes. By product, region and the like only what belongs to the
    person's node counts.
    """
    top, own = sight.top, _guarded(asked.where, sight)
    first = asked_card(question, asked.model_copy(update={"by": top.dimension, "where": own}))
    found: list[tuple[Scorecard, Keep]] = [(first, lambda node: _same(node, top))]
    if asked.by == COMPANY_WIDE:
        return found
    inside = own if asked.by in ("owner", "team", "manager") else [f"{top.dimension}={top.id}", *own]
    card = asked_card(question, asked.model_copy(update={"where": inside}))
    return [*found, (card, lambda node: sight.shows(node) and not _same(node, top))]


def _every(_: Node) -> bool:
    return True


def _same(node: Node, other: Node) -> bool:
    return (node.dimension, node.id) == (other.dimension, other.id)


def _guarded(where: Sequence[str], sight: Sight) -> list[str]:
    """The conditions asked for; of people whom one does not see nothing belongs to anybody."""
    pairs = [each.partition("=") for each in where]
    return [
        f"{name}={HIDDEN}" if name in ("owner", "manager") and node not in sight.people else f"{name}{sign}{node}"
        for name, sign, node in pairs
    ]


def asked_card(question: Question, asked: KpisQuery, foresight: Foresight = BLIND) -> Scorecard:
    """The engine's scorecard for a question. Raises UsageError where it would be too large."""
    snapshot = question.snapshot
    names = asked.kpi or all_kpis(snapshot)
    every = question.windows(asked, asked.periods)
    told = foresight.past_forecasts(snapshot.dataset, every[-1], snapshot.as_of)
    card = scorecard(snapshot, names, every, asked.by, asked.compare, asked.options, told, _where(snapshot, asked))
    size = len(card.answers) * len(every) * len(card.nodes)
    if size > MOST_VALUES:
        raise UsageError(f"that would be {size:,} values, and {MOST_VALUES:,} is the most; choose fewer KPIs or periods")
    return card


def _where(snapshot: Snapshot, asked: KpisQuery) -> dict[str, str | None]:
    """Dimension -> id. Raises UsageError for what there is not: nothing belongs to it, and 0 would look like an answer."""
    pairs = [each.partition("=") for each in asked.where]
    if not all(name and sign for name, sign, _ in pairs):
        raise UsageError("'where' needs a dimension and an id, such as product=Pro")
    for name, _, node in pairs:
        if node not in ("", HIDDEN):
            refuse_unknown(snapshot, name, node, asked.options.teams)
    return {name: node or None for name, _, node in pairs}


def refuse_unknown(snapshot: Snapshot, dimension: str, node: str, teams: str = TODAY) -> None:
    """Raises UsageError for a node that a dimension does not have, and for no dimension."""
    if all(each.id != node for each in slicing(snapshot, dimension, teams).nodes):
        raise UsageError(f"there is no {dimension} '{node}' in the data; KPIs by {dimension} show those that there are")


def definition(question: Question, kpi: Kpi, variant: str) -> KpiDefinition:
    """What was computed, in words."""
    said = question.said
    return KpiDefinition(
        kpi=kpi.name,
        variant=variant,
        title=said(kpi.title),
        meaning=said(kpi.meaning),
        formula=said(kpi.formula),
        variant_text=said(kpi.variant(variant).text),
        unit=kpi.unit_of(variant),
        direction=kpi.direction,
        perspective=kpi.perspective,
        whose=said(kpi.whose),
    )


def values(question: Question, card: Scorecard, foresight: Foresight = BLIND, keep: Keep = _every) -> Iterator[KpiValue]:
    """Every value of the nodes to keep; of what belongs to nobody only where something does."""
    nobody = {node for node in card.nodes if node.id is None}
    kept = {node for node in card.nodes if keep(node)}
    by = card.nodes[-1].dimension
    foretold = {window: foresight.predictions(question.snapshot, window, by) for window in card.windows[: card.n_asked]}
    for found in card.values():
        if found.node not in kept or (found.node in nobody and not found.n and not found.numerator):
            continue
        own = foretold[found.window].get(found.node.id, {})
        usual = own.get(found.kpi) if PREDICTED.get(found.kpi, found.variant) == found.variant else None
        prediction = own.get(f"{found.kpi}:{found.variant}", usual)
        yield value(question, card.answers[found.kpi, found.variant].kpi, found, prediction)


def value(question: Question, kpi: Kpi, found: Value, prediction: Prediction | None = None) -> KpiValue:
    """One value in words."""
    said = question.said
    return KpiValue(
        kpi=found.kpi,
        variant=found.variant,
        window=span(found.window),
        node=named(question, found.node),
        value=found.value,
        unit=kpi.unit_of(found.variant),
        reason=found.reason,
        reason_text=None if found.reason is None else question.worded(texts.REASONS, found.reason),
        numerator=found.numerator,
        denominator=found.denominator,
        n=found.n,
        interval=limits(found.interval),
        basis=said(kpi.basis),
        immature=found.immature,
        censored=found.censored,
        exclusions=question.counted(found.excluded),
        flags=[Said(code=code, text=question.worded(FLAGS, code)) for code in found.flags],
        beside=[Beside(name=name, value=each, text=question.worded(BESIDE, name)) for name, each in found.beside.items()],
        against=dict(found.against),
        prediction=None if prediction is None else predicted(question, prediction),
    )


def predicted(question: Question, found: Prediction) -> Predicted:
    """A prediction in words."""
    return Predicted(**vars(found), reason_text=found.reason and question.worded(UNPREDICTED, found.reason))


def span(window: Window) -> Span:
    return Span(label=window.label, start=window.start, end=window.end)


def limits(interval: tuple[float, float] | None) -> Limits | None:
    return None if interval is None else Limits(low=interval[0], high=interval[1])


COMPANY: Final = Text("Company", "Компания")
NOBODY: Final = Text("Nobody", "Никто")
UNNAMED: Final = Text("Not stated", "Не указано")


def named(question: Question, node: Node) -> Named:
    """A node with a title for people."""
    title = node.title or node.id or ""
    if node.id is None:
        title = question.said(NOBODY if node.dimension in PEOPLE else UNNAMED)
    elif node.id == "" and node.dimension == "company":
        title = question.said(COMPANY)
    return Named(dimension=node.dimension, id=node.id, title=title)
