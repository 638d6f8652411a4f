"""`dealcast audit`: what it prints, its exit codes, and no traceback."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from features import sources
from features.audit import audit
from features.dataset import Dataset
from features.store import Store
from serving.cli.audit_report import show
from serving.cli.demo import source_of
from serving.cli.main import app

DEALS = """deal_id,created_at,stage,amount,closed_at,outcome
D1,2026-01-05T10:00:00Z,Proposal,5000,,
D2,2026-01-06T10:00:00Z,[bold]Won,700,2026-02-01T09:00:00Z,won
"""
CHANGES = """deal_id,changed_at,field,old_value,new_value
D2,2026-02-01T09:00:00Z,stage,Proposal,[bold]Won
"""


def dealcast(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(app, ["audit", *arguments], env=environment)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "deals.csv").write_text(DEALS, encoding="utf-8")
    (folder / "deal_changes.csv").write_text(CHANGES, encoding="utf-8")
    return folder


@pytest.fixture
def leaking(tmp_path: Path) -> Path:
    """A mapping that declares the final stage known from the first day."""
    path = tmp_path / "leaking.toml"
    path.write_text('extends = "dealcast"\n[tables.deals]\nstatic = ["stage"]\n', encoding="utf-8")
    return path


def test_a_source_without_leaks_is_done(export: Path) -> None:
    result = dealcast(str(export))
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("nothing to refuse")
    assert "clock rule: holds" in result.stdout


def test_a_leak_is_named_and_has_the_exit_code_of_invalid_data(export: Path, leaking: Path) -> None:
    result = dealcast(str(export), "--mapping", str(leaking))
    assert result.exit_code == 3
    assert "REFUSE deals.stage: declared static, yet the history has it change on 1 deals" in result.stdout
    assert "'Proposal' → '[bold]Won'" in result.stdout
    assert "Traceback" not in result.output


def test_nobodys_word_outweighs_a_history(export: Path, leaking: Path) -> None:
    leaking.write_text(leaking.read_text(encoding="utf-8") + 'vouched = ["stage"]\n', encoding="utf-8")
    assert dealcast(str(export), "--mapping", str(leaking)).exit_code == 3


def test_vouching_for_a_column_that_is_not_there_is_refused(export: Path, leaking: Path) -> None:
    leaking.write_text('extends = "dealcast"\n[tables.deals]\nvouched = ["stge"]\n', encoding="utf-8")
    result = dealcast(str(export), "--mapping", str(leaking))
    assert "unknown column 'stge' in [tables.deals.vouched]" in result.output


def test_the_report_as_json(export: Path, leaking: Path) -> None:
    result = dealcast(str(export), "--mapping", str(leaking), "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 3
    assert (told["refused"], [each["rule"] for each in told["findings"]]) == (True, ["changes_though_static"])


def test_a_date_bounds_what_is_looked_at(export: Path, leaking: Path) -> None:
    told = json.loads(dealcast(str(export), "--mapping", str(leaking), "--as-of", "2026-01-06", "--json").stdout)
    assert told["as_of"] == "2026-01-06T00:00:00+00:00"
    assert told["deals"] == {"won": 0, "lost": 0, "open": 1}


def test_the_store_is_audited_where_no_source_is_named(company: Dataset, tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/store.db")
    store.replace(source_of(company))
    store.close()
    result = dealcast(DEALCAST_HOME=str(tmp_path))
    assert result.exit_code == 0, result.output
    assert "nothing to refuse" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 4, "dealcast ingest"),
        (["nowhere"], 3, "nowhere"),
        (["--mapping", "salesforce"], 2, "SOURCE"),
        ([".", "--mapping", "nothing.toml"], 3, "nothing.toml"),
    ],
)
def test_what_cannot_work_says_why(tmp_path: Path, arguments: list[str], code: int, said: str) -> None:
    result = dealcast(*arguments, DEALCAST_HOME=str(tmp_path / "home"))
    assert result.exit_code == code
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_a_date_that_is_none_is_a_wrong_call(export: Path) -> None:
    result = dealcast(str(export), "--as-of", "yesterday")
    assert (result.exit_code, "yesterday" in result.stderr) == (2, True)


def test_a_terminal_gets_a_table_in_which_data_is_no_markup(export: Path, leaking: Path) -> None:
    report = audit(sources.read(str(export), str(leaking)))
    terminal = io.StringIO()
    show(report, Console(file=terminal, force_terminal=True, width=160, color_system=None))
    assert "[bold]Won" in terminal.getvalue()
    assert "┃" in terminal.getvalue()
    assert "deals.stage" in terminal.getvalue()


def test_it_explains_itself() -> None:
    shown = dealcast("--help", TERM="dumb", COLUMNS="200")
    assert shown.exit_code == 0
    assert all(option in shown.stdout for option in ("--mapping", "--as-of", "--json"))
