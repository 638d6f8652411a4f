"""Invented names, of people and of companies."""

from typing import Final

import numpy as np
import pandas as pd

from features.history import Rows
from features.synthetic.batch import pick


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FIRST: Final = _words(
    "Ada Amir Anna Bela Carl Clara Dario Edda Elif Emil Erik Esther Fiona Greta Hanna Hugo Ida Ines Ivo Jana Jonas Jun "
    "Karim Kira Lars Lea Leon Lina Luca Mara Marek Mila Nadia Nils Nora Olaf Oona Paul Petra Rafi Rosa Sami Sena Tara "
    "Theo Tilda Uma Yusuf"
)
LAST: Final = _words(
    "Abend Arkwell Barlow Bentrup Calder Corvan Dahlke Dunmore Ebner Elgar Falken Farrow Gasser Grell Hollin Hartvik "
    "Ibsker Jarrow Kessel Korrin Lindqvar Lorimer Marlen Mostyn Nevarre Norlund Oakden Orvell Pallas Penrose Quillon "
    "Rademark Rowley Sandvar Selwyn Tarrant Thorsen Ulmer Vance Varga Wexford Winther Yarrow Zellner"
)
_HEADS: Final = _words(
    "Al Bar Bel Bran Cal Cor Dal Del Dun El Fal Fen Gal Gar Hal Hel Iv Jor Kal Kel Lan Lor Mar Mel Mor Nor Oc Or Pel Pol "
    "Quen Ral Ros Sal Sel Sol Tal Tor Ul Val Ver Vol Wal Wen Yor Zel"
)
_TAILS: Final = _words(
    "aby aden ameer anto arda aven eby eden elor enta erith eton evane igan ildo inas inter isk ivar obel oden omar onde "
    "oria oven umbra unda urin uvel yden"
)
_TRADES: Final = _words(
    "Works Foundry Logistics Foods Chemicals Energy Electronics Mills Tools Packaging Textiles Instruments Plastics "
    "Glass Metals Systems Paper Freight Ceramics Optics"
)
_FORMS: Final = ("Group", "Ltd", "GmbH", "Inc", "& Sons", "Holding")


def people(n: int, rng: np.random.Generator) -> pd.Series:
    """n full names; a large firm has namesakes."""
    first = pick(FIRST, rng.integers(0, len(FIRST), n))
    return first + " " + pick(LAST, rng.integers(0, len(LAST), n))


def companies(n: int, rng: np.random.Generator) -> pd.Series:
    """n company names, all different while n is under 165,000."""
    lists = (_HEADS, _TAILS, _TRADES, _FORMS)
    sizes = [len(words) for words in lists]
    total = int(np.prod(sizes))
    head, tail, trade, form = np.unravel_index(_scattered(n, total, rng), sizes)
    return pick(_HEADS, head) + pick(_TAILS, tail) + " " + pick(_TRADES, trade) + " " + pick(_FORMS, form)


def _scattered(n: int, total: int, rng: np.random.Generator) -> Rows:
    """n numbers below `total`, without repetition up to `total` of them."""
    rounds = [rng.permutation(total) for _ in range(-(-n // total))]
    return np.concatenate([*rounds, np.zeros(0, dtype=np.int64)])[:n].astype(np.int64)
