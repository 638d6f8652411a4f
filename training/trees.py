"""A booster's trees as flat arrays: which way each node sends a value, and what each leaf asks on the way to it.

LightGBM predicts whole rows. Reasons ask of many rows that are mixed from two, and there a leaf is reached exactly when each of
the conditions on its way is met, whoever's value it reads; so the conditions are laid open here. Example: the way to a leaf

    days_in_stage <= 20, stage in {0, 3}, days_in_stage > 8

has three conditions on two signals. Values are compared as LightGBM does (`Tree::NumericalDecision`, `CategoricalDecision` in its
include/LightGBM/tree.h): a missing number goes where the node sends missing ones, or counts as 0 where training saw none missing;
a missing category, and one that training did not see, goes right.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from features.clock import Floats, Mask
from features.history import Rows

_CATEGORY: Final = "=="


@dataclass(frozen=True)
class Trees:
    """All trees of a booster.

    column, threshold, unknown_left   of each node; the threshold of a category is NaN
    chosen, categories                row of `categories` for each node (-1: a number); (category nodes, codes): which go left
    leaf, node, left                  of each condition: the leaf that it guards, the node, whether the way goes left there
    value, of_class                   of each leaf: what it adds to the raw score, and of which class
    """

    column: Rows
    threshold: Floats
    unknown_left: Mask
    chosen: Rows
    categories: Mask
    leaf: Rows
    node: Rows
    left: Mask
    value: Floats
    of_class: Rows

    def goes_left(self, matrix: npt.NDArray[np.float32]) -> Mask:
        """(rows, nodes): which way each node sends each row."""
        value = matrix[:, self.column].astype(np.float64)
        unknown = np.isnan(value)
        left = np.where(unknown, self.unknown_left, value <= self.threshold)
        which = np.flatnonzero(self.chosen >= 0)
        code = np.where(unknown[:, which], -1, value[:, which]).astype(np.int64)
        seen = (code >= 0) & (code < self.categories.shape[1])
        left[:, which] = seen & self.categories[self.chosen[which], np.where(seen, code, 0)]
        return np.asarray(left)


def read_trees(booster: lgb.Booster | None) -> Trees:
    """Read a multiclass booster; no trees for None. Raises ValueError for trees that treat zero as missing: none are trained."""
    nodes: list[dict[str, Any]] = []
    leaves: list[tuple[float, int]] = []
    conditions: list[tuple[int, int, bool]] = []
    dumped: dict[str, Any] = booster.dump_model() if booster else {"tree_info": [], "num_class": 1}
    for number, tree in enumerate(dumped["tree_info"]):
        for value, way in _ways(tree["tree_structure"], (), nodes):
            conditions += [(len(leaves), node, left) for node, left in way]
            leaves.append((value, number % dumped["num_class"]))
    if any(node["missing_type"] == "Zero" for node in nodes):
        raise ValueError("trees that treat zero as missing cannot be read")
    leaf, node, left = np.array(conditions, dtype=np.int64).reshape(-1, 3).T
    values, of_class = np.array(leaves, dtype=np.float64).reshape(-1, 2).T
    return Trees(
        np.array([each["split_feature"] for each in nodes], dtype=np.int64),
        np.array([np.nan if _is_category(each) else each["threshold"] for each in nodes], dtype=np.float64),
        np.array([_unknown_left(each) for each in nodes], dtype=bool),
        *_categories(nodes),
        leaf,
        node,
        left.astype(bool),
        values,
        of_class.astype(np.int64),
    )


def _ways(
    found: dict[str, Any], way: tuple[tuple[int, bool], ...], nodes: list[dict[str, Any]]
) -> Iterator[tuple[float, tuple[tuple[int, bool], ...]]]:
    """Each leaf below a node with its value and the way to it; the nodes are numbered in `nodes` as they are met."""
    if "split_feature" not in found:
        yield float(found["leaf_value"]), way
        return
    number = len(nodes)
    nodes.append(found)
    yield from _ways(found["left_child"], (*way, (number, True)), nodes)
    yield from _ways(found["right_child"], (*way, (number, False)), nodes)


def _is_category(node: dict[str, Any]) -> bool:
    return bool(node["decision_type"] == _CATEGORY)


def _unknown_left(node: dict[str, Any]) -> bool:
    if _is_category(node):
        return False
    return bool(node["default_left"]) if node["missing_type"] == "NaN" else node["threshold"] >= 0.0


def _categories(nodes: list[dict[str, Any]]) -> tuple[Rows, Mask]:
    sets = [[int(code) for code in node["threshold"].split("||")] if _is_category(node) else None for node in nodes]
    coded = [codes for codes in sets if codes is not None]
    table = np.zeros((len(coded), 1 + max((max(codes) for codes in coded), default=0)), dtype=bool)
    for row, codes in enumerate(coded):
        table[row, codes] = True
    is_set = np.array([codes is not None for codes in sets], dtype=bool)
    return np.where(is_set, np.cumsum(is_set) - 1, -1), table
