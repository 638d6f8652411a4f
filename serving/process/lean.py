"""LightGBM without scikit-learn, for processes that only answer.

LightGBM loads scikit-learn when it is there, and with it half of SciPy, for wrappers that nothing here uses. A process that only
answers does without: 203 MB instead of 268 once everything is imported, and a second less of a core at the start. What does fit
something (the forecast's arrivals) imports scikit-learn when it comes to it.
"""

import sys
from typing import Any


def load_lightgbm() -> None:
    """Import LightGBM, and keep it from importing scikit-learn; nothing where either is loaded already."""
    modules: dict[str, Any] = sys.modules
    if "lightgbm" in modules or "sklearn" in modules:
        return
    modules["sklearn"] = None  # which makes its import fail
    try:
        import lightgbm  # noqa: F401
    finally:
        del modules["sklearn"]
