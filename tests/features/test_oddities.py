"""What is odd in an export is counted, kept, and read by a stated rule."""

from pathlib import Path

import pytest

from features.dataset import Dataset
from features.deals import deal_signals
from features.errors import MappingError
from features.snapshot import Snapshot
from features.sources import SourceData, read
from tests.features.companies import AS_OF, moment
from tests.features.exports import mapping, write

DEALS = "deal_id,created_at,stage\nD1,2026-01-05T10:00:00Z,C\n"
STAGES = "stage,kind\nA,open\nB,open\nC,open\n"
HEAD = "deal_id,changed_at,field,old_value,new_value\n"


def exported(folder: Path, changes: str = "", activities: str = "", extracted_at: str = "2026-05-01T00:00:00Z") -> SourceData:
    files = {"deals": DEALS, "stages": STAGES}
    files |= {"deal_changes": HEAD + changes} if changes else {}
    files |= {"activities": "activity_id,deal_id,kind,logged_at\n" + activities} if activities else {}
    place = write(folder / "export", **files)
    return read(str(place), mapping(place, f'extends = "dealcast"\nextracted_at = {extracted_at}'))


def stage(known: Dataset, as_of: str) -> object:
    return Snapshot(known, moment(as_of)).texts("stage")[0]


def test_a_tidy_export_has_nothing_odd(tmp_path: Path) -> None:
    tidy = exported(tmp_path, "D1,2026-02-01T00:00:00Z,stage,A,B\nD1,2026-03-01T00:00:00Z,stage,B,C\n")
    assert tidy.report.odd == {}


def test_an_activity_of_an_unknown_deal_is_kept_counted_and_no_signal(tmp_path: Path) -> None:
    data = exported(tmp_path, activities="E1,D9,call,2026-02-01T00:00:00Z\nE2,D1,call,2026-02-01T00:00:00Z\n")
    assert data.report.unknown == {"activities.deal_id": 1}
    assert len(data.tables["activities"]) == 2
    assert deal_signals(Snapshot(data.dataset(), AS_OF))["n_activities"].tolist() == [1.0]


def test_changes_out_of_order_are_read_by_their_time(tmp_path: Path) -> None:
    data = exported(tmp_path, "D1,2026-03-01T00:00:00Z,stage,B,C\nD1,2026-02-01T00:00:00Z,stage,A,B\n")
    assert data.report.odd == {"deal_changes: rows that stand below later ones of their deal and field; read by their time": 1}
    assert [stage(data.dataset(), day) for day in ("2026-02-20", "2026-03-20")] == ["B", "C"]


def test_changes_of_one_instant_are_chained_by_their_values(tmp_path: Path) -> None:
    data = exported(tmp_path, "D1,2026-02-01T00:00:00Z,stage,B,C\nD1,2026-02-01T00:00:00Z,stage,A,B\n")
    assert data.report.odd == {"deal_changes: changes of one field in one instant; chained by their values": 2}
    assert stage(data.dataset(), "2026-02-20") == "C"


def test_a_change_dated_after_the_export_is_known_from_its_own_date_on(tmp_path: Path) -> None:
    data = exported(tmp_path, "D1,2026-02-01T00:00:00Z,stage,A,B\nD1,2099-03-01T00:00:00Z,stage,B,C\n")
    assert data.report.odd == {"deal_changes: rows dated after the export; known from their own date on": 1}
    known = data.dataset()
    assert [stage(known, day) for day in ("2026-04-30", "2026-05-02", "2099-03-02")] == ["B", "B", "C"]
    assert known.ends_at < moment("2026-05-02")


def test_what_was_recorded_before_its_deal_counts_at_its_own_date(tmp_path: Path) -> None:
    early = "2026-01-05T09:59:58Z"
    data = exported(tmp_path, f"D1,{early},stage,A,C\n", f"E1,D1,call,{early}\n")
    assert data.report.odd == {
        "deal_changes: rows recorded before their deal was created; counted at their own date": 1,
        "activities: rows recorded before their deal was created; counted at their own date": 1,
    }
    known = data.dataset()
    assert len(Snapshot(known, moment(early)).open_deals) == 0
    assert (stage(known, "2026-01-06"), deal_signals(Snapshot(known, AS_OF))["n_activities"].tolist()) == ("C", [1.0])


def test_every_oddity_is_a_line_of_the_report(tmp_path: Path) -> None:
    data = exported(tmp_path, "D1,2099-03-01T00:00:00Z,stage,B,C\n")
    assert "deal_changes: rows dated after the export; known from their own date on: 1" in str(data.report).splitlines()


def test_the_moment_of_the_export_needs_an_offset(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="extracted_at"):
        exported(tmp_path, extracted_at="2026-05-01T00:00:00")
