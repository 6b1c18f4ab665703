"""Faces of bodies as chains of quadratic edges, in order."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from mechanics.assembly import Discretisation, Ints
from mechanics.layout import Edge
from mechanics.profile import Floats


@dataclass(frozen=True)
class Chain:
    """A face of a body: quadratic edges one after the other, from the axis or from below."""

    edges: Ints
    """Nodes (first, middle, last) of each edge, shape (m, 3); the last is the next one's first."""
    outward: int
    """+1 where the body lies to the right of the chain's direction, so that the outward normal
    is the direction turned by +90 degrees; -1 where it lies to the left."""

    @property
    def vertices(self) -> Ints:
        """Ends of the edges, in order, shape (m + 1,)."""
        return np.append(self.edges[:, 0], self.edges[-1, 2])

    @property
    def nodes(self) -> Ints:
        """All nodes in order, shape (2 m + 1,)."""
        return np.append(self.edges[:, :2].ravel(), self.edges[-1, 2])


def chain(space: Discretisation, names: tuple[Edge, ...]) -> Chain:
    """Return the chain of all edges with one of the given names.

    Raises
    ------
    ValueError
        If these edges do not form one line.
    """
    facets = np.concatenate([space.stack.edges.find(name) for name in names])
    edges, centres = space.facet_nodes(facets)
    at = defaultdict(list)
    for i, (first, _, last) in enumerate(edges):
        at[first].append(i)
        at[last].append(i)
    ends = [node for node, touching in at.items() if len(touching) == 1]
    if len(ends) != 2:
        raise ValueError(
            f"{', '.join(name.name for name in names)}: {len(ends)} ends, wanted one line with two"
        )
    points = space.node_points
    here = min(ends, key=lambda node: (round(points[node, 0], 6), points[node, 1]))
    order, left = [], set(range(len(edges)))
    while left:
        (i,) = (i for i in at[here] if i in left)
        left.remove(i)
        edge = edges[i] if edges[i, 0] == here else edges[i, ::-1]
        order.append(edge)
        here = edge[2]
    ordered = np.array(order)
    first = (ordered[0][[0, 2]] == edges[:, [0, 2]]).all(1) | (
        ordered[0][[2, 0]] == edges[:, [0, 2]]
    ).all(1)
    body = centres[np.argmax(first)] - points[ordered[0, 1]]
    along = points[ordered[0, 2]] - points[ordered[0, 0]]
    left_of = along[0] * body[1] - along[1] * body[0] > 0
    return Chain(ordered, -1 if left_of else 1)


def values(x: Floats) -> Floats:
    """Return the shape functions (first, middle, last node) at positions in [0, 1]: (..., 3)."""
    return np.stack(((1 - x) * (1 - 2 * x), 4 * x * (1 - x), x * (2 * x - 1)), axis=-1)


def slopes(x: Floats) -> Floats:
    """Return their derivatives, shape (..., 3)."""
    return np.stack((4 * x - 3, 4 - 8 * x, 4 * x - 1), axis=-1)
