"""Write the versions installed by `uv sync --upgrade` as exact constraints into pyproject.toml.

uv sync --upgrade && uv run python .ci/pin.py
"""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"


def main() -> None:
    """Replace the block of constraints."""
    pins = sorted(
        f'  "{re.sub(r"[-_.]+", "-", d.metadata["Name"]).lower()}=={d.version}",'
        for d in metadata.distributions()
        if d.metadata["Name"] != "islet"
    )
    block = "constraint-dependencies = [\n" + "\n".join(dict.fromkeys(pins)) + "\n]\n"
    text = PROJECT.read_text()
    text, found = re.subn(
        r"constraint-dependencies = \[\n.*?\n?\]\n", lambda _: block, text, flags=re.S
    )
    if not found:
        raise SystemExit(f"{PROJECT} holds no constraint-dependencies to replace")
    PROJECT.write_text(text)


if __name__ == "__main__":
    main()
