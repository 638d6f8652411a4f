import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from features.errors import UsageError
from serving.access import keys
from serving.cli.keys import somebody_is_admin
from serving.cli.main import app
from serving.database import Database
from serving.settings import check_servable, read

run = CliRunner().invoke


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DEALCAST_HOME", str(tmp_path / "home"))


def stored() -> list[keys.ApiKey]:
    database = Database.open(read().store_url)
    found = keys.every(database)
    database.close()
    return found


def test_a_new_key_alone_goes_to_stdout() -> None:
    result = run(app, ["keys", "create", "CRM", "--scope", "read", "--scope", "score", "--user", "U-1", "--days", "30"])
    assert (result.exit_code, result.stderr.endswith("not shown again:\n")) == (0, True)
    token, key = result.stdout.strip(), stored()[0]
    assert keys.id_of(token) == key.key_id
    assert (key.user_id, sorted(key.scopes)) == ("U-1", ["read", "score"])


def test_keys_are_listed_rotated_and_revoked() -> None:
    token = run(app, ["keys", "create", "CRM", "--scope", "read"]).stdout.strip()
    key_id = keys.id_of(token) or ""
    assert run(app, ["keys", "rotate", key_id]).stdout.strip() != token
    assert key_id in run(app, ["keys", "list"]).stdout
    assert run(app, ["keys", "revoke", key_id]).exit_code == 0
    listed = json.loads(run(app, ["keys", "list", "--json"]).stdout)
    assert (listed[0]["key_id"], listed[0]["revoked_at"] is not None) == (key_id, True)
    assert run(app, ["keys", "revoke", key_id]).exit_code == 2


def test_the_log_is_shown_and_verified_against_a_hash_that_was_kept() -> None:
    run(app, ["keys", "create", "CRM", "--scope", "read"])
    head = run(app, ["audit-log", "verify"]).stdout.strip()
    run(app, ["keys", "create", "BI", "--scope", "read"])
    assert run(app, ["audit-log", "verify", "--head", head]).stdout.startswith("2:")
    assert run(app, ["audit-log", "verify", "--head", f"1:{'0' * 64}"]).exit_code == 3
    assert run(app, ["audit-log", "verify", "--head", "nonsense"]).exit_code == 2
    assert "key.created" in run(app, ["audit-log", "show"]).stdout
    rows = json.loads(run(app, ["audit-log", "show", "--json", "--limit", "1"]).stdout)
    assert rows[0]["who"].startswith("cli:")


def test_a_changed_log_does_not_verify() -> None:
    run(app, ["keys", "create", "CRM", "--scope", "read"])
    database = Database.open(read().store_url)
    with database.engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER audit_log_no_update")
        connection.exec_driver_sql("UPDATE audit_log SET who = 'nobody'")
    database.close()
    assert run(app, ["audit-log", "verify"]).exit_code == 3


def test_a_server_needs_no_key_in_the_environment_where_somebody_is_admin() -> None:
    with pytest.raises(UsageError, match="keys create"):
        check_servable(read(), somebody_is_admin)
    run(app, ["keys", "create", "admin", "--scope", "admin"])
    check_servable(read(), somebody_is_admin)


def test_a_placeholder_is_refused_even_then() -> None:
    run(app, ["keys", "create", "admin", "--scope", "admin"])
    with pytest.raises(UsageError, match="placeholder"):
        check_servable(read(api_key="changeme"), somebody_is_admin)
