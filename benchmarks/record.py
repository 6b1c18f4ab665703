"""What a benchmark found, on which machine, under which load; and the page made of it."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

PACKAGES = (
    "islet", "dolfinx-solver-real", "numpy", "scipy", "numba", "simpleitk", "tifffile", "zarr",
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """A number beside that of a peer, or beside a limit."""

    what: str
    value: float
    unit: str
    against: str
    """Name of the peer, or of the limit."""
    reference: float
    more_is_better: bool = False

    @property
    def ratio(self) -> float:
        """How many times better than the peer, or how far inside the limit: above 1 is good."""
        pair = (self.value, self.reference)
        over, under = pair if self.more_is_better else pair[::-1]
        return over / under if under else float("inf")


@dataclass(frozen=True)
class Machine:
    """Where a benchmark ran."""

    processor: str
    cores: int
    """That the benchmark was given."""
    memory_gib: float
    system: str


@dataclass(frozen=True)
class Record:
    """One benchmark: content of ``results/NAME.json``."""

    name: str
    title: str
    command: str
    date: str
    machine: Machine
    load: tuple[float, float]
    """Processes that wanted a core, averaged over a minute, before the start and at the end."""
    versions: dict[str, str]
    lines: list[Line]
    details: object
    """Everything that the benchmark's script has measured."""

    def write(self, folder: Path) -> Path:
        """Write the record as JSON."""
        content = asdict(self)
        for line, told in zip(self.lines, content["lines"], strict=True):
            told["ratio"] = round(line.ratio, 3)
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{self.name}.json"
        temporary = file.with_suffix(".json.part")
        temporary.write_text(json.dumps(content, indent=1) + "\n")
        temporary.replace(file)
        return file


def read_record(file: Path) -> Record:
    """Read what `Record.write` wrote."""
    content = json.loads(file.read_text())
    lines = [Line(**{k: v for k, v in told.items() if k != "ratio"}) for told in content["lines"]]
    before, after = content["load"]
    known = {"machine": Machine(**content["machine"]), "load": (before, after), "lines": lines}
    return Record(**(content | known))


def this_machine() -> Machine:
    """Describe the machine as far as it tells."""
    told = Path("/proc/cpuinfo")
    names = [line for line in told.read_text().splitlines() if line.startswith("model name")]
    processor = names[0].split(":", 1)[1].strip() if names else platform.machine()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return Machine(processor, len(os.sched_getaffinity(0)), round(memory, 1), platform.system())


def versions() -> dict[str, str]:
    """Return the versions of Python and of what does the work, as far as it is installed."""
    found = {"Python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def page(records: list[Record], entry: str) -> str:
    """Return a page of the documentation: one table of all ratios, then each benchmark."""
    out = [
        "# Benchmarks",
        "",
        f"Made by `{entry}` from `benchmarks/results/`, which `{entry} NAME ...` writes. "
        "Each line holds a number against a peer that was measured in the same run, or against a "
        "limit; a ratio above 1 is good. Load: processes that wanted a core, over the minute "
        "before the start and the last one of the run; of those at the end, the benchmark's own "
        "are part. Where it exceeds the cores, wall times are too long, while processor times "
        "and ratios of runs in turns suffer little.",
        "",
        "| benchmark | number | | against | | ratio | cores | load before, after |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for record in records:
        before, after = record.load
        for line in record.lines:
            cells = [
                f"[{record.name}](#{record.name})", line.what, _shown(line.value, line.unit),
                line.against, _shown(line.reference, line.unit), f"{line.ratio:.2g}",
                str(record.machine.cores), f"{before:.1f}, {after:.1f}",
            ]  # fmt: skip
            out.append(f"| {' | '.join(cell.strip() for cell in cells)} |")
    for record in records:
        machine = record.machine
        out += [
            "",
            f"## {record.name}",
            "",
            f"{record.title}",
            "",
            f"    {record.command}",
            "",
            f"{record.date}, {machine.processor}, {machine.cores} of its cores, "
            f"{machine.memory_gib:g} GiB, {machine.system}; "
            + ", ".join(f"{name} {number}" for name, number in record.versions.items())
            + f". All that was measured: `benchmarks/results/{record.name}.json`.",
        ]
    return "\n".join([*out, ""])


def _shown(value: float, unit: str) -> str:
    return f"{value:.3g} {unit}" if abs(value) < 1000 else f"{value:,.0f} {unit}"
