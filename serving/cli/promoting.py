"""One promotion in a process of its own, because MLflow has no place in the server's: `python -m serving.cli.promoting`, with the
wish as JSON on stdin.

    {"target": "deals", "version": "5", "expected": 3, "who": "k3q7m2xw5r", …}  ->  {"revision": 4, "version": "5", …}

On a refusal: {"code": "promotion_conflict", "detail": "…"}, and exit code 1. Settings come from the environment.
"""

import json
import sys
from typing import Any

from serving.registry.promotions import carry_out
from serving.settings import read


def answer(text: str) -> dict[str, Any]:
    """What comes of a wish."""
    from serving.cli import lifecycle
    from serving.registry.champions import cache_below
    from training.fetch import fetch

    settings = read()
    promotions = lifecycle.promotions_of(settings)
    try:
        return carry_out(
            promotions, json.loads(text), lambda target: fetch(promotions.registry, target, cache_below(settings.home))
        )
    finally:
        promotions.database.close()


def main() -> int:
    found = answer(sys.stdin.read())
    sys.stdout.write(json.dumps(found))
    return int("code" in found)


if __name__ == "__main__":
    sys.exit(main())
