"""Open the fields of `islet solve` in ParaView: stress on the deformed island and its mirror.

In ParaView: Tools, Python Shell, Run Script, after `FOLDER = "..."` in that shell; or from a
terminal, with a picture as the result (FOLDER/fields.png, if no other is named):

    pvpython docs/open_fields.py FOLDER [PICTURE.png]
"""

import json
import sys
from pathlib import Path

from paraview import simple

DEFORMATION_SCALE = 5.0
PICTURE_PIXELS = [1200, 800]
# Largest principal stress in MPa, and its colour (red, green, blue), as in the report: blue in
# compression, orange in tension, red above 200 MPa.
COLOURS = (
    (-200.0, 0.114, 0.208, 0.341), (-133.0, 0.357, 0.561, 0.761), (-67.0, 0.812, 0.878, 0.933),
    (0.0, 0.969, 0.969, 0.949), (67.0, 0.984, 0.890, 0.706), (133.0, 0.957, 0.722, 0.376),
    (200.0, 0.878, 0.557, 0.169),
)  # fmt: skip
ABOVE = [0.757, 0.071, 0.122]
ELECTROLYTE = 1  # of the cells' `region`
BODIES = {"current collector": (2, [0.851, 0.651, 0.475]), "lithium": (3, [0.725, 0.745, 0.788])}


def show(folder: Path) -> None:
    """Read, displace, mirror and colour the fields of one run."""
    fields = simple.OpenDataFile(str(folder / "fields.pvd"))
    simple.GetAnimationScene().GoToLast()
    moved = simple.WarpByVector(Input=fields)
    moved.Vectors = ["POINTS", "displacement_um"]
    moved.ScaleFactor = DEFORMATION_SCALE
    mirrored = simple.Reflect(Input=moved)
    mirrored.Plane = "X Min"
    view = simple.GetActiveViewOrCreate("RenderView")
    view.ViewSize = PICTURE_PIXELS
    for name, (region, colour) in BODIES.items():
        body = simple.Show(part(mirrored, region, name), view)
        simple.ColorBy(body, ("POINTS", ""))  # one colour
        body.AmbientColor = body.DiffuseColor = colour
        body.Ambient, body.Diffuse = 1.0, 0.0  # colours as they are, not as they are lit
    electrolyte = part(mirrored, ELECTROLYTE, "electrolyte")
    shown = simple.Show(electrolyte, view)
    shown.Ambient, shown.Diffuse = 1.0, 0.0
    simple.ColorBy(shown, ("POINTS", "sigma1_mpa"))
    colours = simple.GetColorTransferFunction("sigma1_mpa")
    colours.AutomaticRescaleRangeMode = "Never"
    colours.RGBPoints = [number for row in COLOURS for number in row]
    colours.UseAboveRangeColor, colours.AboveRangeColor = 1, ABOVE
    shown.SetScalarBarVisibility(view, True)
    bar = simple.GetScalarBar(colours, view)
    bar.Title, bar.ComponentTitle = "sigma1 in the electrolyte (MPa)", ""
    bar.WindowLocation, bar.Position, bar.ScalarBarLength = "Any Location", [0.3, 0.01], 0.4
    bar.Orientation, bar.HorizontalTitle = "Horizontal", 1
    bar.TitleFontSize = bar.LabelFontSize = 16
    bar.AutomaticLabelFormat, bar.LabelFormat, bar.RangeLabelFormat = 0, "%.0f", "%.0f"
    bar.UseCustomLabels, bar.CustomLabels = 1, [-100.0, 0.0, 100.0]
    simple.LoadPalette("WhiteBackground")
    simple.Render(view)  # the first picture sets the camera; ours comes after
    island = json.loads((folder / "result.json").read_text())["scalars"]
    reach = 0.7 * max(island["contact_diameter_um"], 3 * island["height_um"]) + 10
    view.InteractionMode = "2D"
    view.CameraFocalPoint = [0.0, 0.12 * reach, 0.0]
    view.CameraPosition = [0.0, 0.12 * reach, 10 * reach]
    view.CameraViewUp = [0.0, 1.0, 0.0]
    view.CameraParallelProjection = 1
    view.CameraParallelScale = 0.7 * reach
    simple.Render(view)


def part(source, region: int, name: str):
    """Return the cells of one body."""
    found = simple.Threshold(Input=source, registrationName=name)
    found.Scalars = ["CELLS", "region"]
    found.LowerThreshold = found.UpperThreshold = region
    return found


if __name__ == "__main__":
    if sys.argv[1:]:
        show(Path(sys.argv[1]))
        picture = sys.argv[2] if len(sys.argv) > 2 else str(Path(sys.argv[1]) / "fields.png")
        simple.SaveScreenshot(picture, ImageResolution=PICTURE_PIXELS)
        print(f"picture: {picture}")
    elif "FOLDER" in globals():
        show(Path(globals()["FOLDER"]))
    else:
        sys.exit("usage: pvpython open_fields.py FOLDER [PICTURE.png]")
