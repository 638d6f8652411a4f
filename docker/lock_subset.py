"""The part of requirements.lock that some packages need, with their hashes: an image holds no development tools.

    python docker/lock_subset.py --project --extra otel     what the service needs
    python docker/lock_subset.py hatchling                  what builds its wheel

The lock says of each package what needs it ("# via"), so what a package needs is found in it by going the other way.
"""

import argparse
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

ENTRY = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==")
NEEDED_BY = re.compile(r"^    #(?: via)? {1,3}(?P<name>[A-Za-z0-9._-]+)(?: |$)")


def entries(lock: str) -> dict[str, list[str]]:
    """name -> the lines of its entry, hashes and comments included."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in lock.splitlines():
        start = ENTRY.match(line)
        if start:
            lines = found.setdefault(_plain(start["name"]), [])
        if start or line.startswith("    "):
            lines.append(line)
    return found


def closure(wanted: Iterable[str], lock: Mapping[str, list[str]]) -> list[str]:
    """These packages and all that they need, sorted. Raises KeyError for one that the lock does not hold."""
    needs: dict[str, set[str]] = {name: set() for name in lock}
    for name, lines in lock.items():
        for parent in _needed_by(lines):
            needs.setdefault(parent, set()).add(name)
    found: set[str] = set()
    waiting = [_plain(name) for name in wanted]
    while waiting:
        name = waiting.pop()
        if name not in found:
            lock[name]  # an unknown one is an error
            found.add(name)
            waiting += needs[name]
    return sorted(found)


def of_project(pyproject: Mapping[str, object], extras: Iterable[str]) -> list[str]:
    """The names of what the project itself asks for."""
    project = pyproject["project"]
    assert isinstance(project, dict)
    asked = [*project["dependencies"], *(each for extra in extras for each in project["optional-dependencies"][extra])]
    return [re.split(r"[\[<>=!~; ]", text, maxsplit=1)[0] for text in asked]


def _needed_by(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        found = NEEDED_BY.match(line)
        if found and found["name"] != "via":
            yield _plain(found["name"])


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> int:
    parser = argparse.ArgumentParser(description="Print a part of requirements.lock.")
    parser.add_argument("packages", nargs="*")
    parser.add_argument("--project", action="store_true", help="what pyproject.toml asks for")
    parser.add_argument("--extra", action="append", default=[])
    options = parser.parse_args()
    lock = entries(Path("requirements.lock").read_text(encoding="utf-8"))
    asked = (
        of_project(tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8")), options.extra) if options.project else []
    )
    for name in closure([*options.packages, *asked], lock):
        sys.stdout.write("\n".join(lock[name]) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
