"""What only Salesforce does: one record has two ids.

Reports and formulas show 15 characters, which differ by upper and lower case; the API and the data export show 18, the same 15
and three that encode the case, so that the id survives tools that ignore it. Files of both kinds join only in one form, the long
one. Example: 006A0000001aBcD is 006A0000001aBcDIAU; its last group of five, 1aBcD, has capitals at places 2 and 4, which makes
2² + 2⁴ = 20 and so the letter U.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

_SHORT, _GROUPS = 15, 3
_CODE = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345", dtype=np.uint8)


def full_ids(ids: pd.Series) -> pd.Series:
    """Ids of 15 letters and digits in their form of 18; whatever else stands there is left alone."""
    short = ids.str.fullmatch(r"[0-9A-Za-z]{15}").fillna(False).astype(bool)
    if not short.any():
        return ids
    characters = np.frombuffer("".join(ids[short]).encode("ascii"), dtype=np.uint8).reshape(-1, _SHORT)
    whole = np.hstack([characters, _suffixes(characters)])
    longer = whole.view(f"S{_SHORT + _GROUPS}").ravel().astype(str)
    return ids.mask(short, pd.Series(longer, index=ids.index[short], dtype="str"))


def _suffixes(characters: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The three check characters of each id: bit i of a group is set where its character i is a capital."""
    capital = (characters >= ord("A")) & (characters <= ord("Z"))
    bits = capital.reshape(-1, _GROUPS, _SHORT // _GROUPS) @ (1 << np.arange(_SHORT // _GROUPS))
    return _CODE[bits]
