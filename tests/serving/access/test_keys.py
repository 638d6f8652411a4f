import re
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from features.errors import UsageError
from serving import moments
from serving.access import audit_log, keys
from serving.access.audit_log import Origin
from serving.access.auth import Scope
from serving.access.keys import ApiKey, Wanted
from serving.access.tables import API_KEYS, AUDIT_LOG, SESSIONS
from serving.database import Database

HERE = Origin("test", "request-1", "10.0.0.1")


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = Database.open(url)
    yield opened
    opened.close()


def fault(key: ApiKey, token: str, later: int = 0) -> str | None:
    return key.fault(keys.digest(token), moments.now() + later)


def everything_stored(database: Database) -> str:
    with database.transaction() as connection:
        return "".join(str(row) for table in (API_KEYS, AUDIT_LOG, SESSIONS) for row in connection.execute(sa.select(table)))


def test_a_key_is_what_was_asked_for_and_its_secret_is_not_stored(database: Database) -> None:
    key, token = keys.create(database, Wanted("CRM", [Scope.READ, Scope.SCORE], "U-1"), HERE)
    assert re.fullmatch(r"dc_[a-z2-7]{10}_[A-Za-z0-9_-]{43}", token)
    assert (keys.id_of(token), fault(key, token)) == (key.key_id, None)
    assert (key.name, key.scopes, key.user_id) == ("CRM", frozenset({Scope.READ, Scope.SCORE}), "U-1")
    assert keys.every(database) == [key]
    assert token.split("_", 2)[2] not in everything_stored(database)


def test_no_two_keys_are_alike(database: Database) -> None:
    tokens = [keys.create(database, Wanted("twin", [Scope.READ]), HERE)[1] for _ in range(5)]
    assert len({part for token in tokens for part in token.split("_", 2)[1:]}) == 10


def test_another_token_opens_nothing(database: Database) -> None:
    key, token = keys.create(database, Wanted("CRM", [Scope.READ]), HERE)
    others = [token[:-1], f"{token}x", token.swapcase(), token[:-1] + ("x" if token[-1] != "x" else "y"), ""]
    assert {fault(key, other) for other in others} == {"key_invalid"}


def test_a_key_expires(database: Database) -> None:
    key, token = keys.create(database, Wanted("CRM", [Scope.READ], expires_at=moments.now() + moments.DAY), HERE)
    assert fault(key, token, moments.DAY - moments.SECOND) is None
    assert fault(key, token, moments.DAY) == "key_expired"


def test_a_revoked_key_opens_nothing_and_says_so_to_its_holder_alone(database: Database) -> None:
    made, token = keys.create(database, Wanted("CRM", [Scope.READ]), HERE)
    key = keys.revoke(database, made.key_id, HERE)
    assert fault(key, token) == "key_revoked"
    assert fault(key, "guess") == "key_invalid"
    with pytest.raises(UsageError, match="is revoked"):
        keys.rotate(database, key.key_id, moments.now(), HERE)


def test_both_secrets_are_valid_while_a_rotation_overlaps(database: Database) -> None:
    made, old = keys.create(database, Wanted("CRM", [Scope.READ]), HERE)
    key, new = keys.rotate(database, made.key_id, moments.now() + moments.DAY, HERE)
    assert keys.id_of(new) == keys.id_of(old)
    assert [fault(key, token) for token in (old, new)] == [None, None]
    assert [fault(key, token, moments.DAY) for token in (old, new)] == ["key_invalid", None]


def test_of_three_secrets_the_oldest_is_forgotten(database: Database) -> None:
    made, first = keys.create(database, Wanted("CRM", [Scope.READ]), HERE)
    _, second = keys.rotate(database, made.key_id, moments.now() + moments.DAY, HERE)
    key, third = keys.rotate(database, made.key_id, moments.now() + moments.DAY, HERE)
    assert [fault(key, token) for token in (first, second, third)] == ["key_invalid", None, None]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Wanted(" ", [Scope.READ]), "name"),
        (Wanted("a\nb", [Scope.READ]), "name"),
        (Wanted("CRM", []), "scope"),
        (Wanted("CRM", [Scope.ADMIN], "U-1"), "narrowed"),
        (Wanted("CRM", [Scope.READ], expires_at=1), "expired"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused(database: Database, wanted: Wanted, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        keys.create(database, wanted, HERE)
    assert keys.every(database) == []
    assert audit_log.verify(database).n == 0


def test_an_unknown_key_is_named(database: Database) -> None:
    with pytest.raises(UsageError, match="no key 'nobody'"):
        keys.revoke(database, "nobody", HERE)


def test_only_a_valid_admin_can_hand_out_keys(database: Database) -> None:
    keys.create(database, Wanted("CRM", [Scope.READ]), HERE)
    assert not keys.has_admin(database)
    admin, _ = keys.create(database, Wanted("admin", [Scope.ADMIN]), HERE)
    assert keys.has_admin(database)
    keys.revoke(database, admin.key_id, HERE)
    assert not keys.has_admin(database)


def test_every_change_of_a_key_is_in_the_audit_log(database: Database) -> None:
    key, _ = keys.create(database, Wanted("CRM", [Scope.READ]), HERE)
    keys.rotate(database, key.key_id, 1, HERE)
    keys.revoke(database, key.key_id, HERE)
    rows = audit_log.entries(database, 10)
    assert [row.action for row in rows] == ["key.revoked", "key.rotated", "key.created"]
    assert {(row.who, row.target, row.request_id, row.address) for row in rows} == {("test", key.key_id, "request-1", "10.0.0.1")}
