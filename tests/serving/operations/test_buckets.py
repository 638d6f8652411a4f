"""Token buckets against a plain count, and shared by processes."""

import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from serving.operations.buckets import NEIGHBOURS, PLACES, Buckets, prepare


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_goes_through_and_then_the_rate_holds() -> None:
    at = Clock()
    buckets = Buckets(10, 20, clock=at)
    assert [buckets.take("a") for _ in range(20)] == [0.0] * 20
    assert abs(buckets.take("a") - 0.1) < 1e-6
    at.now += 0.1001
    assert buckets.take("a") == 0.0
    assert buckets.take("a") > 0.0


def test_callers_do_not_spend_each_others_turns() -> None:
    buckets = Buckets(1, 1, clock=Clock())
    assert (buckets.take("a"), buckets.take("b")) == (0.0, 0.0)
    assert buckets.take("a") > 0.0


@given(st.lists(st.floats(0, 0.5), max_size=60), st.integers(1, 5))
def test_who_waits_as_told_goes_through_and_nobody_gets_more_than_rate_and_burst(gaps: list[float], burst: int) -> None:
    at, rate = Clock(), 7.0
    buckets = Buckets(rate, burst, clock=at)
    for passed, gap in enumerate(gaps, 1):
        at.now += gap
        wait = buckets.take("a")
        if wait:
            at.now += wait + 1e-6
            assert buckets.take("a") == 0.0
        assert passed <= burst + rate * (at.now - 1000.0) + 1e-3


def test_made_up_callers_do_not_fill_the_table() -> None:
    at = Clock()
    buckets = Buckets(1000, 1, clock=at)
    for caller in range(PLACES * 2):
        buckets.take(f"made up {caller}")
        at.now += 0.01
    assert buckets.take("real") == 0.0


def test_a_full_neighbourhood_is_shared() -> None:
    at = Clock()
    buckets = Buckets(0.001, 1, clock=at)
    for caller in range(PLACES * NEIGHBOURS):
        buckets.take(str(caller))
    assert buckets.take("one more") > 0.0


def test_processes_share_one_bucket(tmp_path: Path) -> None:
    file = tmp_path / "buckets"
    prepare(file)
    program = (
        f"from pathlib import Path; from serving.operations.buckets import Buckets; b = Buckets(0.001, 10, Path({str(file)!r}))"
    )
    program += "; print(sum(b.take('a') == 0.0 for _ in range(8)))"
    printed = [subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout for _ in "ab"]
    assert list(map(int, printed)) == [8, 2]
