"""Bring the champions into the local cache, in a process of its own that may die.

    python -m training.fetch --home .dealcast --tracking-uri sqlite:///… --target deals --target clients

Asks the registry for the alias, copies the bundle, checks every hash, loads it and repeats its stored predictions. Only then does
`current` name the new version, atomically. A damaged model ends this process and not the server, and the last good one stays.
"""

import argparse
import shutil
import sys
from pathlib import Path

from features.errors import DealcastError
from training import bundle
from training.registry import Champion, MlflowRegistry, Registry


def fetch(registry: Registry, target: str, cache: Path) -> str | None:
    """Cache the champion of a target and return its version, None while there is none. Raises DealcastError."""
    champion = registry.champion(target)
    if champion is None:
        return None
    folder = cache / target
    if not _is_good(folder / champion.version):
        _copy_whole(champion, folder)
    temporary = folder / "current.tmp"
    temporary.write_text(champion.version, encoding="utf-8")
    temporary.replace(folder / "current")
    return champion.version


def _is_good(folder: Path) -> bool:
    """Whether there is a bundle as it was stored, which gives the predictions stored with it."""
    try:
        bundle.verify(bundle.load(folder))
    except bundle.DamagedBundleError:
        return False
    return True


def _copy_whole(champion: Champion, folder: Path) -> None:
    """Copy under another name first, so that a version's folder is complete or absent."""
    temporary = folder / f"{champion.version}.tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    shutil.copytree(champion.path, temporary)
    bundle.verify(bundle.load(temporary))
    shutil.rmtree(folder / champion.version, ignore_errors=True)
    temporary.replace(folder / champion.version)


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0 when the registry answered, whether or not there is a champion; else that of the error."""
    parser = argparse.ArgumentParser(prog="python -m training.fetch", description="Cache the champion models.")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--tracking-uri", required=True)
    parser.add_argument("--target", action="append", required=True)
    options = parser.parse_args(arguments)
    registry = MlflowRegistry(options.home, options.tracking_uri)
    try:
        for target in options.target:
            fetch(registry, target, options.home / "cache" / "champions")
    except DealcastError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
