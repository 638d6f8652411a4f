"""Which model version answers: a table of our own, of which the registry's alias is the mirror.

    revision  version  kind         who          gate
           1        3  adopted      mlflow
           2        5  promoted     k3q7m2xw5r   promoted
           3        3  rolled_back  cli:ann

Each promotion takes the next revision of its target, and says which one it follows. Of two that follow the same revision exactly
one is made, and the other is told who was first: the key (target, revision) can be given once. MLflow's aliases cannot do that;
there the last one wins, and nobody knows.

The alias is set inside the same transaction: when the registry does not answer, nothing has happened. Where somebody moved the
alias by hand, or a process died between setting it and writing the row, the next promotion takes the alias over as a revision
of its own, so that what MLflow says and what is written here come together again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import sqlalchemy as sa

from features.errors import DealcastError, NotReadyError, UsageError
from serving import moments
from serving.access import audit_log
from serving.access.audit_log import Event, Origin
from serving.access.tables import PROMOTIONS
from serving.database import Database
from training.registry import Champion, Registered, Registry, RunRecord, Version

Kind = Literal["adopted", "promoted", "rolled_back"]
REFUSED: Final = "refused"
MLFLOW: Final = Origin("mlflow")


class PromotionConflictError(DealcastError):
    """Somebody else promoted in the meantime."""


class GateRefusedError(DealcastError):
    """A version was to be promoted that the gate refused."""


@dataclass(frozen=True)
class Promotion:
    """One row: from `promoted_at` (microseconds) on the version answers. `gate` is what the gate had said of it."""

    target: str
    revision: int
    version: str
    kind: Kind
    promoted_at: int
    who: str
    note: str | None
    gate: str | None


@dataclass(frozen=True)
class Wish:
    """What is asked for: a version (None: the one before the present one).

    expected          the revision that it is to follow, None: that of now, whatever it is
    against_the_gate  even if the gate refused the version
    """

    target: str
    version: str | None
    expected: int | None = None
    against_the_gate: bool = False
    note: str | None = None


class Promotions:
    """Promotions of one installation: the table, and the registry that mirrors it."""

    def __init__(self, database: Database, registry: Registry) -> None:
        self.database = database
        self.registry = registry

    def revision(self, target: str) -> int:
        """The newest revision of a target, 0 before the first; what the registry says beyond the table is taken over.

        Raises NotReadyError where registry or database do not answer.
        """
        mirrored = self.registry.history(target)
        past = history(self.database, target)
        if mirrored[-1:] == [each.version for each in past[-1:]]:
            return past[-1].revision if past else 0
        with self.database.transaction(exclusive=True) as connection:
            return _adopt(connection, target, self.registry.history(target))

    def make(self, wish: Wish, origin: Origin) -> Promotion:
        """Promote a version, or go back to the one before.

        Raises PromotionConflictError, GateRefusedError, UsageError for a version that there is not and where there is none to
        go back to, and NotReadyError where registry or database do not answer; then nothing has changed.
        """
        newest = self.revision(wish.target)
        expected = newest if wish.expected is None else wish.expected
        known = {each.version: each for each in self.registry.versions(wish.target)}
        with self.database.transaction(exclusive=True) as connection:
            past = _history(connection, wish.target)
            _check_revision(past, expected, wish.target)
            version = _version_before(wish.target, past) if wish.version is None else wish.version
            gate = _gate_of(known, version, wish)
            kind: Kind = "rolled_back" if wish.version is None else "promoted"
            made = Promotion(wish.target, expected + 1, version, kind, moments.now(), origin.who, wish.note, gate)
            _write(connection, made, origin)
            self.registry.promote(wish.target, version)
        return made


class PromotedRegistry:
    """A registry whose promotions go through the table; for trainings, which promote what the gate lets through.

    A training compares its candidate with the champion of its beginning. If that is no longer the champion at its end, the gate
    has judged something else, and the promotion is refused.
    """

    def __init__(self, inner: Registry, database: Database, origin: Origin) -> None:
        self._inner = inner
        self._promotions = Promotions(database, inner)
        self._origin = origin
        self._seen: dict[str, int] = {}

    def register(self, target: str, bundle: Path, record: RunRecord) -> Registered:
        return self._inner.register(target, bundle, record)

    def champion(self, target: str) -> Champion | None:
        self._seen.setdefault(target, self._promotions.revision(target))
        return self._inner.champion(target)

    def versions(self, target: str) -> list[Version]:
        return self._inner.versions(target)

    def history(self, target: str) -> list[str]:
        return self._inner.history(target)

    def promote(self, target: str, version: str) -> None:
        self._promotions.make(Wish(target, version, self._seen.pop(target, None), against_the_gate=True), self._origin)

    def rollback(self, target: str) -> str:
        return self._promotions.make(Wish(target, None), self._origin).version


def history(database: Database, target: str) -> list[Promotion]:
    """All promotions of a target, the oldest first. Raises NotReadyError."""
    with database.transaction() as connection:
        return _history(connection, target)


def _history(connection: sa.Connection, target: str) -> list[Promotion]:
    wanted = sa.select(PROMOTIONS).where(PROMOTIONS.c.target == target).order_by(PROMOTIONS.c.revision)
    return [Promotion(**row) for row in connection.execute(wanted).mappings()]


def _adopt(connection: sa.Connection, target: str, mirrored: Sequence[str]) -> int:
    """Write down what the registry says: all its champions where the table knows none, else the one that was set by hand."""
    past = _history(connection, target)
    newest, last = (past[-1].revision, past[-1].version) if past else (0, None)
    for version in (mirrored[-1:] if past else mirrored) if mirrored[-1:] != [last] else ():
        newest += 1
        _write(connection, Promotion(target, newest, version, "adopted", moments.now(), MLFLOW.who, None, None), MLFLOW)
    return newest


def _gate_of(known: Mapping[str, Version], version: str, wish: Wish) -> str | None:
    """What the gate said of a version. Raises UsageError where there is no such version, GateRefusedError."""
    if version not in known:
        raise UsageError(f"there is no version {version} for {wish.target}; 'dealcast models' lists them")
    tags = known[version].tags
    if tags.get("gate") == REFUSED and wish.version is not None and not wish.against_the_gate:
        reasons = tags.get("reasons", "no reasons are on record")
        raise GateRefusedError(
            f"the gate refused version {version} for {wish.target}: {reasons}. To promote it all the same, add --against-the-gate"
        )
    return tags.get("gate")


def _version_before(target: str, past: Sequence[Promotion]) -> str:
    """What answered before the present version did, by going over the promotions and their withdrawals."""
    stack: list[str] = []
    for each in past:
        if each.kind == "rolled_back":
            stack = stack[:-1]
        elif stack[-1:] != [each.version]:
            stack.append(each.version)
    if len(stack) < 2:
        raise UsageError(f"no version for {target} was champion before this one: there is nothing to go back to")
    return stack[-2]


def _check_revision(past: Sequence[Promotion], expected: int, target: str) -> None:
    newest = past[-1].revision if past else 0
    if newest == expected:
        return
    said = f"the revision for {target} is {newest}, and {expected} was expected"
    if past:
        last = past[-1]
        said += f": version {last.version} was {last.kind.replace('_', ' ')} by {last.who} in the meantime"
    raise PromotionConflictError(f"{said}. Look at it, and promote again if that is still right")


def _write(connection: sa.Connection, made: Promotion, origin: Origin) -> None:
    connection.execute(sa.insert(PROMOTIONS).values(vars(made)))
    told: dict[str, str | int | None] = {"version": made.version, "revision": made.revision, "note": made.note, "gate": made.gate}
    audit_log.append(connection, origin, Event(f"model.{made.kind}", made.target, told))


CODES: Final[tuple[tuple[type[DealcastError], str], ...]] = (
    (PromotionConflictError, "promotion_conflict"),
    (GateRefusedError, "gate_refused"),
    (NotReadyError, "not_ready"),
    (DealcastError, "unusable_request"),
)


def carry_out(promotions: Promotions, asked: Mapping[str, Any], fetched: Callable[[str], object]) -> dict[str, Any]:
    """What comes of a wish that was written down as `wish` and `origin`: the promotion, or `code` and `detail` of a refusal.

    `fetched` is called with the target of a promotion that was made.
    """
    try:
        made = promotions.make(Wish(**asked["wish"]), Origin(**asked["origin"]))
        fetched(made.target)
        return vars(made)
    except DealcastError as error:
        return {"code": next(code for kind, code in CODES if isinstance(error, kind)), "detail": str(error)}
