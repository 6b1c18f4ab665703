"""Names of the bodies of a stack, of their faces, and of the pairs of faces that touch."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from mechanics.interfaces import Contact, ContactOptions
from mechanics.stack import StackGeometry, StackKind


class Region(IntEnum):
    """Tags of the bodies."""

    se = 1
    cu = 2
    island = 3
    ce = 4
    """Lithium counter electrode."""
    ce_cu = 5
    """Its copper foil."""
    lower_die = 6
    upper_die = 7
    peek = 8


class Edge(IntEnum):
    """Tags of the named lines."""

    axis = 11
    wall = 12
    """Side of a stack without PEEK tube."""
    top = 13
    """Where the stack pressure acts."""
    bottom = 14
    """What the stack stands on."""
    cap = 15
    """Upper surface of the island; the electrolyte's too where they are bonded."""
    base = 16
    """Lower face of the island; the current collector's too where they are bonded."""
    interface = 17
    """Lower face of the electrolyte outside the island."""
    hole_cap = 18
    """The electrolyte's face towards an island that is a body of its own."""
    hole_base = 19
    """The current collector's face towards an island that is a body of its own."""
    cu_upper = 20
    """The current collector's face beside the island where the electrolyte is not bonded to it."""
    cu_lower = 21
    lower_die_upper = 22
    se_upper = 23
    ce_lower = 24
    ce_upper = 25
    ce_cu_lower = 26
    ce_cu_upper = 27
    upper_die_lower = 28
    se_side = 29
    cu_side = 30
    ce_side = 31
    ce_cu_side = 32
    lower_die_side = 33
    upper_die_side = 34
    peek_inner = 35


@dataclass(frozen=True)
class Interface:
    """Two faces that may slip and open; the slave is the softer or more finely meshed one."""

    name: str
    """One of `mechanics.interfaces.INTERFACES`."""
    slave: tuple[Edge, ...]
    master: tuple[Edge, ...]


def interfaces_of(geometry: StackGeometry, contact: ContactOptions) -> tuple[Interface, ...]:
    """Return the faces of a stack that are not bonded."""
    pairs = []
    on_plane = geometry.kind is StackKind.roller
    free_island = contact.kind is Contact.frictional
    free_cu = contact.se_cu is Contact.frictional and not on_plane
    beside = (Edge.cu_upper,) if free_cu else ()
    if free_island:
        pairs.append(Interface("se_li", (Edge.cap,), (Edge.hole_cap,)))
    if free_island and not on_plane:
        pairs.append(Interface("cu_li", (Edge.base,), (Edge.hole_base, *beside)))
    if free_cu:
        below = (Edge.hole_base, *beside) if free_island else beside
        pairs.append(Interface("se_cu", (Edge.interface,), below))
    if geometry.kind is StackKind.cell:
        pairs += _of_cell(geometry)
    return tuple(pairs)


def _of_cell(geometry: StackGeometry) -> list[Interface]:
    faces = [
        ("die_cu", Edge.cu_lower, Edge.lower_die_upper),
        ("se_ce", Edge.ce_lower, Edge.se_upper),
        ("ce_cu", Edge.ce_upper, Edge.ce_cu_lower),
        ("cu_die", Edge.ce_cu_upper, Edge.upper_die_lower),
        ("se_peek", Edge.se_side, Edge.peek_inner),
        ("cu_peek", Edge.cu_side, Edge.peek_inner),
        ("die_peek", Edge.lower_die_side, Edge.peek_inner),
        ("die_peek", Edge.upper_die_side, Edge.peek_inner),
    ]
    if geometry.counter_electrode_fills_the_tube:
        faces += [
            ("ce_peek", Edge.ce_side, Edge.peek_inner),
            ("cu_peek", Edge.ce_cu_side, Edge.peek_inner),
        ]
    return [Interface(name, (slave,), (master,)) for name, slave, master in faces]
