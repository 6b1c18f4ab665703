"""How much of the lithium that was plated comes back.

A cell is scanned pristine, plated and stripped again. Every scan is compared with the first; the
charge gives what Faraday's law expects. On bare copper about 3 % of the lithium stays behind (Xu et
al., Small 2026): here it is known, because the cell is synthetic.
"""

from dataclasses import replace

from imaging.electrochemistry import charge_from_current, faraday_thickness_um
from imaging.options import ImageOptions
from imaging.phantom import IslandChoice, PhantomOptions, make_phantom
from imaging.series import SeriesResult, analyse_series

TIMES_H = [0.0, 7.5, 15.0]
CURRENT_MA_CM2 = [0.25, -0.25]
RESIDUAL = 0.03


def main() -> SeriesResult:
    """Plate 1.875 mAh/cm2, strip it, and find what was lost."""
    charge = charge_from_current(TIMES_H, CURRENT_MA_CM2)
    plated_um = faraday_thickness_um(charge[1])
    cell = PhantomOptions(shape=[96, 96, 96], islands=IslandChoice.none, layer_um=plated_um)
    plated = make_phantom(cell)
    stripped = make_phantom(replace(cell, residual_fraction=RESIDUAL))
    scans = [lambda: plated.before, lambda: plated.after, lambda: stripped.after]
    result = analyse_series(scans, TIMES_H, charge, ImageOptions())

    # 7.5 h at 0.25 mA/cm2 are 1.875 mAh/cm2, or 9.1 um of dense lithium
    assert abs(charge[1] - 1.875) < 1e-12
    assert abs(plated_um - 9.09) < 0.01
    assert abs(result.rows[1].mean_thickness_um / plated_um - 1) < 0.02

    # what is not found again is the residual, within the error that is said
    (cycle,) = result.cycles
    assert abs(cycle.efficiency - (1 - RESIDUAL)) < 0.01
    assert abs(result.rows[2].mean_thickness_um - RESIDUAL * plated_um) < 0.1
    return result


if __name__ == "__main__":
    found = main()
    for row in found.rows:
        print(f"{row.time_h:5.1f} h: {row.mean_thickness_um:5.2f} um of lithium")
    print(f"coulombic efficiency {100 * found.cycles[0].efficiency:.1f} %")
