"""One promotion in a process of its own, because MLflow has no place in the server's: `python -m serving.cli.promoting`, with the
wish as JSON on stdin.

    {"target": "deals", "version": "5", "expected": 3, "who": "k3q7m2xw5r", …}  ->  {"revision": 4, "version": "5", …}

On a refusal: {"code": "promotion_conflict", "detail": "…"}, and exit code 1. Settings come from the environment.
"""

import json
import sys
from typing import Any, Final

from features.errors import DealcastError, NotReadyError
from serving.access.audit_log import Origin
from serving.registry.promotions import GateRefusedError, PromotionConflictError, Wish
from serving.settings import read

CODES: Final[tuple[tuple[type[DealcastError], str], ...]] = (
    (PromotionConflictError, "promotion_conflict"),
    (GateRefusedError, "gate_refused"),
    (NotReadyError, "not_ready"),
    (DealcastError, "unusable_request"),
)


def answer(text: str) -> dict[str, Any]:
    """What comes of a wish."""
    from serving.cli import lifecycle
    from serving.registry.champions import cache_below
    from training.fetch import fetch

    asked, settings = json.loads(text), read()
    promotions = lifecycle.promotions_of(settings)
    try:
        made = promotions.make(Wish(**asked["wish"]), Origin(**asked["origin"]))
        fetch(promotions.registry, made.target, cache_below(settings.home))
        return vars(made)
    except DealcastError as error:
        return {"code": next(code for kind, code in CODES if isinstance(error, kind)), "detail": str(error)}
    finally:
        promotions.database.close()


def main() -> int:
    found = answer(sys.stdin.read())
    sys.stdout.write(json.dumps(found))
    return int("code" in found)


if __name__ == "__main__":
    sys.exit(main())
