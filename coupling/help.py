"""``islet VERB --help``: the keys with their values, each with the comment of its YAML file.

The comments in ``conf/`` are the only place where units and meanings of keys
are written for users; this reads them there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib import resources
from importlib.resources.abc import Traversable

from omegaconf import DictConfig, OmegaConf

from coupling.config import without_hydra

_LINE = re.compile(r"^(?P<indent> *)(?P<key>[\w@/]+):(?P<value>[^#]*)(?:#\s*(?P<comment>.*))?$")

EXAMPLES = {
    "phantom": ("islet phantom hydra.run.dir=cell", "islet phantom islands=none layer_um=4"),
    "image": (
        "islet image before=pristine.tif after=plated.tif voxel_um=1.625",
        "islet image before=pristine.nxs after=plated.nxs dataset=/entry/result/data",
        "islet image 'scans=[a.tif,b.tif,c.tif]' 'times_h=[0,1,2]' 'current_ma_cm2=[0.5,0.5]'",
        "islet image before=pristine.tif after=plated.tif electrode=ce",
        "islet image lvf=lvf.zarr roi.radius_um=1000",
    ),
    "solve": (
        "islet solve island=narrow hydra.run.dir=narrow",
        "islet solve material=pellet island.contact_diameter_um=60 island.height_um=10",
        "islet solve -m island.aspect_ratio=0.05,0.1,0.2,0.45 hydra/launcher=joblib",
        "islet solve study=aspect_ratio",
    ),
    "collect": (
        "islet collect sweep=outputs/solve/aspect_ratio",
        "islet collect sweep=outputs/solve/DATE_TIME_sweep",
    ),
    "risk": (
        "islet risk image=outputs/image/DATE_TIME material=pellet",
        "islet risk image=series ranking.exact=20 uncertainty.samples=512",
    ),
    "run": (
        "islet run",
        "islet run before=pristine.tif after=plated.tif voxel_um=1.625",
        "islet run cells.bare.before=a0.tif cells.bare.after=a1.tif cells.silver.before=...",
    ),
    "validate": ("islet validate",),
}
"""Command lines to start from, by verb."""

FOOTER = """\
Hydra's flags: -m sweeps (key=a,b,c), --cfg job shows the configuration, --hydra-help the rest.
Folders: hydra.run.dir=FOLDER, hydra.sweep.dir=FOLDER; parallel sweeps: hydra/launcher=joblib,
on Slurm hydra/launcher=submitit_slurm. Shell completion: eval "$(islet -sc install=bash)"
"""


def help_text(verb: str, node: DictConfig) -> str:
    """Return the help of a verb for a composed configuration."""
    from coupling.verbs import SUMMARY

    choices: Mapping[str, str] = node.hydra.runtime.choices
    comments = key_comments(verb, choices)
    lines = [f"islet {verb}: {SUMMARY[verb]}", "", "Examples:"]
    lines += [f"  {example}" for example in EXAMPLES[verb]]
    groups = [(name, chosen) for name, chosen in choices.items() if (_conf() / name).is_dir()]
    if groups:
        lines += ["", "Groups (GROUP=OPTION):"]
        lines += [f"  {n + '=' + (c or 'null'):<20} of {', '.join(options(n))}" for n, c in groups]
    lines += ["", "Keys:", *_annotated(without_hydra(node), comments), "", FOOTER]
    return "\n".join(lines)


def options(group: str) -> list[str]:
    """Return the options of a configuration group."""
    names = sorted(file.name for file in (_conf() / group).iterdir())
    return [name.removesuffix(".yaml") for name in names if name.endswith(".yaml")]


def key_comments(verb: str, choices: Mapping[str, str]) -> dict[str, str]:
    """Return the comment of each key, by dotted key, from the files that a verb composes."""
    conf = _conf()
    found: dict[str, str] = {}
    for file in sorted((conf / "shared").iterdir(), key=lambda file: file.name):
        if file.name.endswith(".yaml"):
            found |= dict(yaml_comments(file))
    for choice, option in choices.items():
        group, _, package = choice.partition("@")
        prefix = "" if package == "_global_" else f"{package or group}."
        # What the chosen option does not repeat is documented in the others.
        for name in [o for o in _options_if_any(group) if o != option] + [str(option)]:
            file = conf / group / f"{name}.yaml"
            if file.is_file():
                found |= {prefix + key: text for key, text in yaml_comments(file)}
    return found | dict(yaml_comments(conf / f"{verb}.yaml"))


def _options_if_any(group: str) -> list[str]:
    return options(group) if (_conf() / group).is_dir() else []


def yaml_comments(file: Traversable) -> Iterator[tuple[str, str]]:
    """Yield dotted key and comment of every commented key of a YAML file."""
    parents: list[tuple[int, str]] = []
    for line in file.read_text(encoding="utf-8").splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        indent = len(match["indent"])
        parents = [(depth, key) for depth, key in parents if depth < indent]
        parents.append((indent, match["key"]))
        if match["comment"]:
            yield ".".join(key for _, key in parents), match["comment"].strip()


def _annotated(node: DictConfig, comments: Mapping[str, str]) -> Iterator[str]:
    """Yield the YAML of a configuration, each line with its key's comment."""
    parents: list[tuple[int, str]] = []
    for line in OmegaConf.to_yaml(node).splitlines():
        match = _LINE.match(line)
        if match is None:
            yield f"  {line}"
            continue
        indent = len(match["indent"])
        parents = [(depth, key) for depth, key in parents if depth < indent]
        parents.append((indent, match["key"]))
        comment = comments.get(".".join(key for _, key in parents))
        yield f"  {line:<34} # {comment}" if comment else f"  {line}"


def _conf() -> Traversable:
    return resources.files("conf")
