from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd

from tests.training.trials import examined
from training.evaluate import RegimeReport, Report
from training.figures import reliability_and_gains
from training.promote import Verdict, judge
from training.report import headline, html, numbers, tables, write

AS_OF = pd.Timestamp("2026-10-01", tz="UTC")
FACTS = {"data fingerprint": "0123abcd", "code version": "0.1.0+feed", "seed": "7", "deals signals": "stage,age_days<b>"}
UNJUDGED = RegimeReport("orders", unjudged="nothing had ended")


@cache
def made() -> tuple[Report, Verdict]:
    report = Report("deals", AS_OF, (examined(), UNJUDGED), FACTS)
    return report, judge(report.regimes, {"deals": True, "orders": False}, {"deals": 9, "orders": 9})


@cache
def page() -> str:
    return html(*made())


class Elements(HTMLParser):
    """Every tag of a page, and every attribute with its value."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


def test_the_page_says_who_may_answer_and_why() -> None:
    verdict = made()[1]
    assert all(reason.replace("+", "&#43;") in page() or reason in page() for reason in verdict.of("deals").reasons)
    assert "may answer" in page()
    assert "Not judged: nothing had ended." in page()


def test_the_page_shows_every_question_metric_baseline_slice_and_fact() -> None:
    shown = ["log loss", "– reliability", "– resolution", "calibration error", "AUC", "lift, best 10 %", "C-index", "life table"]
    shown += ["base rate", "the CRM&#39;s own probability", "Slices", "too small", "lowest month", "0123abcd", "0.1.0+feed"]
    shown += [each.label.capitalize() for each in examined().answered]
    assert [text for text in shown if text not in page()] == []
    assert "among those whose outcome is known" in page()


def test_the_page_needs_nothing_else_and_runs_nothing() -> None:
    elements = Elements(page())
    assert {"script", "link", "img", "iframe"} & set(elements.tags) == set()
    elsewhere = [
        value for name, value in elements.attributes if name in {"src", "href", "xlink:href"} and not str(value).startswith("#")
    ]
    assert elsewhere == []


def test_what_comes_from_the_data_is_escaped() -> None:
    assert "age_days<b>" not in page()
    assert "age_days&lt;b&gt;" in page()


def test_no_id_stands_twice() -> None:
    ids = [value for name, value in Elements(page()).attributes if name == "id"]
    assert len(ids) == len(set(ids))


def test_equal_numbers_give_equal_bytes() -> None:
    assert reliability_and_gains(examined().main_answer) == reliability_and_gains(examined().main_answer)
    assert html(*made()) == page()


def test_the_page_and_each_figure_are_written(tmp_path: Path) -> None:
    assert write(*made(), tmp_path / "new" / "folder").read_text(encoding="utf-8") == page()
    figures = sorted(path.stem for path in (tmp_path / "new" / "folder" / "figures").iterdir())
    assert {"deals_gaps", "deals_months", "deals_won_30d", "deals_won_at_all"} <= set(figures)


def test_tables_and_numbers_hold_what_the_page_shows() -> None:
    report, found = made()[0], tables(made()[0])
    assert set(found) == {"metrics", "baselines", "reliability", "gains", "months", "slices", "calibration"}
    flat = numbers(report)
    main = examined().main_answer
    assert flat["deals_won_30d_auc"] == main.estimates["auc"].value
    assert flat["deals_won_30d_auc_low"] < flat["deals_won_30d_auc"] < flat["deals_won_30d_auc_high"]
    assert "deals_won_30d_gap_to_base_rate" in flat
    assert "deals_c_index" in flat
    assert all(np.isfinite(value) for value in flat.values())


def test_the_headline_names_the_rival_and_the_interval() -> None:
    assert "won within 30 days: log loss" in headline(examined())
    assert "base rate" in headline(examined())
    assert headline(UNJUDGED) == "orders: not judged, nothing had ended"
