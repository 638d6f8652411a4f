"""Promotions: exactly one of several at once, the registry as a mirror, and nothing half done."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from features.errors import NotReadyError, UsageError
from serving.access import audit_log
from serving.access.audit_log import Origin
from serving.database import Database
from serving.registry.promotions import (
    GateRefusedError,
    PromotedRegistry,
    Promotion,
    PromotionConflictError,
    Promotions,
    Wish,
    history,
)
from training.registry import FolderRegistry, RunRecord

HERE = Origin("ann")


class Breakable(FolderRegistry):
    """A registry that can refuse to set the alias, as one that went down a moment ago does."""

    down = False

    def promote(self, target: str, version: str) -> None:
        if self.down:
            raise NotReadyError("the model registry does not answer")
        super().promote(target, version)


@pytest.fixture
def registry(tmp_path: Path) -> Breakable:
    """Five versions; the gate refused the fifth."""
    made, bundle = Breakable(tmp_path / "registry"), tmp_path / "bundle"
    bundle.mkdir()
    (bundle / "bundle.json").write_text("{}", encoding="utf-8")
    for gate in ("promoted", "promoted", "promoted", "promoted", "refused"):
        made.register("deals", bundle, RunRecord({}, {}, {"gate": gate, "reasons": "it is worse"}))
    return made


@pytest.fixture
def promotions(url: str, registry: Breakable) -> Iterator[Promotions]:
    database = Database.open(url)
    yield Promotions(database, registry)
    database.close()


def told(promotions: Promotions) -> list[tuple[int, str, str]]:
    return [(each.revision, each.version, each.kind) for each in history(promotions.database, "deals")]


def test_promotions_count_up_and_the_alias_follows(promotions: Promotions, registry: Breakable) -> None:
    for version in ("1", "2"):
        promotions.make(Wish("deals", version, note="better"), HERE)
    assert told(promotions) == [(1, "1", "promoted"), (2, "2", "promoted")]
    assert registry.history("deals")[-1] == "2"
    newest = history(promotions.database, "deals")[-1]
    assert (newest.who, newest.note, newest.gate) == ("ann", "better", "promoted")


def test_a_rollback_goes_back_one_by_one(promotions: Promotions, registry: Breakable) -> None:
    for version in ("1", "2", "3"):
        promotions.make(Wish("deals", version), HERE)
    back = [promotions.make(Wish("deals", None), HERE).version for _ in range(2)]
    assert (back, registry.history("deals")[-1]) == (["2", "1"], "1")
    with pytest.raises(UsageError, match="nothing to go back to"):
        promotions.make(Wish("deals", None), HERE)


def test_who_expected_another_revision_is_told_who_was_first(promotions: Promotions, registry: Breakable) -> None:
    promotions.make(Wish("deals", "1", expected=0), HERE)
    with pytest.raises(PromotionConflictError, match=r"revision for deals is 1, and 0 was expected: version 1 .* by ann"):
        promotions.make(Wish("deals", "2", expected=0), Origin("bob"))
    assert (told(promotions), registry.history("deals")) == ([(1, "1", "promoted")], ["1"])


def test_of_many_at_once_exactly_one_is_made(promotions: Promotions, registry: Breakable) -> None:
    promotions.make(Wish("deals", "1"), HERE)
    start = threading.Barrier(4)
    found: list[Promotion | PromotionConflictError] = []

    def promote(version: str) -> None:
        start.wait()
        try:
            found.append(promotions.make(Wish("deals", version, expected=1), Origin(version)))
        except PromotionConflictError as error:
            found.append(error)

    threads = [threading.Thread(target=promote, args=(version,)) for version in ("1", "2", "3", "4")]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    made = [each for each in found if isinstance(each, Promotion)]
    assert (len(made), len(found)) == (1, 4)
    assert registry.history("deals")[-1] == made[0].version
    assert [each.revision for each in history(promotions.database, "deals")] == [1, 2]


RACE = """
import sys
from pathlib import Path
from serving.access.audit_log import Origin
from serving.database import Database
from serving.registry.promotions import PromotionConflictError, Promotions, Wish
from training.registry import FolderRegistry
url, folder, version = sys.argv[1:]
promotions = Promotions(Database.open(url), FolderRegistry(Path(folder)))
sys.stdin.readline()
try:
    promotions.make(Wish("deals", version, expected=0), Origin(version))
except PromotionConflictError:
    sys.exit(9)
"""


def test_of_processes_at_once_exactly_one_is_made(url: str, promotions: Promotions, registry: Breakable) -> None:
    command = [sys.executable, "-c", RACE, url, str(registry.folder)]
    racers = [subprocess.Popen([*command, version], stdin=subprocess.PIPE) for version in ("1", "2", "3")]
    for each in racers:
        assert each.stdin is not None
        each.stdin.write(b"go\n")
        each.stdin.close()
    codes = [each.wait(60) for each in racers]
    assert sorted(codes) == [0, 9, 9]
    assert told(promotions) == [(1, str(codes.index(0) + 1), "promoted")]


def test_a_registry_that_goes_down_leaves_everything_as_it_was(promotions: Promotions, registry: Breakable) -> None:
    promotions.make(Wish("deals", "1"), HERE)
    registry.down = True
    with pytest.raises(NotReadyError):
        promotions.make(Wish("deals", "2"), HERE)
    assert (told(promotions), registry.history("deals")) == ([(1, "1", "promoted")], ["1"])
    assert [row.action for row in audit_log.entries(promotions.database, 5)] == ["model.promoted"]


def test_what_was_champion_before_the_table_was_there_is_taken_over(promotions: Promotions, registry: Breakable) -> None:
    for version in ("1", "2"):
        registry.promote("deals", version)
    assert promotions.make(Wish("deals", None), HERE).version == "1"
    assert told(promotions) == [(1, "1", "adopted"), (2, "2", "adopted"), (3, "1", "rolled_back")]


def test_an_alias_that_was_moved_by_hand_is_taken_over(promotions: Promotions, registry: Breakable) -> None:
    promotions.make(Wish("deals", "1"), HERE)
    registry.promote("deals", "3")
    with pytest.raises(PromotionConflictError):
        promotions.make(Wish("deals", "2", expected=1), HERE)
    assert told(promotions)[-1] == (2, "3", "adopted")
    assert promotions.make(Wish("deals", "2"), HERE).revision == 3


def test_the_gate_and_what_there_is_not_are_refused(promotions: Promotions) -> None:
    with pytest.raises(GateRefusedError, match="it is worse"):
        promotions.make(Wish("deals", "5"), HERE)
    with pytest.raises(UsageError, match="no version 6"):
        promotions.make(Wish("deals", "6"), HERE)
    assert told(promotions) == []
    assert promotions.make(Wish("deals", "5", against_the_gate=True), HERE).gate == "refused"


def test_a_training_that_was_overtaken_does_not_promote(promotions: Promotions, registry: Breakable) -> None:
    promotions.make(Wish("deals", "1"), HERE)
    training = PromotedRegistry(registry, promotions.database, Origin("training"))
    assert training.champion("deals") is not None
    promotions.make(Wish("deals", "2"), HERE)
    with pytest.raises(PromotionConflictError):
        training.promote("deals", "3")
    assert registry.history("deals")[-1] == "2"


def test_every_promotion_is_in_the_audit_log(promotions: Promotions) -> None:
    promotions.make(Wish("deals", "1"), HERE)
    promotions.make(Wish("deals", "2"), HERE)
    promotions.make(Wish("deals", None), Origin("bob"))
    rows = [(row.who, row.action, row.details["version"]) for row in audit_log.entries(promotions.database, 3)]
    assert rows == [("bob", "model.rolled_back", "1"), ("ann", "model.promoted", "2"), ("ann", "model.promoted", "1")]
