"""The one door to DOLFINx and PETSc, which must be loaded in this order.

mpi4py loads the MPI library that the others need; without it they fail with
"libmpi.so.12: cannot open shared object file".
"""

# ruff: noqa: I001
from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _without_numba() -> Iterator[None]:
    """Hide Numba, which FFCx loads where it is installed.

    That takes nearly as long as a solution, for kernels in Python that nothing here uses; FFCx
    does as well without it.
    """
    hidden = "numba" not in sys.modules
    if hidden:
        sys.modules["numba"] = None  # type: ignore[assignment]  # makes its import fail
    try:
        yield
    finally:
        if hidden:
            del sys.modules["numba"]


try:
    with _without_numba():
        from mpi4py import MPI
        import petsc4py

        # PETSc's own handlers would end the process at a broken pipe; Python raises an error
        petsc4py.init(["islet", "-no_signal_handler"])
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
