"""What a process that only answers does not load."""

import subprocess
import sys

HEAVY = ("sklearn", "scipy.stats", "scipy.optimize", "scipy.ndimage", "matplotlib", "duckdb", "mlflow", "opentelemetry.sdk")
"""What only training, tests or those who ask for it need."""
LIGHT = ("pandas", "numpy", "lightgbm", "fastapi")


def loaded_after(program: str, names: tuple[str, ...] = HEAVY) -> str:
    told = f"{program}; import sys; print([name for name in {names} if name in sys.modules])"
    return subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True).stdout.strip()


def test_a_worker_loads_nothing_that_only_training_needs() -> None:
    assert loaded_after("from serving.process.lean import load_lightgbm; load_lightgbm(); import serving.process.server") == "[]"


def test_scikit_learn_is_there_for_who_asks_later() -> None:
    program = "from serving.process.lean import load_lightgbm; load_lightgbm(); from sklearn.linear_model import PoissonRegressor"
    assert "sklearn" in loaded_after(program)


def test_the_process_that_watches_over_workers_loads_neither_data_nor_models() -> None:
    assert loaded_after("import serving.process.workers", LIGHT) == "[]"
