"""Every notebook runs from top to bottom, by itself and without a warning, and is committed without what it printed.

It runs in a kernel of its own, in an empty folder, on synthetic data; in the copy that is executed, warnings are errors.
"""

import ast
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import nbformat as untyped
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

nbformat: Any = untyped  # its functions carry no annotations
new_code_cell, new_notebook = nbformat.v4.new_code_cell, nbformat.v4.new_notebook

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))
PACKAGES = ("features", "training", "serving")
STRICT = "import warnings\nwarnings.simplefilter('error')"
SECONDS_A_CELL = 120

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@pytest.fixture(autouse=True)
def _folders_of_its_own(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel writes neither its history nor its connection file into the home of the person who runs the tests."""
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path_factory.mktemp(name.lower())))


def executed(notebook: Any, folder: Path) -> Any:
    """A copy of the notebook, run strictly in a folder. Raises CellExecutionError at the first cell that fails."""
    copy = deepcopy(notebook)
    copy.cells.insert(0, new_code_cell(STRICT))
    resources = {"metadata": {"path": str(folder)}}
    return NotebookClient(copy, timeout=SECONDS_A_CELL, kernel_name="python3", resources=resources).execute()


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def code(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def imported(notebook: Any) -> Iterator[tuple[str, str]]:
    """(module, name) of everything that a notebook imports."""
    for node in (node for cell in code(notebook) for node in ast.walk(ast.parse(cell.source))):
        if isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


@every_notebook
def test_it_runs_without_a_warning(path: Path, tmp_path: Path) -> None:
    outputs = [output for cell in executed(read(path), tmp_path).cells for output in cell.get("outputs", [])]
    assert [output["text"] for output in outputs if output.get("name") == "stderr"] == []
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("source", ["import warnings\nwarnings.warn('careful')", "raise ValueError"])
def test_a_warning_or_an_error_would_be_noticed(source: str, tmp_path: Path) -> None:
    with pytest.raises(CellExecutionError):
        executed(new_notebook(cells=[new_code_cell(source)]), tmp_path)


@every_notebook
def test_it_is_committed_without_output(path: Path) -> None:
    notebook = read(path)
    nbformat.validate(notebook)
    assert [cell.id for cell in code(notebook) if cell.outputs or cell.execution_count is not None] == []
    assert [cell.id for cell in notebook.cells if cell.metadata] == []
    assert notebook.metadata.kernelspec.name == "python3"


@every_notebook
def test_it_imports_public_names_and_defines_nothing(path: Path) -> None:
    notebook = read(path)
    ours = [part for module, name in imported(notebook) if module.split(".")[0] in PACKAGES for part in (module, name)]
    assert ours
    assert [part for part in ours if part.startswith("_") or "._" in part] == []
    nodes = [node for cell in code(notebook) for node in ast.walk(ast.parse(cell.source))]
    assert [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)] == []


@every_notebook
def test_its_links_lead_somewhere(path: Path) -> None:
    text = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
    targets = [part.split(")")[0] for part in text.split("](")[1:]]
    assert [target for target in targets if not (path.parent / target).exists()] == []
