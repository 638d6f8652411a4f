from pathlib import Path

import pandas as pd
import pytest

from features.errors import UsageError
from serving.export import check_destination, defused, write

FRAME = pd.DataFrame({"name": ["=1+1", "Nord", None, "＝x"], "amount": [-5.0, 1.5, float("nan"), 2.0]})


def test_formulas_are_made_harmless_and_numbers_stay() -> None:
    safe = defused(FRAME)
    assert safe["name"].tolist()[:2] == ["'=1+1", "Nord"]
    assert safe["amount"].equals(FRAME["amount"])


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_every_beginning_of_a_formula_is_known(start: str) -> None:
    assert defused(pd.DataFrame({"x": [f"{start}cmd"]}))["x"].item() == f"'{start}cmd"


def test_a_csv_and_a_parquet_file_hold_the_frame(tmp_path: Path) -> None:
    write(FRAME, tmp_path / "scores.csv")
    write(FRAME, tmp_path / "scores.parquet")
    assert pd.read_csv(tmp_path / "scores.csv")["amount"].tolist()[:2] == [-5.0, 1.5]
    assert pd.read_parquet(tmp_path / "scores.parquet")["name"].tolist()[0] == "=1+1"


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "scores.parquet"
    path.write_text("old")
    with pytest.raises(Exception, match="mixed"):
        write(pd.DataFrame({"mixed": [1, "a"]}), path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["scores.xlsx", "scores", "nowhere/scores.csv"])
def test_a_destination_that_cannot_be_written_is_refused_beforehand(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        check_destination(tmp_path / name)
