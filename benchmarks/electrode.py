"""How fast is a whole electrode ranked, and do the claimed errors hold?

    uv run python benchmarks/electrode.py [--islands 1000] [--workers 2] [--folder FOLDER]

A made-up electrode: diameters and aspect ratios are log-normal (medians 30 um and 0.14), tops
between paraboloid and half-ellipsoid, one island in fourteen with a flat top or a pointed one.
It is laid down as the folder of an `image` run, and `islet risk` ranks it with its default
settings. Twenty interpolated islands taken at random are then solved exactly from their profiles
and held against what was claimed of them. Exit code 1 if one lies outside its claim, or one of
the ten worst was not solved.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

# this folder's mechanics.py must not hide the package of that name
sys.path[:] = [p for p in sys.path if Path(p).resolve() != Path(__file__).resolve().parent]

SEED = 1
TESTED = 20
ROI_RADIUS_UM = 1495.0
ODD_SHARE = 0.07


def dome(diameter_um: float, height_um: float, base: float, power: float) -> np.ndarray:
    """Return the meridian of a dome as rows (r, z), from the apex to the contact line, um.

    With w = 1 - (2 r / D)^power and c = base: z = H (1 + c) w / (c + sqrt(c^2 + (1 - c^2) w)), a
    spherical cap where power is 2 and c the cosine of the contact angle.
    """
    rho = np.sin(np.linspace(0, np.pi / 2, 401))
    w = 1 - rho**power
    root = np.sqrt(np.maximum(base**2 + (1 - base**2) * w, 0.0))
    z = height_um * (1 + base) * w / np.maximum(base + root, 1e-300)
    z[0], z[-1] = height_um, 0.0
    falling = np.concatenate(([True], np.diff(z) < -1e-9 * height_um))
    falling[-1] = True
    return np.column_stack((diameter_um / 2 * rho, z))[falling]


def make_electrode(folder: Path, count: int) -> None:
    """Write islands as an `image` run leaves them."""
    from coupling.results import Result, islet_version, write_result

    random = np.random.default_rng(SEED)
    (folder / "islands").mkdir(parents=True, exist_ok=True)
    rows = []
    for label in range(1, count + 1):
        diameter = float(np.clip(np.exp(random.normal(math.log(30), 0.6)), 6, 160))
        ratio = float(np.clip(np.exp(random.normal(math.log(0.14), 0.7)), 0.03, 0.6))
        if random.random() < ODD_SHARE:
            base, power = random.uniform(0, 1), random.choice([random.uniform(3.5, 6), 1.25])
        else:
            cosine = math.cos(2 * math.atan(2 * ratio))
            base = float(np.clip(cosine + random.normal(0, 0.15), 0, 1.3))
            power = random.normal(2, 0.08)
        points = dome(diameter, ratio * diameter, base, float(power))
        r, z = points.T
        volume = math.pi / 3 * ((r[1:] ** 2 + r[1:] * r[:-1] + r[:-1] ** 2) * -np.diff(z)).sum()
        place = ROI_RADIUS_UM * math.sqrt(random.random())
        turn = random.uniform(0, 2 * math.pi)
        rows.append(
            {
                "label": label,
                "x_um": ROI_RADIUS_UM + place * math.cos(turn),
                "y_um": ROI_RADIUS_UM + place * math.sin(turn),
                "contact_diameter_um": diameter,
                "height_um": ratio * diameter,
                "volume_um3": volume,
                "aspect_ratio": ratio,
            }
        )
        with (folder / "islands" / f"{label}.csv").open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["r_um", "z_um"])
            writer.writerows([[f"{a:.10g}", f"{b:.10g}"] for a, b in points])
    with (folder / "islands.csv").open("w", newline="") as stream:
        table = csv.DictWriter(stream, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    write_result(folder, Result("ok", islet_version(), "image", "benchmark", {}))


def processor_s() -> float:
    """Processor time of this process and of those that have ended, s."""
    own, others = (resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


def main() -> int:
    """Read the command line; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--islands", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="keep the electrode here")
    parser.add_argument("--out", type=Path, help="write the result as JSON too")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        return measured(given.islands, given.workers, given.folder or Path(temporary), given.out)


def measured(islands: int, workers: int, folder: Path, out: Path | None) -> int:
    """Rank, test, print; return the exit code."""
    import pandas as pd

    from coupling.bridge import profile_from_file
    from coupling.electrode import solve_islands
    from coupling.schema_mechanics import RiskConfig
    from mechanics.stack import StackGeometry

    image, risk = folder / "image", folder / "risk"
    make_electrode(image, islands)
    start = time.perf_counter()
    command = [
        sys.executable, "-m", "coupling.cli", "risk", f"image={image}", f"hydra.run.dir={risk}",
        f"workers={workers}", "force=true",
    ]  # fmt: skip
    subprocess.run(command, check=True)
    seconds = time.perf_counter() - start
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = usage.ru_utime + usage.ru_stime
    table = pd.read_csv(risk / "risk.csv")
    scalars = json.loads((risk / "result.json").read_text())["scalars"]
    print(f"{islands} islands ranked in {seconds:.0f} s ({cpu:.0f} s of CPU)")
    print(json.dumps(scalars, indent=2))

    between = table[table["method"] == "interpolated"]
    picked = between.sample(min(TESTED, len(between)), random_state=SEED).sort_index()
    profiles = {
        int(row.label): profile_from_file(image / "islands" / f"{row.label}.csv", row.volume_um3)
        for row in picked.itertuples()
    }
    config = RiskConfig(image=str(image), stack=StackGeometry())
    start = processor_s()
    exact = {risk.label: risk.scalars for risk in solve_islands(profiles, config, workers)}
    each = (processor_s() - start) / max(len(exact), 1)
    ratios = []
    print("island   bulk: claimed          exact   error/claim   rim: claimed         exact   e/c")
    for row in picked.itertuples():
        parts = []
        for name, error in (("risk_bulk", "error"), ("risk_rim", "error_risk_rim")):
            value, claim = getattr(row, name), getattr(row, error)
            true = float(exact[int(row.label)][name])  # type: ignore[arg-type]
            off = abs(value - true) / claim
            ratios.append(off)
            parts.append(f"{value:8.3f} +- {claim:.3f} {true:8.3f} {off:8.2f}")
        print(f"{row.label:6d} {'     '.join(parts)}")
    missed = sum(ratio > 1 for ratio in ratios)
    worst_exact = bool((table["method"].iloc[:10] == "exact").all())
    print(f"outside their claim: {missed} of {2 * len(picked)}; ten worst exact: {worst_exact}")
    if out:
        record = {"islands": islands, "wall_s": seconds, "cpu_s": cpu, "exact_cpu_s": each}
        record |= {"error_over_claim": ratios, "worst_exact": worst_exact, "scalars": scalars}
        out.write_text(json.dumps(record, indent=2) + "\n")
    return int(missed > 0 or not worst_exact)


if __name__ == "__main__":
    sys.exit(main())
