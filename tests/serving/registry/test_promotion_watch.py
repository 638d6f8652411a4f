import asyncio
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from serving.access.tables import PROMOTIONS
from serving.database import Database
from serving.registry.promotion_watch import PromotionWatch
from serving.settings import Settings


def promote(database: Database, revision: int) -> None:
    row = {"target": "deals", "revision": revision, "version": "1", "kind": "promoted", "promoted_at": 1, "who": "ann"}
    with database.transaction() as connection:
        connection.execute(sa.insert(PROMOTIONS).values(row))


def test_a_promotion_by_another_process_ends_the_wait(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, poll_seconds=0.02)
    database, watch = Database.open(settings.store_url), PromotionWatch(settings)
    promote(database, 1)

    async def waited() -> float:
        before, begun = await watch.mark(), time.monotonic()
        waiting = asyncio.create_task(watch.wait(before, 60.0))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        promote(database, 2)
        await waiting
        return time.monotonic() - begun

    assert asyncio.run(waited()) < 30
    watch.close()
    database.close()


@pytest.mark.parametrize("url", ["sqlite:///{folder}/none.db", "postgresql://someone@127.0.0.1:1/none"])
def test_without_a_database_the_time_is_waited_out(tmp_path: Path, url: str) -> None:
    watch = PromotionWatch(Settings(home=tmp_path, store_url=url.format(folder=tmp_path), poll_seconds=0.05))

    async def mark_and_wait() -> object:
        before = await watch.mark()
        await watch.wait(before, 0.1)
        return before

    assert asyncio.run(mark_and_wait()) is None
    watch.close()
