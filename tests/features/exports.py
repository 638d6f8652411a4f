"""Small exports written to disk, for the tests of sources and of the store."""

from pathlib import Path
from textwrap import dedent

import pandas as pd

from features.sources import SourceData, read

DEALS = """
    deal_id,created_at,stage,amount,currency,closed_at,outcome
    D1,2026-01-05T10:00:00Z,Proposal,5000,EUR,,
    D2,2026-01-06T10:00:00Z,Won,700,EUR,2026-02-01T09:00:00Z,won
"""

OPPORTUNITIES = """
    Id,StageName,Amount,CreatedDate,CloseDate,IsClosed,IsWon
    O1,Proposal,5000,2026-01-05T10:00:00.000Z,2026-04-30,false,false
    O2,Closed Won,700,2026-01-06T10:00:00.000+0000,2026-02-01,true,true
    O3,Closed Lost,,2026-01-07T10:00:00.000Z,2026-01-20,TRUE,FALSE
"""


def csv(text: str) -> str:
    """A file's text as it stands in a test, without its indentation."""
    return dedent(text).strip() + "\n"


def write(folder: Path, **files: str) -> Path:
    """Write files `NAME.csv`; the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(csv(text), encoding="utf-8")
    return folder


def mapping(folder: Path, text: str) -> str:
    """Write a mapping file beside the export's folder; its path."""
    path = folder.parent / "mapping.toml"
    path.write_text(dedent(text), encoding="utf-8")
    return str(path)


def own(folder: Path, **files: str) -> SourceData:
    """Read files in our own format."""
    return read(str(write(folder, **files)))


def salesforce(folder: Path, **files: str) -> SourceData:
    """Read files by the preset; the opportunities are those above where none are given."""
    return read(str(write(folder, **({"Opportunity": OPPORTUNITIES} | files))), "salesforce")


def rows(frame: pd.DataFrame, *columns: str) -> list[tuple[object, ...]]:
    """Some columns as tuples, missing values as None."""
    chosen = frame[list(columns)].astype(object)
    return [tuple(row) for row in chosen.where(chosen.notna(), None).itertuples(index=False, name=None)]
