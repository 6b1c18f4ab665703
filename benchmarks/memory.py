"""How much memory do an analysis and a solution need, against their peers?

    uv run python benchmarks/memory.py [--shape 60 920 920]

The most that is resident at a time, of whole processes: `islet image` on a phantom pair, and the
same chain in plain SciPy (`naive` of `imaging.py`) on the same two files; `islet solve` on the
published narrow island, and CalculiX on the same model (`data/A_narrow.inp.gz`), where it is
installed. What `islet image --help` needs is told beside it.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import shutil
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

# this folder's mechanics.py and imaging.py must not hide the packages of those names
HERE = Path(__file__).resolve().parent
sys.path[:] = [p for p in sys.path if Path(p).resolve() != HERE]
sys.path.insert(0, str(HERE.parent))

from benchmarks.process import ran  # noqa: E402

ISLANDS = 2
ISLET = [sys.executable, "-m", "coupling.cli"]
PAIR = """
import sys
from pathlib import Path
from benchmarks.imaging import pair
pair(Path(sys.argv[1]), tuple(map(int, sys.argv[2:5])), int(sys.argv[5]))
"""
NAIVE = """
import json, sys
from pathlib import Path
from benchmarks import imaging
imaging.NAIVE_VOXELS = 2**62  # no crop
place = Path(sys.argv[1])
truth = json.loads((place / "truth" / "transform.json").read_text())
imaging.naive(place, truth["grey_cc"], truth["grey_li"])
"""


@dataclass(frozen=True)
class Peak:
    """Most memory resident at a time of one process, MiB; None: not installed."""

    image: float
    image_start: float
    """Of a process that only starts."""
    naive: float
    voxels: int
    solve: float
    calculix: float | None


def peak_mib(command: list[str], folder: Path) -> float:
    """Run a command, and return the peak of its resident memory.

    A process begins with the memory of the one that starts it, so this one is kept small: it
    loads no NumPy and makes no phantom.
    """
    return ran(command, folder).ru_maxrss / 1024


def measured(shape: tuple[int, int, int], folder: Path) -> Peak:
    """Measure all of it once."""
    sizes = [*map(str, (*shape, ISLANDS))]
    peak_mib([sys.executable, "-c", PAIR, str(folder), *sizes], HERE.parent)
    place = folder / "x".join(sizes)
    scans = [f"{name}={place / name}.tif" for name in ("before", "after")]
    out = [f"hydra.run.dir={folder / 'out'}", "force=true", "figures=none"]
    image = [*ISLET, "image", *scans, *out, "render=false"]
    solve = [*ISLET, "solve", "island=narrow", "stack=canonical", *out]
    for command in (image, solve):
        peak_mib(command, HERE.parent)  # compiles the loops
    ccx = None
    if shutil.which("ccx"):
        deck = (HERE / "data" / "A_narrow.inp.gz").read_bytes()
        (folder / "A_narrow.inp").write_bytes(gzip.decompress(deck))
        ccx = peak_mib(["ccx", "A_narrow"], folder)
    return Peak(
        image=peak_mib(image, HERE.parent),
        image_start=peak_mib([*ISLET, "image", "--help"], HERE.parent),
        naive=peak_mib([sys.executable, "-c", NAIVE, str(place)], HERE.parent),
        voxels=math.prod(shape),
        solve=peak_mib(solve, HERE.parent),
        calculix=ccx,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shape", type=int, nargs=3, default=[60, 920, 920])
    parser.add_argument("--out", type=Path, help="write the result as JSON too")
    chosen = parser.parse_args()
    nz, ny, nx = chosen.shape
    with tempfile.TemporaryDirectory() as folder:
        found = measured((nz, ny, nx), Path(folder))
    print(
        f"islet image on {found.voxels / 1e6:.1f} Mvoxel: {found.image:.0f} MiB, of them "
        f"{found.image_start:.0f} to start; naive chain {found.naive:.0f} MiB"
    )
    print(f"islet solve: {found.solve:.0f} MiB; CalculiX {found.calculix or math.nan:.0f} MiB")
    if chosen.out:
        chosen.out.write_text(json.dumps(asdict(found), indent=2) + "\n")


if __name__ == "__main__":
    main()
