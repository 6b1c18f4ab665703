"""The configuration: composition of every file, validation, and what is filled in."""

from __future__ import annotations

import dataclasses
import itertools
import math
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf
from omegaconf.errors import ReadonlyConfigError

from coupling import config, help, launcher
from coupling.criterion import critical_length_um
from coupling.messages import all_keys
from coupling.schema_island import IslandConfig, IslandKind
from coupling.schema_mechanics import RiskOptions, SolveConfig
from coupling.verbs import SUMMARY
from mechanics.interfaces import Contact, ContactOptions
from mechanics.materials import PRESETS
from mechanics.profile import cap
from mechanics.stack import Kinematics, Loading, StackGeometry, StackKind

CONF = Path(__file__).parents[2] / "conf"
GROUPS = {
    "solve": ("island", "material", "stack", "contact", "study"),
    "risk": ("material", "stack", "contact"),
    "run": ("material", "stack", "contact"),
}
REQUIRED = {"image": ["lvf=lvf.tif"], "collect": ["sweep=somewhere"], "risk": ["image=somewhere"]}


def composed(verb: str, *overrides: str) -> Any:
    arguments = launcher.parse_arguments([*REQUIRED.get(verb, []), *overrides])
    return config.without_hydra(launcher.compose(verb, arguments))


def solve(*overrides: str) -> SolveConfig:
    validated: SolveConfig = config.validated(composed("solve", *overrides))
    return validated


def every_choice() -> list[tuple[str, str]]:
    pairs = [(verb, "") for verb in SUMMARY]
    for verb, groups in GROUPS.items():
        pairs += [(verb, f"{g}={o}") for g in groups for o in help.options(g)]
    return pairs


@pytest.mark.parametrize(("verb", "choice"), every_choice())
def test_every_file_composes_against_its_schema(verb: str, choice: str) -> None:
    node = composed(verb, *([choice] if choice else []))
    if choice != "island=profile":  # needs a file
        validated = config.validated(node)
        assert type(validated) is config.schema_class(verb)
        with pytest.raises(dataclasses.FrozenInstanceError):
            validated.force = True


def test_no_file_of_the_configuration_is_left_out() -> None:
    used = {CONF / f"{verb}.yaml" for verb in SUMMARY}
    used |= set((CONF / "shared").glob("*.yaml")) | set((CONF / "phantom").glob("*.yaml"))
    used |= {CONF / g / f"{o}.yaml" for g in GROUPS["solve"] for o in help.options(g)}
    assert set(CONF.rglob("*.yaml")) == used


@pytest.mark.parametrize("verb", SUMMARY)
def test_every_key_is_explained_to_the_user(verb: str) -> None:
    node = launcher.compose(verb, launcher.parse_arguments(REQUIRED.get(verb, [])))
    comments = help.key_comments(verb, node.hydra.runtime.choices)
    own = config.without_hydra(node)
    leaves = [k for k in all_keys(own) if not OmegaConf.is_dict(OmegaConf.select(own, k))]
    assert [key for key in leaves if key not in comments and not key.endswith("kind")] == []
    assert SUMMARY[verb] in help.help_text(verb, node)


def test_material_files_repeat_the_presets() -> None:
    assert help.options("material") == sorted(PRESETS)
    for name, preset in PRESETS.items():
        assert solve(f"material={name}").material == preset


def test_plain_nodes_repeat_the_defaults_of_their_classes() -> None:
    given = solve()
    for field in dataclasses.fields(SolveConfig):
        value = getattr(given, field.name)
        if dataclasses.is_dataclass(value) and field.name not in ("material", "stack"):
            assert value == type(value)(), field.name


def test_frozen_schema_is_thawed_in_depth_and_free_dictionaries_are_open() -> None:
    frozen = OmegaConf.structured(SolveConfig)
    with pytest.raises(ReadonlyConfigError):
        frozen.material.se.youngs_mpa = 1.0
    node = config.thaw(frozen)
    OmegaConf.set_struct(node, True)
    node.material.se.youngs_mpa = 1.0
    node.contact.mu_by.peek = 0.0
    assert config.validated(node).material.se.youngs_mpa == 1.0


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("material.se.youngs_mpa=-1", r"material\.se\.youngs_mpa must be a positive .* got -1"),
        ("mesh.fine_um=20", r"mesh\.fine_um=20 must not exceed mesh\.coarse_um=10"),
        ("load.steps=0", r"load\.steps must be at least 1"),
        ("island.height_um=nan", r"island\.height_um must be a positive number"),
        ("contact.mu_by.peak=0", r"contact\.mu_by\.peak: no such interface \(did you mean peek"),
        ("contact.mu=-0.1", r"contact\.mu must be zero or positive"),
        ("risk.rim_um=0", r"risk\.rim_um must be a positive number"),
        ("island=profile", r"island=profile needs island\.file"),
        ("island.file=a.csv", r"island\.file=a\.csv needs island=profile"),
    ],
)
def test_refused_values_are_named_with_their_key(override: str, message: str) -> None:
    with pytest.raises(config.InputError, match=message):
        solve(override)


@pytest.mark.parametrize(
    ("overrides", "diameter", "height"),
    [
        (["island=narrow"], 44.44098, 20.0),
        (["island=wide"], 100.0, 5.0),
        (["island=narrow", "island.height_um=10"], 44.44098, 10.0),
        (["island=narrow", "island.volume_um3=19700.4"], 44.44098, 20.0),
        (["island.contact_diameter_um=100"], 100.0, 5.0),
        (["island.height_um=5"], 100.0, 5.0),
        (["island.height_um=5", "island.contact_diameter_um=60"], 60.0, 5.0),
        (["island.aspect_ratio=0.05"], 100.0, 5.0),
    ],
)
def test_fewer_than_two_shape_parameters_are_completed(
    overrides: list[str], diameter: float, height: float
) -> None:
    island = solve(*overrides).island
    assert island.contact_diameter_um == pytest.approx(diameter, rel=1e-4)
    assert island.height_um == pytest.approx(height, rel=1e-4)
    assert island.aspect_ratio == pytest.approx(height / diameter, rel=1e-4)
    assert island.profile().volume_um3 == pytest.approx(island.volume_um3, rel=1e-4)


@pytest.mark.parametrize("kind", ["cap", "ellipsoid"])
def test_default_shape_and_one_given_volume(kind: str) -> None:
    plain = IslandConfig(IslandKind(kind))
    assert (plain.volume_um3, plain.aspect_ratio) == pytest.approx((19700.404, 0.45))
    small = IslandConfig(IslandKind(kind), volume_um3=1000.0)
    assert small.profile().volume_um3 == pytest.approx(1000.0, rel=1e-4)
    assert small.aspect_ratio == pytest.approx(0.45)


@pytest.mark.parametrize("override", ["+qqq=3", "+load.qqq=3", "++qqq=3"])
def test_added_keys_are_refused(override: str) -> None:
    with pytest.raises(config.InputError, match="unknown key 'qqq'"):
        solve(override)


def test_contradicting_shape_parameters_are_refused() -> None:
    with pytest.raises(config.InputError, match=r"island\.\w+=.* contradicts"):
        solve("island=narrow", "island.volume_um3=30000")


def write(path: Path, *rows: str) -> IslandConfig:
    path.write_text("\n".join(rows) + "\n")
    return IslandConfig(IslandKind.profile, file=str(path))


def test_profile_is_read_from_a_file(tmp_path: Path) -> None:
    shape = cap(60.0, 12.0, points=30)
    rows = [f"{z},{r}" for r, z in zip(shape.r_um, shape.z_um, strict=True)]
    read = write(tmp_path / "p.csv", "z_um, r_um", *rows).profile()
    assert read.contact_diameter_um == pytest.approx(60.0)
    assert read.height_um == pytest.approx(12.0)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["r,z", "0,5"], "no column r_um and z_um"),
        (["r_um,z_um", "0,5", "3,four", "6,0"], "row 3: z_um='four' is not a number"),
        (["r_um,z_um", "0,5", "3,nan", "6,0"], "row 3: z_um='nan' is not finite"),
        (["r_um,z_um", "0,5", "3", "6,0"], "row 3: z_um is missing"),
        (["r_um,z_um", "6,0", "3,4", "0,5"], "from the contact line to the apex"),
        (["r_um,z_um", "0,5", "6,0"], "at least 3 points"),
        ([], "no column"),
    ],
)
def test_malformed_profiles_name_file_and_row(
    tmp_path: Path, rows: list[str], message: str
) -> None:
    island = write(tmp_path / "bad.csv", *rows)
    with pytest.raises(ValueError, match=message) as caught:
        island.profile()
    assert "bad.csv" in str(caught.value)


def test_missing_profile_is_named() -> None:
    with pytest.raises(FileNotFoundError, match=r"island\.file=nowhere\.csv"):
        IslandConfig(IslandKind.profile, file="nowhere.csv").profile()


def test_default_criterion_is_the_pellets_and_flagged_as_a_mixture() -> None:
    paper = RiskOptions().criterion(PRESETS["paper"].se)
    assert paper.k_ic_mpa_sqrt_m == 0.17
    assert paper.length_um == 5.0
    assert paper.strength_mpa == pytest.approx(42.9, abs=0.05)
    assert paper.rim_um == 10.0
    assert not paper.toughness_is_own
    assert RiskOptions().criterion(PRESETS["pellet"].se).toughness_is_own
    dense = RiskOptions().criterion(PRESETS["dense"].se)
    assert (dense.k_ic_mpa_sqrt_m, dense.toughness_is_own) == (0.69, True)


def test_any_two_of_three_fix_the_criterion() -> None:
    full = {"k_ic_mpa_sqrt_m": 0.3, "strength_mpa": 50.0}
    full["length_um"] = critical_length_um(full["k_ic_mpa_sqrt_m"], full["strength_mpa"])
    assert full["length_um"] == pytest.approx(1e6 / math.pi * (0.3 / 50) ** 2)
    electrolyte = PRESETS["dense"].se
    for pair in [*itertools.combinations(full, 2), tuple(full)]:
        found = RiskOptions(**{name: full[name] for name in pair}).criterion(electrolyte)
        assert {name: getattr(found, name) for name in full} == pytest.approx(full), pair
        assert not found.toughness_is_own


def test_one_of_three_is_completed_by_the_toughness_then_by_the_length() -> None:
    electrolyte = PRESETS["dense"].se
    assert RiskOptions(strength_mpa=100.0).criterion(electrolyte).k_ic_mpa_sqrt_m == 0.69
    assert RiskOptions(length_um=8.0).criterion(electrolyte).k_ic_mpa_sqrt_m == 0.69
    assert RiskOptions(k_ic_mpa_sqrt_m=0.3).criterion(electrolyte).length_um == 5.0


def test_three_contradicting_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match=r"risk\.length_um=7 contradicts"):
        RiskOptions(0.3, 50.0, 7.0)


def test_friction_of_one_interface_beats_its_group_and_the_group_beats_the_rest() -> None:
    contact = ContactOptions(mu=0.3, mu_by={"peek": 0.0, "die_peek": 0.1})
    assert contact.mu_of("die_peek") == 0.1
    assert contact.mu_of("se_peek") == 0.0
    assert contact.mu_of("se_li") == 0.3


def test_the_default_is_the_papers_model() -> None:
    default = solve()
    assert default.stack == StackGeometry(StackKind.cell)
    assert default.stack.kind is StackKind.cell
    assert default.contact.kind is Contact.frictional
    assert default.contact.se_cu is Contact.bonded
    assert default.kinematics is Kinematics.finite


def test_plain_values_can_be_read_back() -> None:
    values = config.plain(solve("load.expansion_measure=volumetric"))
    assert values["load"]["expansion_measure"] == "volumetric"
    assert Loading(**{**values["load"], "expansion_measure": "linear"}).steps == 10


def phantom_of(*overrides: str) -> Any:
    """The validated configuration of `islet phantom`."""
    return config.validated(composed("phantom", *overrides))


def test_rows_of_numbers_take_integers() -> None:
    whole = phantom_of("cracks_um=[[90,90,80,14,7,4]]", "series=[[1,1,1,0,0,0]]")
    assert whole.cracks_um == [[90.0, 90.0, 80.0, 14.0, 7.0, 4.0]]
    assert all(isinstance(value, float) for row in whole.series for value in row)
    assert phantom_of("cracks_um=null").cracks_um is None


@pytest.mark.parametrize("given", ["3", "[1,2]", "[[1,x]]", "[[1,true]]", "{a:1}"])
def test_rows_of_anything_else_are_refused(given: str) -> None:
    with pytest.raises(config.InputError, match="cracks_um needs rows of numbers, such as"):
        phantom_of(f"cracks_um={given}")
