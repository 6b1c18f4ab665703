"""A picture of the report, inside the page, with its caption."""

from __future__ import annotations

import base64
from pathlib import Path

from markupsafe import Markup

from coupling.captions import caption


def figure(file: Path | None, alt: str, width: str = "") -> Markup:
    """Return a figure element with the picture inside it; nothing where there is none.

    Parameters
    ----------
    file
        PNG; its name says which caption is its own.
    alt
        What it shows, for those who do not see it.
    width
        Class of the element: `narrow` for pictures of a column's width.
    """
    if file is None or not file.is_file():
        return Markup("")
    data = base64.b64encode(file.read_bytes()).decode()
    return Markup(
        '<figure class="{}"><div class="scroll"><img alt="{}" src="data:image/png;base64,{}"></div>'
        "<figcaption>{}</figcaption></figure>"
    ).format(width, alt, data, caption(file.name))
