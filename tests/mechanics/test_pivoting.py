"""How many nodes in contact change their status at a time."""

from __future__ import annotations

import numpy as np

from mechanics.pivoting import CREDIT, BlockRule, Violations


def _opening(*nodes: int) -> Violations:
    none = np.zeros(10, dtype=bool)
    opens = none.copy()
    opens[list(nodes)] = True
    return Violations(opens, none, none, none, 0.0, 0.0)


def test_all_change_while_there_are_fewer_and_fewer() -> None:
    rule = BlockRule()
    for nodes in ((1, 3, 5, 7), (1, 3, 5), (3, 5), (8,)):
        assert rule.chosen(_opening(*nodes)).any.nonzero()[0].tolist() == list(nodes)
        assert not rule.one_by_one


def test_the_last_changes_alone_where_they_do_not_get_fewer() -> None:
    rule, found = BlockRule(), _opening(2, 4, 6)
    for _ in range(1 + CREDIT):
        assert rule.chosen(found).any.sum() == 3
    assert rule.chosen(found).any.nonzero()[0].tolist() == [6]
    assert rule.one_by_one
    assert rule.chosen(_opening(2, 4)).any.sum() == 2  # fewer than ever: all of them again
    assert not rule.one_by_one
