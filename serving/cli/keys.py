"""`dealcast keys` and `dealcast audit-log`: who may ask, and what was done.

A new key goes to stdout alone, and what is said of it to stderr, so that it can be piped into a secret store.
"""

import json as as_text
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from features.errors import DataError, UsageError

if TYPE_CHECKING:
    from serving.access.keys import ApiKey
    from serving.database import Database


class Named(StrEnum):
    """What a key may be used for."""

    READ = "read"
    SCORE = "score"
    WRITE = "write"
    ADMIN = "admin"


app = typer.Typer(no_args_is_help=True)
log = typer.Typer(no_args_is_help=True)
KeyId = Annotated[str, typer.Argument(help="The id of the key; 'dealcast keys list' shows them.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is for, such as 'CRM production'.")],
    scope: Annotated[list[Named], typer.Option(help="What it may be used for; may be repeated.")],
    user: Annotated[str | None, typer.Option(help="A user_id of the CRM: its holder sees this person's subtree only.")] = None,
    days: Annotated[float | None, typer.Option(min=0.01, max=3650, help="Days after which it expires. Default: never.")] = None,
) -> None:
    """Make a key and print it, this once."""
    from serving.access import keys
    from serving.access.audit_log import at_the_shell
    from serving.access.auth import Scope
    from serving.access.keys_api import in_days

    wanted = keys.Wanted(name, [Scope(each) for each in scope], user, in_days(days) if days else None)
    with _database() as database:
        _show_new(*keys.create(database, wanted, at_the_shell()))


@app.command("list")
def show(json: AsJson = False) -> None:
    """List all keys, without their secrets."""
    from serving.access import keys
    from serving.access.keys_api import described

    with _database() as database:
        found = [described(key) for key in keys.every(database)]
    if json:
        typer.echo(as_text.dumps(found, default=str, indent=2))
        return
    _table(("key_id", "name", "scopes", "user_id", "created_at", "last_used_at", "expires_at", "revoked_at"), found)


@app.command()
def rotate(
    key_id: KeyId,
    overlap_days: Annotated[float, typer.Option(min=0, max=90, help="For how long the secret before stays valid.")] = 7.0,
) -> None:
    """Give a key another secret and print it, this once."""
    from serving.access import keys
    from serving.access.audit_log import at_the_shell
    from serving.access.keys_api import in_days

    with _database() as database:
        _show_new(*keys.rotate(database, key_id, in_days(overlap_days), at_the_shell()))


@app.command()
def revoke(key_id: KeyId) -> None:
    """Let a key open nothing any more; every server knows within seconds."""
    from serving.access import keys
    from serving.access.audit_log import at_the_shell

    with _database() as database:
        keys.revoke(database, key_id, at_the_shell())
    typer.echo(f"{key_id} is revoked")


@log.command("show")
def show_log(
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many rows.")] = 50,
    action: Annotated[str | None, typer.Option(help="Only rows of this action, such as login.")] = None,
    json: AsJson = False,
) -> None:
    """Print what was done, the newest first."""
    from serving.access import audit_log
    from serving.access.keys_api import told

    with _database() as database:
        rows = [told(entry) for entry in audit_log.entries(database, limit, action=action)]
    if json:
        typer.echo(as_text.dumps(rows, default=str, indent=2, ensure_ascii=False))
        return
    shown = [row | {"details": as_text.dumps(row["details"], ensure_ascii=False)} for row in rows]
    _table(("number", "at", "who", "action", "target", "details", "address"), shown)


@log.command()
def verify(
    head: Annotated[
        str | None, typer.Option(help="number:hash, as printed by an earlier verify: the log must still hold that row.")
    ] = None,
) -> None:
    """Check that no row was changed or removed; exit code 3 where one was. Prints the newest row's number and hash."""
    from serving.access import audit_log

    with _database() as database:
        found = audit_log.verify(database)
        if found.broken_at is not None:
            raise DataError("audit_log", f"row {found.broken_at} does not follow row {found.n}", "compare with a backup")
        if head is not None:
            _check_head(database, head)
    typer.echo(f"{found.n}:{found.head}")


def somebody_is_admin() -> bool:
    """Whether a key in the database can hand out others, so that the server needs none from the environment."""
    from serving.access import keys

    with _database() as database:
        return keys.has_admin(database)


def _check_head(database: "Database", head: str) -> None:
    from serving.access import audit_log

    number, _, expected = head.partition(":")
    if not number.isdecimal() or len(number) > 18 or not expected:
        raise UsageError("--head is number:hash, as 'dealcast audit-log verify' prints it")
    if int(number) and audit_log.hash_of(database, int(number)) != expected:
        raise DataError("audit_log", f"row {number} is not the one that it was", "compare with a backup")


def _show_new(key: "ApiKey", token: str) -> None:
    typer.echo(f"{key.key_id} ({key.name}), scopes {', '.join(sorted(key.scopes))}. It is not shown again:", err=True)
    typer.echo(token)


def _table(columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(row[column])) for column in columns))
    Console(width=160).print(table)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(value)
    return f"{value:%Y-%m-%d %H:%M}" if hasattr(value, "isoformat") else str(value)


@contextmanager
def _database() -> "Iterator[Database]":
    from serving.database import Database
    from serving.settings import read

    settings = read()
    settings.home.mkdir(parents=True, exist_ok=True)
    database = Database.open(settings.store_url)
    try:
        yield database
    finally:
        database.close()
