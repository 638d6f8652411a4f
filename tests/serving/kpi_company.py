"""The ten-deal company of the KPIs' reference, as a server and the command line see it."""

from pathlib import Path

from features.dataset import Dataset
from features.kpis import example
from features.store import Store
from serving.cli.demo import source_of

FORMULA = '=HYPERLINK("http://evil.example","Ann")'


def ten_deals() -> Dataset:
    return example.dataset()


def hostile() -> Dataset:
    """Ann is called by a formula, and her team by a sequence that clears a terminal."""
    tables = dict(example.dataset().tables)
    users = tables["users"]
    tables["users"] = users.assign(
        name=users["name"].replace({"Ann": FORMULA}), team=users["team"].replace({"North": "\x1b[2JNorth"})
    )
    return example.dataset().with_tables(tables)


def stored(dataset: Dataset, home: Path) -> Path:
    """A home whose store holds a company."""
    store = Store(f"sqlite:///{home}/store.db")
    store.replace(source_of(dataset))
    store.close()
    return home
