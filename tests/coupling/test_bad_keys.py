"""Every key of every verb, given what it cannot be: refused by name, or listed here as allowed.

The table is made from the schemas, so that a new key is tested from its first day. All of it runs
in one process, through what the command itself does with a configuration; a few lines of it go
through the command as well.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import types
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from coupling import cli, config, launcher
from coupling.limits import check_limits, limits_of
from coupling.messages import COMPOSITION_ERRORS, all_keys, composition_message
from coupling.verbs import SUMMARY

GIVEN = {
    "image": ["before=a.tif", "after=b.tif"],
    "collect": ["sweep=somewhere"],
    "risk": ["image=somewhere"],
}
"""What each verb cannot do without."""
VERBS = tuple(SUMMARY)

SIGNED = {
    "interface.z_um", "grey.cc", "grey.li", "offset_drift", "gain_drift",
    "load.expansion", "uncertainty.seed",
}  # fmt: skip
"""Keys that may be negative, as far as their own limits go."""
ZERO = SIGNED | {
    "material.*.poisson", "material.*.hardening_mpa", "load.pressure_mpa", "contact.mu",
    "solver.max_cutbacks", "uncertainty.samples", "uncertainty.*.relative_std",
    "uncertainty.contact_diameter_std_um", "uncertainty.height_std_um", "ranking.check",
    "layer_um", "layer_rim_um", "deposit_um", "residual_fraction", "void_fraction",
    "foil_depletion_um", "noise", "rings", "cupping", "psf_voxel", "die_um", "li_foil_um", "seed",
}  # fmt: skip
"""Keys that may be zero."""
NUMBERS = {
    "nan": "nan", "infinite": "inf", "word": "abc", "table": "{a:1}",
    "huge": "1e300", "huge count": "1000000000000000000000", "tiny": "1e-300",
    "negative": "-1", "zero": "0",
}  # fmt: skip
"""What is given for a number, by what is wrong with it."""
UNSURE = {"negative", "zero"}
"""What is wrong for some numbers only."""


def leaf_types(cls: type, prefix: str = "") -> dict[str, Any]:
    """Return the annotation of every key of a schema, by dotted key."""
    found: dict[str, Any] = {}
    for name, hint in get_type_hints(cls).items():
        if dataclasses.is_dataclass(hint):
            found |= leaf_types(hint, f"{prefix}{name}.")  # type: ignore[arg-type]
        else:
            found[f"{prefix}{name}"] = hint
    return found


def parts(hint: Any) -> tuple[Any, ...]:
    union = get_origin(hint) in (Union, types.UnionType)
    return get_args(hint) if union else (hint,)


@functools.cache
def base(verb: str) -> DictConfig:
    arguments = launcher.parse_arguments(GIVEN.get(verb, []))
    return config.without_hydra(launcher.compose(verb, arguments))


@functools.cache
def parsed(text: str) -> Any:
    """Return what the command line makes of a value."""
    return OverridesParser.create().parse_override(f"key={text}").value()


def outcome(verb: str, key: str, text: str) -> str:
    """Return what a verb says of ``key=text``, empty where it is taken."""
    override = f"{key}={text}"
    node = copy.deepcopy(base(verb))
    try:
        OmegaConf.update(node, key, parsed(text))
        config.input_paths(config.validated(node))
    except COMPOSITION_ERRORS as error:
        return composition_message(error, [override], all_keys(node))
    except config.InputError as error:
        return str(error)
    except FileNotFoundError:  # by a verb that looks for what it is to read: the value was taken
        return ""
    return ""


def is_one_of(key: str, patterns: set[str]) -> bool:
    """Whether a key, or one that holds it (as `phantom` does), is among patterns."""

    def fits(key: str, pattern: str) -> bool:
        given, wanted = key.split("."), pattern.split(".")
        return len(given) == len(wanted) and all(
            w in ("*", g) for g, w in zip(given, wanted, strict=True)
        )

    return any(fits(key.removeprefix("phantom."), pattern) for pattern in patterns)


SHARED = {"risk": ("solve",), "run": ("image", "risk", "phantom"), "validate": ("solve",)}
"""Verbs whose keys another verb shares; they are tested once."""


def keys_of(verb: str) -> dict[str, Any]:
    """Return the annotations of a verb's keys, without those that the verbs it shares have."""
    known: set[str] = set()
    for other in SHARED.get(verb, ()):
        keys = leaf_types(config.schema_class(other))
        known |= {f"phantom.{key}" for key in keys} if other == "phantom" else set(keys)
    own = leaf_types(config.schema_class(verb))
    return {key: hint for key, hint in own.items() if key not in known}


def test_the_table_holds_every_key() -> None:
    tested = {key for verb in VERBS for key in keys_of(verb)}
    for verb in VERBS:
        composed = {
            key
            for key in all_keys(base(verb))
            if OmegaConf.is_missing(base(verb), key)
            or not OmegaConf.is_dict(OmegaConf.select(base(verb), key))
        }
        assert {key.removeprefix("phantom.") for key in composed} <= tested


def numeric(hint: Any) -> bool:
    return bool({int, float} & set(parts(hint)))


@pytest.mark.parametrize("verb", VERBS)
def test_numbers_that_are_none(verb: str) -> None:
    """A number that cannot be is refused, its key is named, and no other error comes out."""
    wrong = []
    for key, hint in keys_of(verb).items():
        if not numeric(hint):
            continue
        for fault, text in NUMBERS.items():
            said = outcome(verb, key, text)
            allowed = is_one_of(key, {"negative": SIGNED, "zero": ZERO}.get(fault, set()))
            if not said and not allowed:
                wrong.append(f"{key}={text} is taken ({fault})")
            elif said and key not in said:
                wrong.append(f"{key}={text}: the key is not named in: {said}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("verb", VERBS)
def test_nothing_where_something_is_needed(verb: str) -> None:
    """Null is taken where the schema says so and refused elsewhere; a value left open always is."""
    wrong = []
    for key, hint in keys_of(verb).items():
        optional = hint is Any or type(None) in parts(hint)
        for text, allowed in (("null", optional), ("???", False)):
            said = outcome(verb, key, text)
            if bool(said) == allowed and not (allowed and "needs" in said):
                wrong.append(f"{key}={text}: {said or 'is taken'}")
            elif said and key.split(".")[-1] not in said:
                wrong.append(f"{key}={text}: the key is not named in: {said}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("verb", VERBS)
def test_words_lists_and_paths_that_are_none(verb: str) -> None:
    """Texts, choices, switches and lists of another kind."""
    wrong = []
    for key, hint in keys_of(verb).items():
        kinds = set(parts(hint))
        if str in kinds:
            faults = {"empty": "''", "table": "{a:1}"}
        elif numeric(hint) or hint is Any or dict in {get_origin(k) for k in kinds}:
            continue  # numbers are above, what may be anything below
        elif list in {get_origin(k) for k in kinds}:
            faults = {"word": "abc", "table": "{a:1}", "words": "[abc]", "nan": "[nan]"}
            faults = {"table": faults["table"]} if list[str] in kinds else faults
        else:
            faults = {"word": "abc", "list": "[1,2]", "table": "{a:1}"}
        if bool in kinds:
            faults |= {"negative": "-1", "number": "5", "share": "0.5", "number as text": "'5'"}
        for fault, text in faults.items():
            said = outcome(verb, key, text)
            if key.split(".")[-1] not in said:
                wrong.append(f"{key}={text} ({fault}): {said or 'is taken'}")
    assert not wrong, "\n".join(wrong)


ANYTHING = {
    "current_ma_cm2": ("abc", "[1,x]", "{a:1}", "true", "[nan]", "1e300"),
    "charge_mah_cm2": ("abc", "[0,x]", "{a:1}", "true", "nan", "-1", "0", "inf", "1e300"),
    "contact.mu_by.peek": ("abc", "nan", "-1", "inf", "1e300"),
    "cells.a": ("3", "abc", "{before: 3}", "{nokey: 1}"),
}
"""Keys that take values of several kinds, and what they do not take."""


@pytest.mark.parametrize(("key", "text"), [(k, t) for k, texts in ANYTHING.items() for t in texts])
def test_keys_of_several_kinds(key: str, text: str) -> None:
    verb = "image" if key.endswith("cm2") else "solve" if "mu_by" in key else "run"
    assert key.split(".")[0] in outcome(verb, key, text)


PAIRS = {
    "solve": [
        (("island.contact_diameter_um=10", "island.height_um=5", "island.volume_um3=1"), "island."),
        (("island.height_um=50", "island.volume_um3=10"), "island.volume_um3"),
        (("mesh.fine_um=30",), "mesh.coarse_um"),
        (("risk.k_ic_mpa_sqrt_m=1", "risk.strength_mpa=1", "risk.length_um=1"), "risk.length_um"),
        (("stack.ce_radius_um=2000",), "stack.radius_um"),
        (("island.kind=profile", "island.file=a.csv", "island.height_um=5"), "island.height_um"),
    ],
    "image": [
        (("lvf=c.tif",), "lvf"),
        (("scans=[a.tif,b.tif]",), "scans"),
        (("grey.cc=10", "grey.li=20"), "grey.li"),
        (("grey.cc=10", "grey.cc_region=[0,1,0,1,0,1]"), "grey.cc_region"),
        (("grey.li_region=[2,1,0,1,0,1]",), "grey.li_region"),
        (("baseline_threshold=3",), "baseline"),
        (("electrode=ce", "baseline=true"), "electrode"),
        (("times_h=[1,0]",), "times_h"),
        (("times_h=[0,1,2]",), "times_h"),
        (("current_ma_cm2=1",), "times_h"),
        (("times_h=[0,1]", "current_ma_cm2=1", "charge_mah_cm2=1"), "charge_mah_cm2"),
        (("before=null", "after=null", "lvf=c.tif", "charge_mah_cm2=[1,2]"), "charge_mah_cm2"),
        (("before=null", "after=null", "dataset=/a"), "dataset"),
        (("dataset=/a",), "dataset"),
        (("foil.area_cm2=1",), "electrode_area_cm2"),
    ],
    "phantom": [
        (("caps_um=[[1,1,1,1]]",), "islands"),
        (("layer_um=29",), "cu_um"),
        (("foil_depletion_um=30",), "li_foil_um"),
        (("deposit=bare_cu",), "deposit_um"),
        (("void_fraction=0.5",), "residual_fraction"),
        (("residual_fraction=0.8", "void_fraction=0.5"), "void_fraction"),
        (("shape=[20,64,64]",), "shape"),
    ],
    "run": [
        (("before=a.tif",), "after"),
        (("phantom_cells=2", "phantom.layer_um=1"), "phantom_cells"),
        (("cells.a.before=a.tif", "cells.a.after=b.tif"), "cells"),
        (("cells.a b.lvf=a.tif", "cells.c.lvf=b.tif"), "cells.a b"),
        (("cells.a.lvf=a.tif", "cells.b.lvf=b.tif", "cells.b.voxel_um=x"), "cells.b"),
        (("cells.a.lvf=a.tif", "cells.b.lvf=b.tif", "cells.b.voxel_um=-1"), "voxel_um"),
    ],
    "risk": [(("uncertainty.samples=100",), "uncertainty.samples")],
}  # fmt: skip


@pytest.mark.parametrize(
    ("verb", "given", "named"), [(v, g, n) for v, rows in PAIRS.items() for g, n in rows]
)
def test_values_that_contradict_each_other(verb: str, given: tuple[str, ...], named: str) -> None:
    node = copy.deepcopy(base(verb))
    for one in given:
        key, _, text = one.partition("=")
        OmegaConf.update(node, key, parsed(text))
    with pytest.raises(config.InputError) as caught:
        config.input_paths(config.validated(node))
    assert named in str(caught.value)


def test_limits_know_units_single_keys_and_lists() -> None:
    assert limits_of("a.height_um") == limits_of("roi.centre_um") != limits_of("volume_um3")
    assert limits_of("k_ic_mpa_sqrt_m") != limits_of("strength_mpa")
    assert limits_of("uncertainty.seed") == limits_of("seed")
    check_limits({"a": {"centre_um": [1.0, 0.0, -1e5]}, "b": True, "c": float("nan"), "d": None})
    for bad in ({"a": {"b_um": [1.0, 1e7]}}, {"a_um": 1e-4}, {"a": " "}, {"a": "x\0"}):
        with pytest.raises(ValueError, match=r"^a"):
            check_limits(bad)


@pytest.mark.parametrize(
    "line",
    [
        ["solve", "material.li.yield_mpa=-1"],
        ["solve", "mesh.fine_um=1e-9"],
        ["solve", "stack.radius_um=1e300"],
        ["phantom", "seed=-1"],
        ["phantom", "layer_rim_um=nan"],
        ["image", "before=''", "after=b.tif"],
        ["image", "before=/dev/null", "after=/dev/null"],
        ["run", "cells.a=3", "cells.b=4"],
    ],
    ids=" ".join,
)
def test_the_command_says_it_in_one_line(
    line: list[str], workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run([*line, "hydra.run.dir=out"]) == 2
    out, err = capsys.readouterr()
    assert line[1].partition("=")[0] in err
    assert out == ""
    assert err.count("\n") == 1
    assert {file.name for file in (workdir / "out").iterdir()} <= {"result.json", f"{line[0]}.log"}
