"""The keys in memory: how long what is known goes on, with a database that can be taken away and given back."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from features.errors import NotReadyError
from serving.access import keyring, keys
from serving.access.audit_log import Origin
from serving.access.auth import ENVIRONMENT, Scope
from serving.access.keyring import KeyRing
from serving.access.keys import Wanted
from serving.database import Database
from serving.errors import ProblemError
from serving.settings import Settings
from tests.serving.conftest import KEY

HERE = Origin("test")


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


class Breakable(Database):
    """A database that can be down, and that counts how often it is asked."""

    down, asked = False, 0

    def transaction(self, *, exclusive: bool = False) -> Any:
        self.asked += 1
        if self.down:
            raise NotReadyError("the database does not answer")
        return super().transaction(exclusive=exclusive)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Breakable]:
    opened = Breakable.open(f"sqlite:///{tmp_path}/store.db")
    assert isinstance(opened, Breakable)
    yield opened
    opened.close()


@pytest.fixture
def ring(database: Breakable, clock: Clock, tmp_path: Path) -> KeyRing:
    return KeyRing(database, Settings(home=tmp_path, api_key=KEY), clock)


@pytest.fixture
def token(database: Breakable) -> str:
    return keys.create(database, Wanted("CRM", [Scope.READ]), HERE)[1]


async def code(ring: KeyRing, token: str) -> str:
    """`open`, or why a token opens nothing; any reading that it started is over."""
    try:
        await ring.caller(token)
        return "open"
    except ProblemError as error:
        return error.problem.code
    except NotReadyError:
        return "not_ready"
    finally:
        if ring._reading is not None:
            await ring._reading


def test_a_key_is_asked_of_the_database_once(ring: KeyRing, token: str, database: Breakable) -> None:
    async def ask() -> None:
        for _ in range(100):
            assert await code(ring, token) == "open"

    asyncio.run(ask())
    before = database.asked
    asyncio.run(ask())
    assert database.asked == before


@pytest.mark.parametrize("other", ["", "dc_", "dc_aaaaaaaaaa_" + "x" * 43, "\x00", "ключ", "x" * 10_000, KEY + "x"])
def test_what_is_no_key_is_refused_and_costs_no_query_each(ring: KeyRing, database: Breakable, other: str) -> None:
    async def ask() -> list[str]:
        return [await code(ring, other) for _ in range(20)]

    assert set(asyncio.run(ask())) == {"key_invalid"}
    assert database.asked <= 4


def test_a_revoked_key_opens_nothing_after_some_seconds(ring: KeyRing, token: str, database: Breakable, clock: Clock) -> None:
    async def ask() -> list[str]:
        found = [await code(ring, token)]
        keys.revoke(database, keys.id_of(token) or "", HERE)
        for _ in range(3):
            found.append(await code(ring, token))
            clock.seconds += keyring.FRESH_SECONDS
        return [*found, await code(ring, token)]

    found = asyncio.run(ask())
    assert (found[0], found[-1]) == ("open", "key_revoked")


def test_after_a_quiet_time_the_keys_are_read_before_the_answer(
    ring: KeyRing, token: str, database: Breakable, clock: Clock
) -> None:
    async def ask() -> str:
        await code(ring, token)
        keys.revoke(database, keys.id_of(token) or "", HERE)
        clock.seconds += keyring.STALE_SECONDS + 1
        return await code(ring, token)

    assert asyncio.run(ask()) == "key_revoked"


def test_a_change_made_here_is_known_at_once(ring: KeyRing, token: str, database: Breakable) -> None:
    async def ask() -> str:
        await code(ring, token)
        keys.revoke(database, keys.id_of(token) or "", HERE)
        ring.forget()
        return await code(ring, token)

    assert asyncio.run(ask()) == "key_revoked"


def test_what_was_known_goes_on_while_the_database_is_down_and_then_fails_closed(
    ring: KeyRing, token: str, database: Breakable, clock: Clock
) -> None:
    async def ask() -> list[str]:
        found = [await code(ring, token)]
        database.down = True
        for seconds in (10.0, keyring.USABLE_SECONDS - 20, 20.0):
            clock.seconds += seconds
            found.append(await code(ring, token))
        database.down = False
        clock.seconds += keyring.FRESH_SECONDS
        return [*found, await code(ring, token)]

    assert asyncio.run(ask()) == ["open", "open", "open", "not_ready", "open"]


def test_without_a_database_from_the_start_only_the_key_of_the_environment_opens(
    ring: KeyRing, token: str, database: Breakable
) -> None:
    database.down = True

    async def ask() -> list[str]:
        return [await code(ring, each) for each in (token, KEY, "guess")]

    assert asyncio.run(ask()) == ["not_ready", "open", "key_invalid"]
    assert asyncio.run(ring.caller(KEY)) == ENVIRONMENT


def test_the_last_use_is_written_down(ring: KeyRing, token: str, database: Breakable, clock: Clock) -> None:
    async def ask() -> None:
        for _ in range(2):
            await code(ring, token)
            clock.seconds += keyring.NOTED_SECONDS

    asyncio.run(ask())
    assert keys.every(database)[0].last_used_at is not None
