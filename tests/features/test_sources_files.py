"""Files and databases as they come: text stays text, and what is half is refused with its place."""

import gzip
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from features.errors import DataError, DealcastError, MappingError, SourceError
from features.sources.files import open_files
from features.sources.sql import open_database


def read(path: Path, data: bytes, **options: str) -> dict[str, list[object]]:
    path.write_bytes(data)
    files = open_files(str(path), **options)
    frame = files.read(files.names()[0])
    return {str(name): frame[name].astype(object).where(frame[name].notna(), None).tolist() for name in frame}


def refusal(path: Path, data: bytes, **options: str) -> DealcastError:
    with pytest.raises(DealcastError) as error:
        read(path, data, **options)
    return error.value


def test_csv_is_text_and_only_an_empty_cell_is_empty(tmp_path: Path) -> None:
    data = b'\xef\xbb\xbfid,country,n,note\r\n007,NA,1e5,"a ""b"", c\r\nd"\r\n"",null,,None\r\n'
    assert read(tmp_path / "x.csv", data) == {
        "id": ["007", None],
        "country": ["NA", "null"],
        "n": ["1e5", None],
        "note": ['a "b", c\r\nd', "None"],
    }


@pytest.mark.parametrize(
    ("name", "data", "options"),
    [
        ("x.csv.gz", gzip.compress(b"a,b\n1,2\n", mtime=0), {}),
        ("x.tsv", b"a\tb\n1\t2\n", {}),
        ("x.CSV", b"a;b\n1;2\n", {"delimiter": ";"}),
        ("x.csv", "a,b\n1,2\n".encode("utf-16"), {"encoding": "utf-16"}),
    ],
)
def test_every_kind_of_text_file(tmp_path: Path, name: str, data: bytes, options: dict[str, str]) -> None:
    assert read(tmp_path / name, data, **options) == {"a": ["1"], "b": ["2"]}


def test_a_declared_encoding_is_used(tmp_path: Path) -> None:
    assert read(tmp_path / "x.csv", b"a\nM\xfcller\n", encoding="cp1252") == {"a": ["M\u00fcller"]}


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    pd.DataFrame({"n": [1.5], "id": ["007"]}).to_parquet(tmp_path / "x.parquet")
    assert read(tmp_path / "x.parquet", (tmp_path / "x.parquet").read_bytes()) == {"n": [1.5], "id": ["007"]}


def test_rows_with_too_many_or_too_few_cells_are_named_by_line(tmp_path: Path) -> None:
    error = refusal(tmp_path / "deals.csv", b"a,b,c\n1,2,3\n1,2\n1,2,3,4\n")
    assert isinstance(error, DataError)
    assert (error.table, error.rule, error.count) == ("deals.csv", "rows that do not have 3 cells", 2)
    assert error.rows == ["line 3: 2 cells instead of 3: 1,2", "line 4: 4 cells instead of 3: 1,2,3,4"]
    assert "half-written" in error.advice


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("x.csv", b"a,b\n1,2\n3", "line 3: 1 cells instead of 2: 3"),
        ("x.csv", b'a,b\n1,"two\n3,4\n', "the quoted cell of line 2 is never closed"),
        ("x.csv", b"a\nM\xfcller\n", "line 2 is not utf-8 text"),
        ("x.csv", b"", "the file is empty"),
        ("x.csv", b"a,a\n1,2\n", "two columns have one name"),
        ("x.csv.gz", gzip.compress(b"a,b\n" + b"1,2\n" * 99, mtime=0)[:-9], "not a whole gzip file"),
        ("x.parquet", b"PAR1....", "not a Parquet file"),
    ],
)
def test_files_that_are_damaged_say_so(tmp_path: Path, name: str, data: bytes, said: str) -> None:
    error = refusal(tmp_path / name, data)
    assert said in str(error)
    assert isinstance(error, DataError)
    assert error.table == name


def test_an_unknown_encoding_is_the_mappings_fault(tmp_path: Path) -> None:
    assert isinstance(refusal(tmp_path / "x.csv", b"a\n1\n", encoding="klingon"), MappingError)


def test_there_has_to_be_something_to_read(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="there is no file or folder"):
        open_files(str(tmp_path / "nowhere"))
    with pytest.raises(SourceError, match=r"holds no file that ends in \.csv"):
        open_files(str(tmp_path))


def test_of_two_files_with_one_stem_the_plainer_is_read(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a\ncsv\n")
    (tmp_path / "x.tsv").write_text("a\ntsv\n")
    assert open_files(str(tmp_path)).read("x")["a"].tolist() == ["csv"]


def test_a_database_is_read_by_its_tables_and_views(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'crm.db'}"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE deals (deal_id TEXT, amount REAL)")
        connection.exec_driver_sql("INSERT INTO deals VALUES ('007', 1.5), ('008', NULL)")
        connection.exec_driver_sql("CREATE VIEW big AS SELECT * FROM deals WHERE amount > 1")
    engine.dispose()
    database = open_database(url)
    assert database.names() == ["big", "deals"]
    assert database.read("deals")["deal_id"].tolist() == ["007", "008"]
    database.engine.dispose()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense://x", "not a database URL that can be used"),
        ("sqlite:////nowhere/crm.db", "there is no database file"),
        ("postgresql+psycopg://u:secret@127.0.0.1:1/x", "does not answer"),
    ],
)
def test_a_database_that_cannot_be_reached_says_so_without_its_password(url: str, said: str) -> None:
    with pytest.raises(SourceError, match=said) as error:
        open_database(url)
    assert "secret" not in str(error.value)
