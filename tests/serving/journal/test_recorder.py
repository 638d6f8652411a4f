import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from features import clock
from features.dataset import Dataset
from features.deals import deal_signals
from features.engine import connect
from features.snapshot import Snapshot
from serving.database import SCORES, TAKES, Database
from serving.journal.committer import insert
from serving.journal.recorder import HEARTBEAT_DAYS, Recorder
from serving.journal.rows import Row, hashes
from serving.served.columns import Numbers
from serving.served.ranking import Ranking
from serving.served.runtime import Runtime, build
from serving.served.state import Served
from serving.served.trend import JournaledPast, NoPast

STEP = 0.005
At = Callable[[float, int], Served]


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = Database.open(url)
    yield opened
    opened.close()


@pytest.fixture
def at(company: Dataset, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> At:
    """What is served so many days after the data ends, at some revision."""

    def served(days: float, revision: int = 1) -> Served:
        moment = runtime.served().as_of + pd.Timedelta(days=days)
        monkeypatch.setattr("features.clock.now", lambda _: moment)
        return build(company, revision, runtime.served().bundles)

    return served


def recorder(database: Database) -> Recorder:
    return Recorder(database, STEP, 730)


def rows(database: Database, target: str = "deals") -> pd.DataFrame:
    with database.transaction() as connection:
        query = sa.select(SCORES).where(SCORES.c.target == target).order_by(SCORES.c.entry)
        return pd.DataFrame(connection.execute(query).all(), columns=[column.name for column in SCORES.c])


def n_listed(served: Served) -> int:
    assert served.clients is not None
    return len(served.deals) + len(served.clients)


def test_the_first_take_records_every_deal_and_client(database: Database, runtime: Runtime) -> None:
    served = runtime.served()
    assert served.clients is not None
    assert recorder(database).record(served) == len(served.deals) + len(served.clients)
    found = rows(database).set_index("record_id")
    for key in served.deals.ids[:20]:
        listed, row = served.deals.find(key), found.loc[key]
        assert listed is not None
        for name in ("p_won", "p_lost", "p_won_this_quarter", "p_won_next_quarter", "value", "expected_value", "owner_id"):
            assert row[name] == listed[name] or (pd.isna(row[name]) and listed[name] is None)
        curve = json.loads(row["answer"])["curve"]
        assert curve["p_won"][-1] == pytest.approx(row["p_won"], abs=1e-5)
        assert len(curve["days"]) == len(curve["p_lost"]) == len(curve["p_won"])
    clients = rows(database, "clients").set_index("record_id")
    assert clients["p_leaves"].to_dict() == dict(zip(served.clients.ids, served.clients.columns["p_leaves"], strict=True))


def test_the_hash_is_that_of_the_signals(database: Database, runtime: Runtime, company: Dataset) -> None:
    recorder(database).record(runtime.served())
    signals = deal_signals(Snapshot(company, runtime.served().as_of))
    expected = dict(zip(signals.index, hashes(signals), strict=True))
    assert rows(database).set_index("record_id")["signals_sha256"].to_dict() == expected


def test_what_was_recorded_is_not_recorded_again(database: Database, at: At) -> None:
    mine, other = recorder(database), recorder(database)
    assert mine.record(at(0, 1)) > 0
    # Seconds later: within minutes a deal may grow older than a limit that the trees know.
    later, still = at(0.0001, 2), at(0.0002, 3)
    assert (mine.record(at(0, 1)), other.record(at(0, 1)), other.record(later), mine.record(still)) == (0, 0, 0, 0)
    with database.transaction() as connection:
        takes = connection.execute(sa.select(TAKES).where(TAKES.c.target == "deals").order_by(TAKES.c.revision)).all()
    assert [take.n_rows for take in takes] == [len(rows(database)), 0, 0]


def test_the_journal_knows_every_answer_to_within_the_step(database: Database, at: At) -> None:
    mine = recorder(database)
    for number, days in enumerate((0, 1, 2.5, 3, 6, 7.5, 9)):
        served = at(days, number + 1)
        written = mine.record(served)
        assert written < len(served.deals) + 200 or days in (0, 7.5)
        last = rows(database).drop_duplicates("record_id", keep="last").set_index("record_id").reindex(pd.Index(served.deals.ids))
        for name in ("p_won", "p_won_this_quarter", "p_won_next_quarter", "p_lost"):
            assert np.abs(last[name].to_numpy() - served.deals.numbers(name)).max() < STEP
        assert clock.days_between(last["as_of"].to_numpy(), clock.micros(served.as_of)).max() < HEARTBEAT_DAYS


def test_little_is_written_while_little_changes(database: Database, at: At) -> None:
    mine = recorder(database)
    first = mine.record(at(0, 1))
    assert [mine.record(at(hour / 24, 1)) < first / 4 for hour in (1, 2, 3)] == [True] * 3


def test_a_new_amount_is_recorded(database: Database, runtime: Runtime) -> None:
    served, mine = runtime.served(), recorder(database)
    mine.record(served)
    values = served.deals.numbers("value").copy()
    values[3] = 1.0
    raised = Ranking({**served.deals.columns, "value": Numbers(values)}, served.deals.ids, served.deals.sort)
    assert mine.record(replace(served, revision=2, deals=raised)) == 1
    assert rows(database).iloc[-1]["record_id"] == served.deals.ids[3]


def test_another_model_s_answers_are_recorded_though_they_are_the_same(database: Database, runtime: Runtime) -> None:
    served, mine = runtime.served(), recorder(database)
    mine.record(served)
    promoted = {**served.bundles, "deals": replace(served.bundles["deals"], version="2")}
    assert mine.record(replace(served, bundles=promoted)) == len(served.deals)


def test_of_workers_that_start_at_once_one_records(database: Database, runtime: Runtime) -> None:
    written: list[int] = []
    workers = [threading.Thread(target=lambda: written.append(recorder(database).record(runtime.served()))) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    found = rows(database)
    assert sum(written) == len(found) + len(rows(database, "clients"))
    assert found["record_id"].is_unique


def test_what_a_worker_left_out_is_written_by_the_next_take(database: Database, at: At, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.journal.recorder.AT_ONCE", 10)
    stopped = recorder(database)

    def last(connection: sa.Connection, found: Sequence[Row]) -> None:
        insert(connection, found)
        stopped.stop()

    monkeypatch.setattr("serving.journal.recorder.insert", last)
    assert stopped.record(at(0, 1)) == len(rows(database)) + len(rows(database, "clients")) == 10
    assert recorder(database).record(at(0, 2)) == n_listed(at(0, 1)) - 10
    assert set(rows(database)["record_id"]) == set(at(0, 1).deals.ids)


def test_old_rows_are_purged(database: Database, runtime: Runtime) -> None:
    mine = recorder(database)
    n_rows = mine.record(runtime.served())
    assert mine.purge() == 0
    with database.transaction() as connection:
        half = sa.select(SCORES.c.entry).where(SCORES.c.entry % 2 == 0)
        old = connection.execute(sa.update(SCORES).where(SCORES.c.entry.in_(half)).values(issued_at=0)).rowcount
    assert mine.purge() == old > 0
    assert len(rows(database)) + len(rows(database, "clients")) == n_rows - old


def test_the_trend_is_the_change_against_a_week_before(database: Database, at: At, company: Dataset, runtime: Runtime) -> None:
    mine, first = recorder(database), at(0, 1)
    mine.record(first)
    at(7.5, 1)
    served = build(company, 1, runtime.served().bundles, JournaledPast(database))
    for key in served.deals.ids[:30]:
        now, before = served.deals.find(key), first.deals.find(key)
        assert now is not None
        assert before is not None
        change = now["p_won"] - before["p_won"]
        assert now["trend_change"] == pytest.approx(change)
        assert now["trend"] == ("up" if change >= 0.05 else "down" if change <= -0.05 else "steady")
        assert (now["trend_since"], now["no_trend"]) == (first.as_of, None)
    assert served.clients is not None
    assert set(served.clients.columns["trend"]) <= {"up", "down", "steady"}


def test_without_an_earlier_score_the_trend_says_why(database: Database, at: At, company: Dataset, runtime: Runtime) -> None:
    recorder(database).record(at(0, 1))
    bundles = runtime.served().bundles
    for days, past, why in ((6.5, JournaledPast(database), "no_earlier_score"), (7.5, NoPast(), "no_journal")):
        at(days, 1)
        columns = build(company, 1, bundles, past).deals.columns
        assert {*columns["trend"], *columns["trend_change"], *columns["trend_since"]} == {None}
        assert set(columns["no_trend"]) == {why}


def test_a_database_that_is_down_leaves_lists_without_trends(company: Dataset, runtime: Runtime) -> None:
    down = JournaledPast(Database(connect("postgresql://someone@127.0.0.1:1/none")))
    assert set(build(company, 1, runtime.served().bundles, down).deals.columns["no_trend"]) == {"no_journal"}


def test_equal_signals_have_equal_hashes_whatever_stands_beside_them() -> None:
    frame = pd.DataFrame(
        {"n": [1.0, np.nan, 0.0, 1.0], "flag": [True, False, True, True], "text": pd.Series(["a", None, "b", "a"], dtype="str")}
    )
    found = hashes(frame)
    assert found[0] == found[3] == hashes(frame.iloc[[0]])[0]
    assert len(set(found)) == 3
    assert hashes(frame.assign(n=[1.0, np.nan, -0.0, 2.0]))[:3] == found[:3]


@pytest.mark.parametrize("changed", [{"n": 1.0000001}, {"flag": False}, {"text": "b"}, {"text": None}, {"n": np.nan}])
def test_a_signal_that_changes_changes_the_hash(changed: dict[str, object]) -> None:
    frame = pd.DataFrame({"n": [1.0], "flag": [True], "text": pd.Series(["a"], dtype="str")})
    other = frame.assign(**{name: pd.Series([value], dtype=frame[name].dtype) for name, value in changed.items()})
    assert hashes(frame) != hashes(other)
