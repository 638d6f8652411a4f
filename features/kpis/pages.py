"""The reference of the KPIs: one page for each in docs/kpis/, in English and Russian, and an index with the codes.

Every page has a worked example on the ten deals of `features.kpis.example`: the value, and the same figure by hand. The examples
are run when the pages are written, and again as doctests.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final

from features.kpis import windows
from features.kpis.bases import WHOSE
from features.kpis.catalog import KPIS
from features.kpis.example import TABLES, forecasts, shown, snapshot
from features.kpis.scorecard import scorecard
from features.kpis.texts import BESIDE, DIRECTIONS, EXCLUSIONS, FLAGS, PERSPECTIVES, REASONS, UNITS
from features.kpis.value import Kpi, Text, Variant

NOTICE: Final = "<!-- Written by `python -m features.reference`; edit features/kpis/definitions.py or pages.py instead. -->"

WORKED: Final[Mapping[str, str]] = {
    "bookings": "3000 + 2000 + 1000 + 4000",
    "attainment": "(3000 + 2000 + 1000 + 4000) / 12500",
    "growth": "(4000 - 1000) / 1000",
    "win_rate": "5 / (5 + 3)",
    "win_rate_value": "10000 / (10000 + 6000 + 2500 + 1500)",
    "average_deal": "(3000 + 2000 + 1000 + 4000) / 4",
    "sales_cycle": "(10 + 20 + 30 + 40 + 50) / 5",
    "touches": "(2 + 1 + 2 + 0 + 0) / 5",
    "reach": "10000 + 12000 + 14000",
    "leads": 'len(["L2", "L3", "L4", "L5", "L6"])',
    "qualified_leads": 'len(["L2", "L3", "L4", "L6"])',
    "offers": 'len(["D1", "D2", "D3", "D4", "D5", "D7", "D9"])',
    "lead_conversion": 'len(["L2", "L3"]) / 5',
    "sales_velocity": "2 * (5 / 8) * 2500 / 30",
    "pipeline_coverage": "(5000 + 2000) / 14000",
    "forecast_accuracy": "1 - (abs(5000 - 4500) + abs(1000 - 2000) + abs(4000 - 4000)) / (5000 + 1000 + 4000)",
    "new_clients": 'len(["A1", "A2", "B4"])',
    "lost_clients": 'len(["B2"])',
    "active_clients": 'len(["A1", "A2", "A9", "B1", "B3", "B4"])',
    "retention": 'len(["A9", "B1", "B3"]) / len(["A9", "B1", "B2", "B3"])',
    "churn": 'len(["B2"]) / len(["A9", "B1", "B2", "B3"])',
    "grr": "(100 + 0 + 300) / (100 + 200 + 300)",
    "nrr": "(120 + 0 + 300) / (100 + 200 + 300)",
    "repeat_purchase": 'len(["A1", "A2"]) / len(["A1", "A2", "A9"])',
    "ltv": "(120 * 90 + 200 * 40 + 300 * 90 + 150 * 59) / 90 / 3 / (1 - (2 / 3) ** (30.4375 / 90))",
    "cac": '(1200 + 800) / len(["A1", "A2", "B4"])',
    "ltv_cac": "1579.5842 / 666.6667",
    "cac_payback": "666.6667 / 150",
    "return_on_sales": "1 - (600 + 1200 + 900 + 300 - 120) / (1000 + 2000 + 1500 + 500 - 200)",
    "nps": "100 * (2 - 1) / 4",
    "csat": "len([5, 4]) / len([5, 4, 2])",
    "ces": "(6 + 7 + 2) / 3",
    "lead_response": "sorted([24, 48, 72, 71 * 24, 48])[2]",
    "stage_conversion": "7 / 17 + 8 / 17 * (2 / 7 + 5 / 7 * 3 / 4)",
    "time_in_stage": "sorted([5, 10, 22, 31, 47, 10, 15, 30, 19, 21, 5, 10, 8, 9, 3, 5, 12])[8]",
    "ramp": "90 / 30.4375",
    "span_of_control": 'len(["ann"]) / len(["eva"])',
}
"""Each KPI by hand, in its default variant."""
BY_MODEL: Final[Mapping[str, Text]] = {
    "ltv": Text(
        "What the model says stands beside it, marked as predicted: the mean of the clients of now over the next 1,095 days, off "
        "their own curves, with an 80 % interval, less the cost of orders where it is known. It reaches less far than the "
        "lifetime above, and is null with a reason where there is no model of such clients.",
        "Рядом стоит оценка модели, помеченная как прогноз: среднее по нынешним клиентам за 1 095 дней вперёд по их кривым, с "
        "80-процентным интервалом и за вычетом себестоимости заказов, если она известна. Её горизонт короче срока жизни выше; "
        "если модели таких клиентов нет, она пустая и с причиной.",
    ),
}
"""What a model adds to a KPI."""
WINDOWS: Final = {"growth": "2026-03", "pipeline_coverage": "2026Q2"}
"""The windows of the examples, where it is not the first quarter of 2026."""


def files() -> dict[str, Callable[[], str]]:
    """File name below docs/ -> the function that gives its text."""
    pages = {f"kpis/{kpi.name}.md": partial(page, kpi) for kpi in KPIS.values()}
    return {"kpis/README.md": index, **pages}


def page(kpi: Kpi) -> str:
    """The page of one KPI."""
    rows = [
        ("formula · формула", kpi.formula.en, kpi.formula.ru),
        ("unit · единица", *_both(UNITS[kpi.unit])),
        ("direction · направление", *_both(DIRECTIONS[kpi.direction])),
        ("perspective · перспектива", *_both(PERSPECTIVES[kpi.perspective])),
        ("date basis · дата отнесения", *_both(kpi.basis)),
        ("counts for · относится к", *_both(kpi.whose)),
    ]
    needs = ", ".join(f"`{table}`" for table in kpi.tables) or "none of its own"
    slices = ", ".join(("company", *kpi.slices))
    variants = [
        (f"`{variant.name}`", variant.text.en, variant.text.ru, _codes(variant.tables), _own_slices(variant))
        for variant in kpi.variants
    ]
    return _document(
        f"# {kpi.title.en} · {kpi.title.ru}",
        NOTICE,
        kpi.meaning.en,
        kpi.meaning.ru,
        _table((f"`{kpi.name}`", "English", "Русский"), rows),
        f"Tables · таблицы: {needs}. Slices · разрезы: {slices}.",
        *(() if kpi.name not in BY_MODEL else _both(BY_MODEL[kpi.name])),
        "## Variants · варианты",
        "The first whose tables are there is the default. По умолчанию берётся первый, для которого есть таблицы.",
        _table(("variant", "meaning", "значение", "tables", "slices of its own"), variants),
        "## Example · пример",
        "The company of [the index](README.md) as of 1 April 2026. Компания из [указателя](README.md) на 1 апреля 2026 года.",
        example(kpi),
    )


def example(kpi: Kpi) -> str:
    """A session that computes the KPI and then the same figure by hand."""
    label, told = WINDOWS.get(kpi.name, "2026Q1"), kpi.name == "forecast_accuracy"
    more = ", forecasts=forecasts()" if told else ""
    known = snapshot()
    window = windows.parse(label, known.dataset.organisation.calendar)
    value = scorecard(known, [kpi.name], [window], forecasts=forecasts() if told else None).value(kpi.name)
    by_hand = WORKED[kpi.name]
    lines = [
        ">>> from features.kpis import windows",
        f">>> from features.kpis.example import {'forecasts, ' if told else ''}shown, snapshot",
        ">>> from features.kpis.scorecard import scorecard",
        ">>> known = snapshot()",
        f'>>> window = windows.parse("{label}", known.dataset.organisation.calendar)',
        f'>>> card = scorecard(known, ["{kpi.name}"], [window]{more})',
        f'>>> print(shown(card.value("{kpi.name}")))',
        shown(value),
        f">>> round({by_hand}, 4)  # by hand",
        repr(round(eval(by_hand), 4)),
    ]
    # A doctest reads the last output up to an empty line.
    return "\n".join(["```pycon", *lines, "", "```"])


def index() -> str:
    """The list of all KPIs, the tables of the example, and every code that an answer may carry."""
    rows = [
        (f"[`{kpi.name}`]({kpi.name}.md)", kpi.title.en, kpi.title.ru, kpi.unit, PERSPECTIVES[kpi.perspective].en)
        for kpi in KPIS.values()
    ]
    return _document(
        "# KPIs · показатели",
        NOTICE,
        "Every value carries its numerator, denominator, number of records, window, 95 % interval where it is a proportion or a "
        "mean, and what could not be counted. What cannot be given is null with a reason, never 0. A window is half-open, "
        "`[start, end)`, and ends at midnight of the organisation. Values are computed as of a moment "
        "([the clock rule](../clock.md)); no model takes part in them. Money is in the organisation's currency, by the rates of "
        "that moment.",
        "У каждого значения есть числитель, знаменатель, число записей, период, 95-процентный интервал для долей и средних и то, "
        "что не удалось учесть. Если значение дать нельзя, оно пустое и с причиной, а не 0.",
        "`dealcast kpis`, `GET /v1/kpis` and the page `/scorecard` give them; `--format csv` is safe to open in a spreadsheet.",
        "Их выдают `dealcast kpis`, `GET /v1/kpis` и страница `/scorecard`.",
        "What the models say of a period that is not over stands beside the values, on the page, with `--predict` and "
        "`predict=true`: bookings and attainment with an 80 % interval and P(plan), churn, retention and lost clients from the "
        "clients' curves, what the clients of now are worth over 1,095 days, GRR and NRR from the forecast of recurring revenue. "
        "The forecast accuracy is measured on the backtest "
        "that is kept (`dealcast backtest`).",
        "Что говорят модели о незавершённом периоде, показано рядом с фактом: на странице, с `--predict` и `predict=true`. Это "
        "продажи и выполнение плана с 80-процентным интервалом и вероятностью плана, отток, удержание, число уходящих клиентов, "
        "ценность нынешних клиентов за 1 095 дней, GRR и NRR. "
        "Точность прогноза измеряется по сохранённой проверке на прошлых периодах (`dealcast backtest`).",
        _table(("KPI", "English", "Русский", "unit", "perspective"), rows),
        "Figures measured elsewhere come from the [actuals](../tables.md) table, under the names that they have there.",
        "Показатели, измеренные вне CRM, берутся из таблицы `actuals` под своими именами.",
        "## For whom a record counts · к кому относится запись",
        "A team is its whole subtree, of today's hierarchy unless asked otherwise. What belongs to nobody has a node of its own.",
        "Команда — это всё поддерево, по сегодняшней иерархии, если не задано иное. Ничьи записи показаны отдельно.",
        _table(("English", "Русский"), (_both(text) for text in dict.fromkeys(WHOSE.values()))),
        "## Codes · коды",
        *(part for title, texts in _CODES.items() for part in (f"### {title}", _worded(texts))),
        "## The company of the examples · компания из примеров",
        *(part for name, rows in TABLES.items() for part in (f"### {name}", _drawn(rows))),
    )


_CODES: Final[Mapping[str, Mapping[str, Text]]] = {
    "Why a value is null · почему значения нет": REASONS,
    "What was left out · что не учтено": EXCLUSIONS,
    "What to know · что учесть при чтении": FLAGS,
    "Figures beside a value · показатели рядом": BESIDE,
    "Units · единицы": UNITS,
}


def _worded(texts: Mapping[str, Text]) -> str:
    return _table(("code", "English", "Русский"), ((f"`{code}`", *_both(text)) for code, text in texts.items()))


def _drawn(text: str) -> str:
    """A table of the example, as it stands there."""
    lines = [line.strip() for line in text.strip().splitlines()]
    return "\n".join(["```", *lines, "```"])


def _both(text: Text) -> tuple[str, str]:
    return text.en, text.ru


def _own_slices(variant: Variant) -> str:
    """The dimensions of a variant, where they are others than those of its KPI."""
    return "" if variant.slices is None else ", ".join(("company", *variant.slices))


def _codes(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _document(*parts: str) -> str:
    return "\n\n".join(parts) + "\n"
