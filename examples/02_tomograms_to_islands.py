"""From two tomograms to lithium islands, and how far the numbers can be trusted.

A synthetic cell stands in for a beam time, because its truth is known: three caps of lithium
that have taken the place of copper, scanned before and after plating, with noise, blur, and a
drift of about a voxel between the scans.
"""

from imaging.islands import Island
from imaging.options import ImageOptions
from imaging.phantom import IslandChoice, PhantomOptions, make_phantom
from imaging.workflow import analyse_pair

CAPS_UM = [
    # y, x, contact diameter, height
    [70.0, 70.0, 44.4, 20.0],
    [70.0, 190.0, 60.0, 10.0],
    [180.0, 125.0, 100.0, 5.0],
]


def main() -> list[Island]:
    """Make the scans, analyse them, and compare each island with what it was made from."""
    cell = PhantomOptions(shape=[110, 160, 160], islands=IslandChoice.listed, caps_um=CAPS_UM)
    phantom = make_phantom(cell)

    # nothing is told: alignment, interface and grey values are found
    result = analyse_pair(phantom.before, phantom.after, ImageOptions())
    assert len(result.islands) == len(CAPS_UM)

    for y, x, diameter, height in CAPS_UM:
        found = min(result.islands, key=lambda i: (i.y_um - y) ** 2 + (i.x_um - x) ** 2)
        # lithium replaces copper, so volumes are plain sums: good to a few per cent
        true = 3.14159 * height * (3 * (diameter / 2) ** 2 + height**2) / 6
        assert abs(found.volume_um3 / true - 1) < 0.05
        # outlines are found to a fraction of a voxel of 1.625 um
        assert abs(found.contact_diameter_um - diameter) < 1.625
        assert abs(found.height_um - height) < 0.5
    return result.islands


if __name__ == "__main__":
    for island in main():
        print(
            f"island {island.label}: {island.contact_diameter_um:.1f} um wide, "
            f"{island.height_um:.1f} um tall, {island.volume_um3:.0f} um3"
        )
