"""The Salesforce preset on small exports: ids, closes, history of both shapes, activities."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features import sources
from features.deletions import Deletion
from features.errors import DataError
from features.sources.salesforce import full_ids
from features.store import Store
from tests.features.exports import OPPORTUNITIES, csv, mapping, rows, salesforce, write

HISTORY = "OpportunityId,CreatedDate,Field,OldValue,NewValue\n"


def utc(written: str) -> pd.Timestamp:
    return pd.Timestamp(written, tz="UTC")


def history(*lines: str) -> str:
    return HISTORY + "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("short", "full"),
    [("001A0000006Vm9r", "001A0000006Vm9rIAC"), ("006A0000001aBcD", "006A0000001aBcDIAU"), ("OPP173688", "OPP173688")],
)
def test_ids_of_15_characters_become_18(short: str, full: str) -> None:
    assert full_ids(pd.Series([short, None, full], dtype="str")).tolist()[::2] == [full, full]


@given(st.lists(st.text("abcABC019", min_size=15, max_size=15), unique=True, min_size=1))
def test_full_ids_differ_even_for_tools_that_ignore_case(short: list[str]) -> None:
    full = full_ids(pd.Series(short, dtype="str"))
    assert full.str[:15].tolist() == short
    assert full.str.lower().nunique() == len(short)


def test_files_with_short_and_with_long_ids_join(tmp_path: Path) -> None:
    opportunity = OPPORTUNITIES.replace("O1,", "006A0000001aBcD,")
    task = "Id,WhatId,CreatedDate\nT1,006A0000001aBcDIAU,2026-01-08T10:00:00Z\n"
    data = salesforce(tmp_path, Opportunity=opportunity, Task=task)
    assert rows(data.tables["activities"], "deal_id") == [("006A0000001aBcDIAU",)]
    assert data.report.unknown == {}


def test_outcomes_come_from_the_two_flags_however_they_are_written(tmp_path: Path) -> None:
    deals = salesforce(tmp_path, Opportunity=OPPORTUNITIES.replace("true,true", "1,1")).tables["deals"]
    assert rows(deals, "deal_id", "outcome") == [("O1", None), ("O2", "won"), ("O3", "lost")]


def test_without_a_history_a_deal_closes_when_its_close_date_begins(tmp_path: Path) -> None:
    deals = salesforce(tmp_path).tables["deals"]
    assert rows(deals, "deal_id", "closed_at") == [("O1", None), ("O2", utc("2026-02-01")), ("O3", utc("2026-01-20"))]


def test_the_close_date_begins_in_the_organisations_zone(tmp_path: Path) -> None:
    folder = write(tmp_path / "export", Opportunity=OPPORTUNITIES)
    text = 'extends = "salesforce"\n[organisation]\ntimezone = "America/New_York"\n'
    deals = sources.read(str(folder), mapping(folder, text)).tables["deals"]
    assert deals["closed_at"].tolist()[1] == utc("2026-02-01T05:00")


def test_a_deal_does_not_close_before_its_creation_on_that_day(tmp_path: Path) -> None:
    deals = salesforce(tmp_path, Opportunity=OPPORTUNITIES.replace("2026-02-01", "2026-01-06")).tables["deals"]
    assert deals["closed_at"].tolist()[1] == utc("2026-01-06T10:00")


def test_a_column_with_the_time_of_the_close_is_preferred_to_the_date_row_by_row(tmp_path: Path) -> None:
    opportunity = OPPORTUNITIES.replace("IsWon", "IsWon,ClosedDateTime").replace("true,true", "true,true,2026-02-01T15:30:00Z")
    opportunity = opportunity.replace("false,false", "false,false,").replace("TRUE,FALSE", "TRUE,FALSE,")
    deals = salesforce(tmp_path, Opportunity=opportunity).tables["deals"]
    assert deals["closed_at"].tolist()[1:] == [utc("2026-02-01T15:30"), utc("2026-01-20")]


def test_the_history_is_the_best_witness_of_a_close(tmp_path: Path) -> None:
    changes = history(
        "O2,2026-01-20T08:00:00Z,StageName,Proposal,Closed Won",
        "O2,2026-01-21T08:00:00Z,StageName,Closed Won,Proposal",
        "O2,2026-01-28T08:00:00Z,StageName,Proposal,Closed Lost",
        "O2,2026-01-29T08:00:00Z,StageName,Closed Lost,Closed Won",
        "O3,2026-01-19T08:00:00Z,StageName,Closed Won,Closed Lost",
    )
    deals = salesforce(tmp_path, OpportunityFieldHistory=changes).tables["deals"]
    assert rows(deals, "deal_id", "closed_at") == [("O1", None), ("O2", utc("2026-01-28T08:00")), ("O3", utc("2026-01-20"))]


def test_a_deal_that_was_opened_again_has_no_close(tmp_path: Path) -> None:
    changes = history(
        "O1,2026-01-20T08:00:00Z,StageName,Proposal,Closed Won", "O1,2026-01-21T08:00:00Z,StageName,Closed Won,Proposal"
    )
    dataset = salesforce(tmp_path, OpportunityFieldHistory=changes).dataset()
    assert pd.isna(dataset.deals["closed_at"][0])
    assert dataset.transitions.state.tolist()[:2] == [1, 0]


def test_stages_that_only_the_history_shows_are_open(tmp_path: Path) -> None:
    changes = history("O1,2026-01-08T08:00:00Z,StageName,Discovery,Proposal")
    stages = salesforce(tmp_path, OpportunityFieldHistory=changes).tables["stages"]
    found = rows(stages, "stage", "kind")
    assert sorted(map(str, found)) == [
        "('Closed Lost', 'lost')",
        "('Closed Won', 'won')",
        "('Discovery', 'open')",
        "('Proposal', 'open')",
    ]


def test_a_stage_table_says_the_kinds_and_the_order(tmp_path: Path) -> None:
    stages = "MasterLabel,SortOrder,IsClosed,IsWon\nProposal,1,false,false\nClosed Won,2,true,true\nClosed Lost,3,true,false\n"
    opportunity = "\n".join(line.rsplit(",", 2)[0] for line in csv(OPPORTUNITIES).splitlines())
    data = salesforce(tmp_path, Opportunity=opportunity, OpportunityStage=stages)
    assert rows(data.tables["stages"], "stage", "position", "kind")[1] == ("Closed Won", 2.0, "won")
    assert rows(data.tables["deals"], "outcome") == [(None,), ("won",), ("lost",)]


STANDARD = OPPORTUNITIES.replace("O1,Proposal", "O1,Proposal/Price Quote")


def test_standard_stages_have_the_standard_order_where_the_export_tells_none(tmp_path: Path) -> None:
    changes = history("O1,2026-01-08T08:00:00Z,StageName,Prospecting,Proposal/Price Quote")
    data = salesforce(tmp_path, Opportunity=STANDARD, OpportunityFieldHistory=changes)
    assert {("Prospecting", 1.0), ("Proposal/Price Quote", 7.0), ("Closed Won", None)} <= {
        *rows(data.tables["stages"], "stage", "position")
    }
    assert data.report.unplaced == ()


def test_one_stage_more_and_no_stage_is_placed_but_the_report_says_which(tmp_path: Path) -> None:
    changes = history("O1,2026-01-08T08:00:00Z,StageName,Discovery,Proposal/Price Quote")
    data = salesforce(tmp_path, Opportunity=STANDARD, OpportunityFieldHistory=changes)
    assert "position" not in data.tables["stages"] or data.tables["stages"]["position"].isna().all()
    assert data.report.unplaced == ("Discovery",)
    assert "stage_order in the mapping: Discovery" in str(data.report)


def test_a_mapping_declares_the_order_of_its_own_stages(tmp_path: Path) -> None:
    folder = write(tmp_path / "export", Opportunity=OPPORTUNITIES)
    path = mapping(folder, 'extends = "salesforce"\nstage_order = ["Discovery", "Proposal"]')
    data = sources.read(str(folder), path)
    assert ("Proposal", 2.0) in rows(data.tables["stages"], "stage", "position")


def test_positions_of_the_export_are_never_overruled(tmp_path: Path) -> None:
    stages = "ApiName,SortOrder,IsClosed,IsWon\nProspecting,9,false,false\nProposal/Price Quote,3,false,false\n"
    data = salesforce(tmp_path, Opportunity=STANDARD, OpportunityStage=stages)
    assert rows(data.tables["stages"], "position") == [(9.0,), (3.0,)]


def test_fields_are_renamed_values_made_canonical_and_others_counted(tmp_path: Path) -> None:
    data = salesforce(
        tmp_path,
        OpportunityFieldHistory=history(
            "O1,2026-01-08T08:00:00Z,created,,",
            "O1,2026-01-08T08:00:00Z,Amount,4000.00,5000.0",
            "O1,2026-01-08T08:00:00Z,CloseDate,2026-03-31,2026-04-30T00:00:00.000Z",
            "O1,2026-01-08T08:00:00Z,Probability,,35",
            "O1,2026-01-08T08:00:00Z,NextStep,call,write",
        ),
    )
    found = rows(data.tables["deal_changes"], "field", "old_value", "new_value")
    assert found == [
        ("amount", "4000", "5000"),
        ("expected_close_on", "2026-03-31", "2026-04-30"),
        ("crm_probability", None, "0.35"),
    ]
    assert data.report.untracked == {"NextStep": 1, "created": 1}


def test_owners_change_by_id_and_rows_with_their_names_are_dropped(tmp_path: Path) -> None:
    data = salesforce(
        tmp_path,
        OpportunityFieldHistory=history(
            "O1,2026-01-08T08:00:00Z,Owner,Ann Lee,Bob Ray 2",
            "O1,2026-01-08T08:00:00Z,Owner,005A0000001aBcD,005A0000001aBcE",
            "O1,2026-01-09T08:00:00Z,Owner,Ann Lee,Integration",
        ),
    )
    assert rows(data.tables["deal_changes"], "field", "new_value") == [("owner_id", "005A0000001aBcEIAU")]
    assert data.report.tables["deal_changes"].dropped == {"owner by name, not by id": 2}


def test_unreadable_values_in_the_history_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"deal_changes\.new_value: text in a number column"):
        salesforce(tmp_path, OpportunityFieldHistory=history("O1,2026-01-08T08:00:00Z,Amount,4000,a lot"))


STATES = """
    OpportunityId,CreatedDate,StageName,Amount,CloseDate,Probability
    O1,2026-01-09T08:00:00Z,Proposal,5000,2026-04-30,50
    O1,2026-01-05T10:00:00Z,Discovery,,2026-04-30,10
    O2,2026-01-06T10:00:00Z,Discovery,700,2026-02-01,10
"""


def test_states_of_a_deal_become_changes_and_replace_the_same_fields_of_the_field_history(tmp_path: Path) -> None:
    changes = history("O1,2026-01-09T08:00:00Z,StageName,Discovery,Proposal", "O1,2026-01-09T08:00:00Z,Type,New,Existing")
    data = salesforce(tmp_path, OpportunityFieldHistory=changes, OpportunityHistory=STATES)
    found = rows(data.tables["deal_changes"], "deal_id", "field", "old_value", "new_value")
    assert found == [
        ("O1", "type", "new", "expansion"),
        ("O1", "stage", "Discovery", "Proposal"),
        ("O1", "amount", None, "5000"),
        ("O1", "crm_probability", "0.1", "0.5"),
    ]
    assert data.report.tables["deal_changes"].dropped["told by OpportunityHistory"] == 1
    assert data.report.tables["deal_changes from OpportunityHistory"].read == 3


def test_states_alone_are_a_history(tmp_path: Path) -> None:
    data = salesforce(tmp_path, OpportunityHistory=STATES)
    assert set(data.tables["deal_changes"]["field"]) == {"stage", "amount", "crm_probability"}


def test_a_task_belongs_to_the_opportunity_or_the_account_that_it_is_about(tmp_path: Path) -> None:
    task = """
        Id,WhatId,OwnerId,Type,Subject,Status,CreatedDate,ActivityDate
        T1,O1,U1,Call,,Completed,2026-01-08T10:00:00.000+0000,2026-01-09
        T2,A1,U1,,Send email,Open,2026-01-08T10:00:00.000Z,
        T3,C9,U1,Other,Coffee,Open,2026-01-08T10:00:00.000Z,
        T4,O1,U1,,,Open,2026-01-08T10:00:00.000Z,
    """
    data = salesforce(tmp_path, Task=task, Account="Id,Name\nA1,Acme\n")
    found = rows(data.tables["activities"], "activity_id", "deal_id", "account_id", "kind")
    assert found == [
        ("T1", "O1", None, "call"),
        ("T2", None, "A1", "email"),
        ("T3", None, None, "task"),
        ("T4", "O1", None, "task"),
    ]


def test_an_event_is_a_meeting_with_a_beginning_and_an_end(tmp_path: Path) -> None:
    task = "Id,WhatId,Type,CreatedDate,CallType\nT1,O1,Call,2026-01-08T10:00:00Z,Inbound\n"
    event = "Id,WhatId,Type,EventSubtype,CreatedDate,StartDateTime,EndDateTime\n"
    event += "E1,O1,Other,Event,2026-01-08T10:00:00Z,2026-01-09T10:00:00Z,2026-01-09T11:00:00Z\n"
    activities = salesforce(tmp_path, Task=task, Event=event).tables["activities"]
    assert rows(activities, "activity_id", "kind", "direction", "due_at", "done_at") == [
        ("T1", "call", "in", None, None),
        ("E1", "meeting", None, utc("2026-01-09T10:00"), utc("2026-01-09T11:00")),
    ]


def test_deleted_records_are_dropped_by_a_declared_rule(tmp_path: Path) -> None:
    opportunity = csv(OPPORTUNITIES).replace("IsWon", "IsWon,IsDeleted").replace("false,false", "false,false,TRUE")
    opportunity = opportunity.replace("true,true", "true,true,0").replace("TRUE,FALSE", "TRUE,FALSE,false")
    data = salesforce(tmp_path, Opportunity=opportunity)
    assert data.tables["deals"]["deal_id"].tolist() == ["O2", "O3"]
    assert data.report.tables["deals"].dropped == {"deleted": 1}


def test_people_accounts_and_leads(tmp_path: Path) -> None:
    data = salesforce(
        tmp_path,
        User="Id,FirstName,LastName,ManagerId,Department\nU1,Ann,Lee,U2,North\nU2,,Queue,,\n",
        Account="Id,Name,BillingCountry,NumberOfEmployees\nA1,Acme,NA,12\n",
        Lead="Id,CreatedDate,ConvertedDate,ConvertedOpportunityId\nL1,2026-01-04T10:00:00Z,2026-01-05,O1\nL2,2026-01-04T10:00:00Z,,\n",
    )
    assert rows(data.tables["users"], "name", "manager_id", "team") == [("Ann Lee", "U2", "North"), ("Queue", None, None)]
    assert rows(data.tables["accounts"], "country", "employees") == [("NA", 12.0)]
    assert rows(data.tables["leads"], "converted_at", "deal_id") == [(utc("2026-01-05"), "O1"), (None, None)]


def test_upper_case_headings_are_understood(tmp_path: Path) -> None:
    heading, *lines = csv(OPPORTUNITIES).splitlines()
    data = salesforce(tmp_path, Opportunity="\n".join([heading.upper(), *lines]))
    assert len(data.tables["deals"]) == 3


def marked(*deleted: str) -> str:
    """The opportunities, those among them marked that are deleted."""
    head, *lines = csv(OPPORTUNITIES).splitlines()
    return "\n".join([f"{head},IsDeleted", *(f"{line},{line[:2] in deleted}" for line in lines)])


def test_a_record_that_is_marked_as_deleted_is_deleted_from_that_export_on(tmp_path: Path) -> None:
    store, known = Store("sqlite://"), []
    for day, gone in enumerate([(), ("O1",), ("O1", "O3"), ("O3",)]):
        data = salesforce(tmp_path / str(day), Opportunity=marked(*gone))
        assert set(data.tables["deals"]["deal_id"]) == {"O1", "O2", "O3"} - set(gone)
        report = store.merge(replace(data, extracted_at=pd.Timestamp(f"2026-03-0{day + 1}T00:00Z").as_unit("us")))
        known.append((dict(report.deleted), dict(report.revived), store.load().deals["deal_id"].tolist()))
    assert known == [
        ({}, {}, ["O1", "O2", "O3"]),
        ({"deals": 1}, {}, ["O2", "O3"]),
        ({"deals": 1}, {}, ["O2"]),
        ({}, {"deals": 1}, ["O1", "O2"]),
    ]
    assert [store.load(pd.Timestamp(f"2026-03-0{day}T00:00Z")).n_deals for day in (2, 3, 4)] == [3, 2, 1]
    store.close()


def test_what_a_program_deleted_no_export_takes_back(tmp_path: Path) -> None:
    store = Store("sqlite://")
    first = salesforce(tmp_path / "1", Opportunity=marked())
    store.merge(replace(first, extracted_at=pd.Timestamp("2026-03-01T00:00Z").as_unit("us")))
    store.delete(Deletion("deals", ("O1",), "crm"), pd.Timestamp("2026-03-02T00:00Z").as_unit("us"))
    report = store.merge(replace(first, extracted_at=pd.Timestamp("2026-03-03T00:00Z").as_unit("us")))
    assert (report.revived, store.load().deals["deal_id"].tolist()) == ({}, ["O2", "O3"])
    store.close()
