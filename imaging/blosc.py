"""Are chunks compressed by Blosc as long as they say?

The Blosc library believes what the head of a chunk says of its length and reads on beyond the end
of one that was cut off or damaged: into other memory, or out of it, which ends the process. No
exception tells of either, so heads are looked at first.
"""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import Any, BinaryIO

HEAD_BYTES = 16
LENGTH_AT = 12
"""Where a chunk's head holds its compressed length: https://github.com/Blosc/c-blosc, header."""
PLACE_BYTES, CHECKSUM_BYTES = 16, 4
LEFT_OUT = 2**64 - 1
"""Place of a chunk that a shard does not hold."""


def uses_blosc(array: Any) -> bool:
    """Whether the chunks of a Zarr array, of version 2 or 3, are what Blosc has written."""
    last = array.compressors[-1:]
    return bool(last) and type(last[0]).__name__ in ("Blosc", "BloscCodec")


def damaged(file: Path, array: Any) -> bool:
    """Whether a file of chunks holds one that is not as long as its head says."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        if not array.shards:
            return _length(stream) != size
        index = _index(stream, size, array)
        for start, length in struct.iter_unpack("<QQ", index):
            if (start, length) == (LEFT_OUT, LEFT_OUT):
                continue
            if start + length > size:
                return True
            stream.seek(start)
            if _length(stream) != length:
                return True
    return False


def _length(stream: BinaryIO) -> int | None:
    """Compressed length that the head at this place tells, None where there is none."""
    head = stream.read(HEAD_BYTES)
    return int.from_bytes(head[LENGTH_AT:], "little") if len(head) == HEAD_BYTES else None


def _index(stream: BinaryIO, size: int, array: Any) -> bytes:
    """Starts and lengths of a shard's chunks; empty where the file has no room for them.

    Zarr itself looks at the checksum behind the index, and complains of a file without an index.
    """
    pairs = zip(array.shards, array.chunks, strict=True)
    length = PLACE_BYTES * math.prod(whole // part for whole, part in pairs)
    sharding = array.metadata.codecs[0]
    checksum = CHECKSUM_BYTES * (len(sharding.index_codecs) - 1)
    location = sharding.index_location
    at_start = getattr(location, "value", location) == "start"  # a word since Zarr 3.4
    if size < length + checksum:
        return b""
    stream.seek(0 if at_start else size - length - checksum)
    return stream.read(length)
