"""Morphology by rows gives what SciPy gives pixel by pixel."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from imaging import morphology
from imaging.volume import BoolArray

MASKS = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=14))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (morphology.dilated, ndimage.binary_dilation),
        (morphology.eroded, ndimage.binary_erosion),
        (morphology.opened, ndimage.binary_opening),
    ],
)
@given(mask=MASKS, iterations=st.integers(1, 4))
def test_morphology_is_that_of_scipy(ours, theirs, mask: BoolArray, iterations: int) -> None:  # type: ignore[no-untyped-def]
    given_mask = mask.copy()
    assert np.array_equal(ours(mask, iterations), theirs(mask, iterations=iterations))
    assert np.array_equal(mask, given_mask)
