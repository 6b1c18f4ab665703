"""What the camera and the reconstruction make of the synthetic cell."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imaging.phantom_grains import Grains, filtered_along_z, filtered_in_plane, gaussian_weights
from imaging.phantom_options import PhantomOptions
from imaging.phantom_scene import MU_PER_CM, Float32, Scene
from imaging.volume import FloatArray

GREY_OFFSET, GREY_PER_MU = 2000.0, 400.0
CONTRAST = MU_PER_CM["cu"] - MU_PER_CM["li"]
RING_TAG = 103
RING_SHARE = 0.15
"""Share of the detector's columns that are off."""


@dataclass(frozen=True)
class Exposure:
    """How one scan differs from the others."""

    number: int
    """0 for the before scan, 1 for the after scan, then the series; chooses the rings."""
    gain: float = 0.0
    """Relative change of the grey values."""
    offset: float = 0.0
    """Grey value added, as fraction of the contrast of collector and lithium."""


def grey(mu_per_cm: float) -> float:
    """Grey value of an attenuation."""
    return GREY_OFFSET + GREY_PER_MU * mu_per_cm


def scan(
    scene: Scene, grains: Grains, exposure: Exposure, rng: np.random.Generator
) -> Iterator[NDArray[np.uint16]]:
    """Scan a scene slice by slice: blur, cupping, rings, noise, 16 bits.

    Parameters
    ----------
    scene, grains
        What is there; the grains are asked for the scene's motion.
    exposure
        Grey scale and rings of this scan.
    rng
        Source of the noise, which depends on the order of the scans but not on anything else.

    Yields
    ------
    Slices (y, x).
    """
    o = scene.options
    weights = gaussian_weights(o.psf_voxel)
    mu = (scene.attenuation(k, se) for k, se in enumerate(grains(scene.motion)))
    radius = _radius(o) if o.cupping or o.rings else None
    for k, blurred in enumerate(filtered_along_z(mu, o.grid[0], weights, "nearest")):
        image: Float32 = filtered_in_plane(blurred, weights, "nearest")
        if o.cupping and radius is not None:
            image = image * _cup(o, radius)
        noise = rng.standard_normal(o.grid[1:], dtype=np.float32) * (o.noise * CONTRAST)
        if o.rings and radius is not None:
            noise = noise + _rings(o, radius, exposure.number, k)
        counts = GREY_OFFSET + GREY_PER_MU * (image + noise)
        if exposure.gain or exposure.offset:
            counts = counts * (1 + exposure.gain) + exposure.offset * GREY_PER_MU * CONTRAST
        yield np.asarray(np.clip(np.rint(counts), 0, 65535), dtype=np.uint16)


def _radius(options: PhantomOptions) -> FloatArray:
    """Distance from the axis of rotation in voxels, (y, x); the axis does not drift."""
    y, x = (np.arange(n) - 0.5 * (n - 1) for n in options.grid[1:])
    return np.asarray(np.hypot(y[:, None], x[None, :]))


def _cup(options: PhantomOptions, radius: FloatArray) -> Float32:
    """Factor of the attenuation, 1 at the field's edge: starved X-rays make the middle darker."""
    share = np.minimum(radius / (0.5 * min(options.grid[1:])), 1.0)
    return np.asarray((1 + options.cupping * share**2) / (1 + options.cupping), dtype=np.float32)


def _rings(options: PhantomOptions, radius: FloatArray, number: int, k: int) -> Float32:
    """Attenuation that defective columns of the detector add to slice `k`."""
    rng = np.random.default_rng((options.seed, RING_TAG, number, k))
    count = math.ceil(float(radius.max())) + 2
    off = rng.standard_normal(count) * (rng.random(count) < RING_SHARE)
    level = off * (options.rings * CONTRAST / math.sqrt(RING_SHARE))
    return np.asarray(np.interp(radius, np.arange(count), level), dtype=np.float32)
