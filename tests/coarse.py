"""The coarsest case that is still an island: for tests of what is around a solution."""

from __future__ import annotations

from coupling.schema_mechanics import MechanicsConfig
from mechanics.interfaces import Contact, ContactOptions
from mechanics.stack import Kinematics, Loading, MeshSize, StackGeometry

COARSE = MechanicsConfig(
    stack=StackGeometry(),
    contact=ContactOptions(kind=Contact.bonded),
    kinematics=Kinematics.small,
    mesh=MeshSize(fine_um=3.0),
    load=Loading(steps=2),
)
