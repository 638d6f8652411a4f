"""Documentation that is generated is up to date, what it says is complete, and what it shows by example is so."""

import doctest
import inspect
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from features import catalog, clients, deals, reference
from features.catalog import CLIENT_SIGNALS, DEAL_SIGNALS, GROUPS, SIGNALS, Group, Signal
from features.clients import client_signals
from features.deal_signals.asked import Asked
from features.deals import Columns, deal_signals
from features.rates import rates
from features.reference import FILES, KINDS, MOMENTS, ROWS, UNITS, Text
from features.snapshot import Snapshot
from features.synthetic import Settings, generate
from features.tables import TABLES, Kind, Table

DOCS = Path(__file__).resolve().parents[2] / "docs"
DECISIONS = DOCS / "decisions"


@cache
def snapshot() -> Snapshot:
    """A small company at the end of its history, with every table there is."""
    dataset = generate(Settings(n_deals=120, seed=3, months=12)).dataset()
    return Snapshot(dataset, dataset.ends_at)


def computed(module: ModuleType, *arguments: Any) -> list[str]:
    """The columns of every group of signals in a module: of the functions that return Columns, whether or not they are used."""
    groups = [value for value in vars(module).values() if inspect.isfunction(value)]
    groups = [group for group in groups if group.__annotations__.get("return") == Columns]
    return [name for group in groups for name in group(*arguments[: len(inspect.signature(group).parameters)])]


def is_russian(text: str) -> bool:
    """Whether a text is in Cyrillic; Latin stands in it only as code or as an abbreviation."""
    return bool(re.search("[а-яё]", text.lower())) and not re.search("[a-z]", re.sub("`.*?`", "", text))


@pytest.mark.parametrize("name", FILES)
def test_the_file_is_up_to_date(name: str) -> None:
    written = (DOCS / name).read_text(encoding="utf-8")
    assert written == FILES[name](), f"docs/{name} has fallen behind the code: run python -m features.reference"


@pytest.mark.parametrize("signal", SIGNALS.values(), ids=lambda signal: signal.name)
def test_a_signal_is_described_in_full(signal: Signal) -> None:
    assert signal.group in GROUPS
    assert signal.unit in UNITS
    assert signal.tables
    assert set(signal.tables) <= set(TABLES)
    assert signal.en.strip()
    assert is_russian(signal.ru)


@pytest.mark.parametrize("text", [*GROUPS.values(), *UNITS.values(), *KINDS.values(), *MOMENTS.values(), *ROWS.values()])
def test_a_meaning_stands_in_both_languages(text: Group | Text) -> None:
    assert text.en.strip()
    assert not is_russian(text.en)
    assert is_russian(text.ru)


def test_deal_signals_and_the_catalog_agree() -> None:
    asked = Asked(snapshot(), snapshot().open_deals)
    assert sorted(set(computed(deals, asked, rates(snapshot())))) == sorted(signal.name for signal in DEAL_SIGNALS)
    assert set(deal_signals(snapshot())) == {signal.name for signal in DEAL_SIGNALS}


def test_client_signals_and_the_catalog_agree() -> None:
    rows = clients.cohort(snapshot(), clients.ORDERS)
    assert sorted(set(computed(clients, snapshot(), rows))) == sorted(signal.name for signal in CLIENT_SIGNALS)
    assert list(client_signals(snapshot(), rows)) == [signal.name for signal in CLIENT_SIGNALS]


@pytest.mark.parametrize("absent", ["deal_changes", "activities", "accounts", "contracts", "tickets", "surveys"])
def test_a_signal_is_absent_without_its_tables(absent: str) -> None:
    tables = {name: frame for name, frame in snapshot().dataset.tables.items() if name != absent}
    fewer = Snapshot(snapshot().dataset.with_tables(tables), snapshot().as_of)
    assert set(deal_signals(fewer)) == {signal.name for signal in catalog.live(DEAL_SIGNALS, tables)}
    rows = clients.cohort(fewer, clients.ORDERS)
    assert list(client_signals(fewer, rows)) == [signal.name for signal in catalog.live(CLIENT_SIGNALS, tables)]


def test_a_signal_is_text_where_the_catalog_says_so() -> None:
    matrix = deal_signals(snapshot())
    textual = [name for name in matrix if matrix[name].dtype != "float64"]
    assert textual == [signal.name for signal in DEAL_SIGNALS if signal.is_category]


def test_every_table_and_kind_is_explained() -> None:
    assert list(ROWS) == list(TABLES)
    assert list(KINDS) == list(Kind)


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_what_reveals_a_column_is_a_column_or_is_explained(table: Table) -> None:
    assert {column.revealed_by for column in table.columns} <= {*table.names, *MOMENTS}
    assert not set(table.names) & set(MOMENTS)


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_every_column_stands_in_its_table(table: Table) -> None:
    section = reference.tables_markdown().split(f"\n## {table.name}\n")[1].split("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE) == table.names


def test_both_files_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docs").mkdir()
    monkeypatch.chdir(tmp_path)
    assert reference.main() == 0
    written = [path for path in (tmp_path / "docs").rglob("*") if path.is_file()]
    assert {path.relative_to(tmp_path / "docs").as_posix(): path.read_bytes() for path in written} == {
        name: text().encode() for name, text in FILES.items()
    }


def test_nothing_is_written_outside_the_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert reference.main() == 2
    assert "run this in the root of the repository" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_worked_example_of_the_clock_rule_is_so() -> None:
    result = doctest.testfile(str(DOCS / "clock.md"), module_relative=False, encoding="utf-8")
    assert result.attempted
    assert not result.failed


def test_every_decision_is_listed() -> None:
    index = DECISIONS / "0000-record-of-decisions.md"
    listed = re.findall(r"\]\(([\w-]+\.md)\)", index.read_text(encoding="utf-8"))
    there = sorted(path.name for path in DECISIONS.glob("*.md") if path != index)
    assert listed == there, f"list every record, in order, in {index.relative_to(DOCS.parent)}"


def test_the_server_does_without_mlflow() -> None:
    """Decision 7."""
    asked = "import sys, serving.process.server; print([name for name in sys.modules if name.split('.')[0] == 'mlflow'])"
    answer = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
