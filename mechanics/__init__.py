"""Axisymmetric elastic-plastic mechanics of a lithium island in a solid-state cell.

Lengths are in um and stresses in MPa throughout, hence forces in uN and
energies in pJ. Coordinates are ``x[0] = r`` and ``x[1] = z`` with ``z = 0`` at
the interface of solid electrolyte (above) and current collector (below).

The solver's libraries (DOLFINx, PETSc, gmsh) are imported only by the modules
that need them, so shapes and materials can be described without them.
"""
