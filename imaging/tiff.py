"""TIFF in all its dialects, from and to disk.

tifffile reads a truncated stack without complaint (it logs and returns fewer slices), so
completeness is checked here before any pixel is used.
"""

from __future__ import annotations

import logging
import math
import re
import struct
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile
from numpy.typing import NDArray

from imaging.grid import agreed_spacing, require_voxel_um, um_per_unit
from imaging.memory import require_memory
from imaging.replace import renamed
from imaging.volume import FloatArray, IntArray, Triple, Volume

log = logging.getLogger(__name__)

SUFFIXES = (".tif", ".tiff")
#: Dots per inch that programs write when they know nothing: print resolutions, not voxel sizes.
PRINT_DPI = (1.0, 72.0, 96.0, 100.0, 150.0, 200.0, 300.0, 600.0, 1200.0)


def read_tiff(path: Path, voxel_um: float | None) -> Volume:
    """Read a TIFF stack (classic, BigTIFF, ImageJ) or a folder of numbered slices.

    Parameters
    ----------
    path
        A file, or a folder whose `.tif`/`.tiff` files are the slices, ordered by the last number
        in their names.
    voxel_um
        Edge of the cubic voxel; needed where the file carries none, else checked against it.

    Raises
    ------
    FileNotFoundError
        If there is no such file or folder.
    ValueError
        If the file is truncated, not a TIFF, not a 3-D grey image, holds NaN or infinity; if a
        slice is missing or differs in shape; if the voxel size is unknown or contradictory.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file or folder")
    require_voxel_um(voxel_um)
    try:
        values, file_spacing = _read_folder(path) if path.is_dir() else _read_stack(path)
    except MemoryError:
        raise
    except Exception as error:  # tifffile and every codec raise their own
        if isinstance(error, ValueError | OSError) and str(path) in str(error):
            raise
        if isinstance(error, ModuleNotFoundError) or "imagecodecs" in str(error):
            raise ValueError(
                f"{path}: compressed in a way that is not read here ({error}): "
                "save it uncompressed or with deflate (zip), or install that package"
            ) from error
        raise ValueError(
            f"{path}: a damaged TIFF file, or of a kind that is not known: {error}"
        ) from error
    spacing = agreed_spacing(path, file_spacing, voxel_um)
    native = values.astype(values.dtype.newbyteorder("="), copy=False)
    try:
        return Volume(native, spacing)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def write_tiff(path: Path, volume: Volume) -> None:
    """Write an ImageJ stack (uint8, uint16 or float32) with its voxel size in microns.

    Other integers become uint16 and float64 becomes float32 if their range allows it.

    Raises
    ------
    ValueError
        If the values do not fit: nothing is wrapped or clipped.
    """
    _write_imagej(path, _imagej_values(volume.values, path), volume.spacing_um)


def write_map(path: Path, values: FloatArray, pixel_um: tuple[float, float]) -> None:
    """Write a 2-D map (y, x) as float32 ImageJ TIFF; NaN is kept (outside the ROI)."""
    if values.ndim != 2:
        raise ValueError(f"{path}: a map is 2-D (y, x); got shape {values.shape}")
    _write_imagej(path, values.astype(np.float32), (1.0, *pixel_um))


def write_labels(path: Path, labels: IntArray, pixel_um: tuple[float, float]) -> None:
    """Write a 2-D map (y, x) of labels as uint16 ImageJ TIFF; 0 is background.

    Raises
    ------
    ValueError
        If a label does not fit into 16 bits.
    """
    if labels.ndim != 2 or labels.min() < 0 or labels.max() > np.iinfo(np.uint16).max:
        raise ValueError(f"{path}: labels are 2-D (y, x) and lie in 0 to 65535")
    _write_imagej(path, labels.astype(np.uint16), (1.0, *pixel_um))


# ------------------------------------------------------------------------------------ one file


def _read_stack(path: Path) -> tuple[NDArray[Any], Triple | None]:
    _check_directories(path)
    with tifffile.TiffFile(path) as tif:
        _check_segments(path, tif)
        axes, shape, dtype = _layout(path, tif)
        if tif.pages.first.photometric == tifffile.PHOTOMETRIC.RGB or "S" in axes:
            raise ValueError(f"{path}: a grey image is needed; this one is RGB, shape {shape}")
        expected = _imagej_images(path, tif)
        if expected is not None and expected != math.prod(shape[:-2]):
            raise ValueError(
                f"{path}: truncated: {math.prod(shape[:-2])} of {expected} ImageJ slices are there"
            )
        if len(shape) != 3:
            raise ValueError(f"{path}: a 3-D stack (z, y, x) is needed; got {axes} = {shape}")
        require_memory(path, shape, dtype.itemsize)
        if len(tif.series) == 1:
            return tif.series[0].asarray(), _file_spacing(tif)
        values = np.empty(shape, dtype)
        for image, series in zip(values, tif.series, strict=True):
            image[...] = series.asarray()
        return values, _file_spacing(tif)


def _layout(path: Path, tif: tifffile.TiffFile) -> tuple[str, tuple[int, ...], np.dtype[Any]]:
    """Axes, shape and dtype of what the pages make together.

    A program that writes slice by slice may leave as many images of one slice each.
    """
    series = tif.series
    first = series[0]
    if len(series) == 1:
        return first.axes, first.shape, first.dtype
    kinds = Counter((s.axes, s.shape, str(s.dtype)) for s in series)
    if len(kinds) > 1 or first.axes != "YX":
        shown = ", ".join(f"{n} of {shape} {dtype}" for (_, shape, dtype), n in kinds.items())
        raise ValueError(f"{path}: pages of one shape and dtype needed; got {shown}")
    return "ZYX", (len(series), *first.shape), first.dtype


def _imagej_images(path: Path, tif: tifffile.TiffFile) -> int | None:
    """How many slices ImageJ's header says there are, None without one."""
    images = (tif.imagej_metadata or {}).get("images")
    if images is not None and (not isinstance(images, int) or images < 1):
        raise ValueError(f"{path}: damaged: its ImageJ header says images={images}")
    return images


def _check_directories(path: Path) -> None:
    """Walk the chain of image directories: in a truncated file it leads out of the file."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(16)
        order = {b"II": "<", b"MM": ">"}.get(head[:2])
        if order is None or len(head) < 8:
            raise ValueError(f"{path}: not a TIFF file ({size} bytes)")
        version = struct.unpack(order + "H", head[2:4])[0]
        if version not in (42, 43):
            raise ValueError(f"{path}: not a TIFF file (version {version} instead of 42 or 43)")
        big = version == 43
        count_type, offset_type, entry = ("Q", "Q", 20) if big else ("H", "I", 12)
        count_size, offset_size = struct.calcsize(count_type), struct.calcsize(offset_type)
        first = head[8:16] if big else head[4:8]
        if len(first) < offset_size:
            raise ValueError(f"{path}: truncated: the header is incomplete ({size} bytes)")
        offset, pages = struct.unpack(order + offset_type, first)[0], 0
        passed: set[int] = set()
        while offset:
            if offset in passed:
                raise ValueError(f"{path}: damaged: page {pages} leads back to an earlier one")
            passed.add(offset)
            file.seek(min(offset, size))  # offsets of 64 bits may be beyond what can be sought
            count = file.read(count_size)
            tags = struct.unpack(order + count_type, count)[0] if len(count) == count_size else 0
            file.seek(min(offset + count_size + tags * entry, size))
            following = file.read(offset_size)
            if offset >= size or len(following) < offset_size:
                raise ValueError(
                    f"{path}: truncated: page {pages} is described at byte {offset}, "
                    f"the file has {size} bytes"
                )
            offset, pages = struct.unpack(order + offset_type, following)[0], pages + 1
        if pages == 0:
            raise ValueError(f"{path}: truncated or empty: no image in {size} bytes")


def _check_segments(path: Path, tif: tifffile.TiffFile) -> None:
    """Every strip and tile, and a contiguous stack behind one page, must lie inside the file."""
    size = path.stat().st_size
    images = _imagej_images(path, tif) or 1  # tifffile makes series of it
    ends = [
        (offset + count, i)
        for i, page in enumerate(tif.pages)
        for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True)
    ]
    end, page_index = max(ends, default=(0, 0))
    for series in tif.series:
        if series.dataoffset is not None and series.dataoffset + series.nbytes > end:
            end = series.dataoffset + series.nbytes
    # ImageJ stacks beyond 4 GB have one directory; the description says how many slices follow.
    page = tif.pages.first
    if images > 1 and len(tif.pages) == 1 and page.dataoffsets:
        end = max(end, page.dataoffsets[0] + images * sum(page.databytecounts))
    if end > size:
        raise ValueError(
            f"{path}: truncated: the pixels (page {page_index}) end at byte {end}, "
            f"the file has {size} bytes"
        )


def _file_spacing(tif: tifffile.TiffFile) -> Triple | None:
    """Voxel size (z, y, x) that the file states, or None."""
    if tif.is_ome:
        return _ome_spacing(tif.pages.first.description)
    tags = tif.pages.first.tags
    if "XResolution" not in tags or "YResolution" not in tags:
        return None
    per_x, per_y = (_ratio(tags[name].value) for name in ("XResolution", "YResolution"))
    if per_x <= 0 or per_y <= 0:
        return None
    imagej = tif.imagej_metadata
    if imagej is not None:
        scale = um_per_unit(imagej.get("unit", ""))
        if scale is None:
            return None
        x, y = scale / per_x, scale / per_y
        if "spacing" not in imagej:
            log.warning("%s: no slice spacing in the ImageJ header; taken as x", tif.filename)
        return scale * float(imagej.get("spacing", 1.0 / per_x)), y, x
    unit = tags["ResolutionUnit"].value if "ResolutionUnit" in tags else 2
    if unit not in (2, 3) or (unit == 2 and any(math.isclose(per_x, d) for d in PRINT_DPI)):
        return None
    scale = 25400.0 if unit == 2 else 1e4
    return scale / per_x, scale / per_y, scale / per_x


def _ome_spacing(description: str) -> Triple | None:
    """Voxel size by the OME-XML of a file; its resolution tags say nothing."""
    try:
        pixels = ElementTree.fromstring(description).find(".//{*}Pixels")
    except ElementTree.ParseError:
        return None
    if pixels is None:
        return None
    sizes = []
    for axis in "ZYX":
        scale = um_per_unit(pixels.get(f"PhysicalSize{axis}Unit", "um"))  # the schema's default
        size = pixels.get(f"PhysicalSize{axis}")
        if scale is None or size is None:
            return None
        sizes.append(scale * float(size))
    return sizes[0], sizes[1], sizes[2]


def _ratio(value: tuple[int, int]) -> float:
    numerator, denominator = value
    return numerator / denominator if denominator else 0.0


# ------------------------------------------------------------------------------ numbered slices


def _read_folder(folder: Path) -> tuple[NDArray[Any], Triple | None]:
    numbered = _numbered_slices(folder)
    slices: list[NDArray[Any]] = []
    spacing = None
    for path in numbered:
        _check_directories(path)
        with tifffile.TiffFile(path) as tif:
            _check_segments(path, tif)
            image = tif.asarray()
            if image.ndim != 2:
                raise ValueError(f"{path}: a slice is a 2-D grey image; got shape {image.shape}")
            if slices and (image.shape, image.dtype) != (slices[0].shape, slices[0].dtype):
                raise ValueError(
                    f"{path}: shape {image.shape} {image.dtype}, "
                    f"but {numbered[0].name} has {slices[0].shape} {slices[0].dtype}"
                )
            if not slices:
                require_memory(folder, (len(numbered), *image.shape), image.dtype.itemsize)
            spacing = spacing or _file_spacing(tif)
            slices.append(image)
    return np.stack(slices), spacing


def _numbered_slices(folder: Path) -> list[Path]:
    """The slices in order; a gap in their numbers, or two of one number, is an error."""
    by_number: dict[int, Path] = {}
    # Hidden files are no slices: macOS leaves one beside each slice on foreign disks.
    shown = (p for p in folder.iterdir() if not p.name.startswith("."))
    for path in sorted(p for p in shown if p.suffix.lower() in SUFFIXES):
        digits = re.findall(r"\d+", path.stem)
        if not digits:
            raise ValueError(f"{path}: a slice needs a number in its name")
        number = int(digits[-1])
        if number in by_number:
            raise ValueError(
                f"{folder}: slice {number} twice: {by_number[number].name}, {path.name} "
                "(the last number in a name counts)"
            )
        by_number[number] = path
    if not by_number:
        raise FileNotFoundError(f"{folder}: no .tif or .tiff files in this folder")
    numbers = sorted(by_number)
    missing = sorted(set(range(numbers[0], numbers[-1] + 1)) - set(numbers))
    if missing:
        first = ", ".join(map(str, missing[:10]))
        raise ValueError(f"{folder}: {len(missing)} slice(s) missing: number {first}")
    return [by_number[n] for n in numbers]


# -------------------------------------------------------------------------------------- writing


def _imagej_values(values: NDArray[Any], path: Path) -> NDArray[Any]:
    if values.dtype in (np.uint8, np.uint16, np.float32):
        return values
    target: Any = np.float32 if values.dtype.kind == "f" else np.uint16
    limits = np.finfo(np.float32) if values.dtype.kind == "f" else np.iinfo(np.uint16)
    low, high = values.min(), values.max()
    if low < limits.min or high > limits.max:
        raise ValueError(
            f"{path}: values in [{low:g}, {high:g}] do not fit {np.dtype(target)} "
            f"([{limits.min:g}, {limits.max:g}])"
        )
    return values.astype(target)


def _write_imagej(path: Path, values: NDArray[Any], spacing_um: Triple) -> None:
    z, y, x = spacing_um
    with renamed(path) as temporary:
        tifffile.imwrite(
            temporary,
            values,
            imagej=True,
            resolution=(1 / x, 1 / y),
            metadata={"spacing": z, "unit": "micron", "axes": "ZYX"[-values.ndim :]},
        )
