"""Write the pages that come from the code: every key of every verb, and the material constants.

uv run python .ci/reference.py
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from coupling import launcher
from coupling.config import without_hydra
from coupling.help import key_comments, options
from coupling.verbs import SUMMARY
from mechanics.materials import PRESETS, sources_of

DOCS = Path(__file__).parents[1] / "docs"
GROUPS = ("phantom", "island", "material", "stack", "contact", "study")
HEADER = """\
# Configuration keys

Made by `.ci/reference.py` from the schema and from the comments in `conf/`. A key is given as
`key=value`; `null` stands for nothing. `islet VERB --help` shows the keys of one verb, and
`islet VERB --cfg job` what a run would use.
"""


def leaves(node: DictConfig, prefix: str = "") -> dict[str, Any]:
    """Return the values of a configuration by dotted key."""
    found: dict[str, Any] = {}
    for name in map(str, node):
        child = node._get_node(name)
        key = f"{prefix}{name}"
        if isinstance(child, DictConfig) and not child._is_none() and len(child):
            found |= leaves(child, f"{key}.")
        else:
            missing = OmegaConf.is_missing(node, name)
            found[key] = "required" if missing else OmegaConf.to_container(node)[name]  # type: ignore[index,call-overload]
    return found


def shown(value: Any) -> str:
    """Return a value as it is typed."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return str(getattr(value, "value", value)).replace("'", "")


def reference() -> str:
    """Return the page of keys."""
    where: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    meaning: dict[str, str] = {}
    for verb in SUMMARY:
        node = launcher.compose(verb, launcher.parse_arguments([]))
        comments = key_comments(verb, node.hydra.runtime.choices)
        for key, value in leaves(without_hydra(node)).items():
            where[key][shown(value)].append(verb)
            if comments.get(key):
                meaning[key] = comments[key]
    lines = [HEADER, "## Groups", "", "| group | options |", "|---|---|"]
    lines += [f"| `{name}` | {', '.join(f'`{o}`' for o in options(name))} |" for name in GROUPS]
    sections: dict[str, list[str]] = defaultdict(list)
    for key, values in where.items():
        verbs = [verb for verb in SUMMARY if any(verb in found for found in values.values())]
        default = "; ".join(
            f"`{value}`" + (f" ({', '.join(found)})" if len(values) > 1 else "")
            for value, found in values.items()
        )
        text = meaning.get(key, "").replace("|", "\\|").replace("<", "&lt;")
        section = key.partition(".")[0] if "." in key else "general"
        sections[section].append(f"| `{key}` | {default} | {text} | {', '.join(verbs)} |")
    for section in ("general", *sorted(set(sections) - {"general"})):
        lines += ["", f"## {section}", ""]
        lines += ["| key | default | meaning | verbs |", "|---|---|---|---|"]
        lines += sections[section]
    return "\n".join(lines) + "\n"


def materials() -> str:
    """Return the table of material constants with their sources."""
    lines = ["| preset | what | kind | source |", "|---|---|---|---|"]
    for preset in PRESETS:
        lines += [
            f"| `{preset}` | {s.what} | {s.kind} | {s.reference} ({s.confidence}) |"
            for s in sources_of(preset)
        ]
    return "\n".join(lines)


def with_materials(theory: str) -> str:
    """Return the page of theory with the table of materials renewed."""
    start = theory.index("## Materials")
    return re.sub(r"\n+\Z", "\n", theory[:start] + f"## Materials\n\n{materials()}\n")


def main() -> None:
    """Write both pages."""
    (DOCS / "reference.md").write_text(reference(), encoding="utf-8")
    theory = DOCS / "theory.md"
    theory.write_text(with_materials(theory.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
