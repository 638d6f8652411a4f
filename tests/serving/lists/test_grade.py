import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from features.errors import UsageError
from serving.lists.grade import GRADES, grade
from serving.settings import read

LIMITS = (0.6, 0.35, 0.15)


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_larger_chance_has_no_worse_grade(one: float, other: float) -> None:
    low, high = (GRADES.index(found) for p in sorted((one, other)) if (found := grade(p, LIMITS)))
    assert high <= low


@pytest.mark.parametrize("letters", ["A", "B", "C", "D", "AD", "ABCD"])
def test_the_list_is_narrowed_by_grade(client: TestClient, letters: str) -> None:
    items = client.get("/v1/deals?limit=200").json()["items"]
    assert all(item["grade"] == grade(item["p_won_90d"], LIMITS) for item in items)
    found = client.get("/v1/deals", params={"limit": 200, "grade": list(letters)}).json()["items"]
    assert found == [item for item in items if item["grade"] in letters]


@pytest.mark.parametrize("limits", [(0.2, 0.4, 0.6), (1.0, 0.5, 0.2), (0.5, 0.5, 0.2), (0.5, 0.2, 0.0)])
def test_limits_that_do_not_fall_are_refused(limits: tuple[float, float, float]) -> None:
    with pytest.raises(UsageError, match="grade_limits"):
        read(grade_limits=limits)
