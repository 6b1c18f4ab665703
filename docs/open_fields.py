"""Open the fields of `islet solve` in ParaView: stress on the deformed island and its mirror.

In ParaView: Tools, Python Shell, Run Script, after `FOLDER = "..."` in that shell; or from a
terminal, with a picture as the result:

    pvpython docs/open_fields.py FOLDER [PICTURE.png]
"""

import json
import sys
from pathlib import Path

from paraview import simple

DEFORMATION_SCALE = 5.0
LOWEST_MPA, HIGHEST_MPA = -200.0, 200.0


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
    shown = simple.Show(mirrored, view)
    simple.ColorBy(shown, ("POINTS", "sigma1_mpa"))
    colours = simple.GetColorTransferFunction("sigma1_mpa")
    colours.ApplyPreset("Cool to Warm", True)
    colours.RescaleTransferFunction(LOWEST_MPA, HIGHEST_MPA)
    colours.AutomaticRescaleRangeMode = "Never"
    shown.SetScalarBarVisibility(view, True)
    bar = simple.GetScalarBar(colours, view)
    bar.Title, bar.ComponentTitle = "sigma1 (MPa)", ""
    bar.TitleFontSize = bar.LabelFontSize = 12
    bar.AutomaticLabelFormat, bar.LabelFormat, bar.RangeLabelFormat = 0, "%.0f", "%.0f"
    simple.LoadPalette("WhiteBackground")
    simple.Render(view)  # the first picture sets the camera; ours comes after
    island = json.loads((folder / "result.json").read_text())["scalars"]
    reach = 0.7 * max(island["contact_diameter_um"], 3 * island["height_um"]) + 10
    view.InteractionMode = "2D"
    view.CameraFocalPoint = [0.0, 0.25 * reach, 0.0]
    view.CameraPosition = [0.0, 0.25 * reach, 10 * reach]
    view.CameraViewUp = [0.0, 1.0, 0.0]
    view.CameraParallelProjection = 1
    view.CameraParallelScale = 0.7 * reach
    simple.Render(view)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: pvpython open_fields.py FOLDER [PICTURE.png]")
    show(Path(sys.argv[1]))
    if len(sys.argv) > 2:
        simple.SaveScreenshot(sys.argv[2], ImageResolution=[1200, 800])
