"""The one door to DOLFINx and PETSc, which must be loaded in this order.

mpi4py loads the MPI library that the others need; without it they fail with
"libmpi.so.12: cannot open shared object file".
"""

# ruff: noqa: I001
from __future__ import annotations

try:
    from mpi4py import MPI
    from petsc4py import PETSc
    import dolfinx
    from dolfinx import fem
    from dolfinx.io import gmsh as gmsh_io
except ImportError as error:
    raise ImportError(
        f"DOLFINx cannot be loaded ({error}). It comes with 'uv sync', with "
        "'pip install islet[fenics]', or with conda (fenics-dolfinx >= 0.10)"
    ) from error

__all__ = ["MPI", "PETSc", "dolfinx", "fem", "gmsh_io"]
