import numpy as np
import pytest

from training.slices import OTHERS, UNKNOWN, _band_names, in_order


@pytest.mark.parametrize("cuts", [[900.0, 15_050.0, 62_030.0], [18.0], [-1200.0, 0.0, 10.0]])
def test_bands_are_listed_by_their_numbers(cuts: list[float]) -> None:
    names = list(_band_names(np.array(cuts)))
    assert in_order([*sorted(names), UNKNOWN]) == [*names, UNKNOWN]


def test_other_values_are_listed_by_their_letters_and_the_rest_last() -> None:
    assert in_order([UNKNOWN, "West", OTHERS, "North"]) == ["North", "West", UNKNOWN, OTHERS]
