"""Random numbers that belong to a unit and not to its place among others: a client simulated alone draws what it draws in a list.

A generator that walks through all units gives each other numbers when one more stands before it. Here a number is a function of
the seed, the unit, the draw and how many numbers that draw has had: a counter-based generator, whose mixing function is that of
SplitMix64 (Steele, Lea & Flood 2014, Fast Splittable Pseudorandom Number Generators, p. 458).
"""

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias
from zlib import crc32

import numpy as np
import numpy.typing as npt

from features.clock import Floats

Words: TypeAlias = npt.NDArray[np.uint64]

_STEP: Final = np.uint64(0x9E3779B97F4A7C15)


def keys_of(names: Sequence[str]) -> Words:
    """A number for each unit, from its id."""
    return np.array([crc32(name.encode()) for name in names], dtype=np.uint64)


def streams(keys: Words, seed: int, draws: int) -> Words:
    """Where the numbers of each draw of each unit begin, (units, draws)."""
    begun = _mixed(keys + _mixed(np.full(len(keys), seed, dtype=np.uint64)))
    return _mixed(begun[:, None] + np.arange(draws, dtype=np.uint64) * _STEP)


def uniforms(of: Words, number: int) -> Floats:
    """The number with this place, from 0 on, of each of these streams: in [0, 1)."""
    words = _mixed(of + np.full(1, number + 1, dtype=np.uint64) * _STEP)
    return np.asarray((words >> np.uint64(11)).astype(np.float64) * 2.0**-53)


def generators(keys: Words, seed: int) -> Iterator[np.random.Generator]:
    """A generator of its own for each unit, for what uniform numbers are not enough for."""
    return (np.random.Generator(np.random.SFC64([seed, int(key)])) for key in keys)


def _mixed(words: Words) -> Words:
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
