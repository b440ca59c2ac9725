# SPDX-License-Identifier: Apache-2.0
"""The scenarios do what they say: each ends in its way, and its heap is sound but for the damage it is about.

What memtrace makes of them is tested elsewhere; this file knows nothing of memtrace's host side. The heap before the
damage must keep every rule of the format (tests/support/heap_oracle.py), and what has changed at the stop must be the
bytes that the scenario's wrong line wrote, and the books of the operation that was under way.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import firmware
from tests.support import heap_oracle as oracle
from tests.support.chips import chip_of
from tests.support.gdb import remote, run_gdb
from tests.support.markers import marked_line
from tests.support.paths import ROOT
from tests.support.qemu import Qemu

SCENARIOS = ROOT / "tests" / "target" / "scenarios"
HEAPS = {1 << 20: 288 * 1024, 3 << 19: 48 * 1024}  # from the chip's base on
DONE, ASSERTED = "scenario_done", "memtrace_assert_stop"
STATUS = {DONE: 0, ASSERTED: 3}


@dataclass(frozen=True)
class Damage:
    """A wrong line and what it writes: from which byte before a payload on, or to which byte past a block's end."""

    scenario: str
    end: str
    source: str
    marker: str
    past_end: int | None = None
    before_start: int | None = None
    inside: int | None = None


def overflow(scenario: str, marker: str, past_end: int, source: str = "overflow.c", end: str = ASSERTED) -> Damage:
    return Damage(scenario, end, source, marker, past_end=past_end)


DAMAGED = [
    overflow("seed", "seed-write", 4, "malloc_test.c"),
    overflow("overflow-1", "overflow-1-write", 1),
    overflow("overflow-1-nul", "overflow-1-nul-write", 1, end=DONE),
    overflow("overflow-4", "overflow-4-write", 4),
    overflow("overflow-16", "overflow-16-write", 16),
    overflow("handlers", "handlers-write", 4, end=DONE),
    overflow("realloc-overflow", "realloc-write", 4),
    overflow("header-zeroed", "header-zeroed-write", 1),  # the other three were 0 before
    overflow("overwritten", "overwritten-write", 4),
    overflow("reused", "reused-write", 4, "after_free.c"),
    overflow("two-heaps-overflow", "two-heaps-write", 4, "load.c"),
    overflow("isr-overflow", "isr-write", 4, "concurrent.c"),
    overflow("tasks-overflow", "tasks-write", 4, "concurrent.c"),
    overflow("inlined", "inlined-write", 4, "inlined.c"),
    Damage("underflow-1", ASSERTED, "overflow.c", "underflow-write", before_start=4),
    Damage("underflow-2", ASSERTED, "overflow.c", "underflow-write", before_start=8),
    Damage("uaf-links", ASSERTED, "after_free.c", "uaf-links-write", inside=8),
    Damage("uaf-links-text", DONE, "after_free.c", "uaf-links-text-write", inside=8),
    Damage("double-free", ASSERTED, "after_free.c", "double-free-second", inside=0),
    Damage("double-free-late", ASSERTED, "after_free.c", "double-free-second", inside=0),
    Damage("wrong-heap", ASSERTED, "wrong_free.c", "wrong-heap-free", inside=0),
    Damage("inner-free", ASSERTED, "wrong_free.c", "inner-free", inside=0),
    Damage("stray", DONE, "after_free.c", "stray-write", before_start=2),
    Damage("stray-assert", ASSERTED, "after_free.c", "stray-write", before_start=4),
]
UNSEEN = ["unseen-free", "shared", "joined"]  # the heap is sound, the trace is not told
CLEAN = [
    *UNSEEN,
    "clean",
    "leak",
    "exhaustion",
    "random",
    "two-heaps",
    "isr",
    "tasks",
    "callers",
    "step",
    "bench",
    "smp",
]


def target_of(variant: str, scenario: str, *, paused: bool = True) -> Qemu:
    return Qemu(firmware.build(variant), paused=paused, append=f"scenario={scenario}", chip=chip_of(variant))


def dumps(folder: Path, name: str, base: int) -> list[str]:
    """GDB commands that write both heaps to files."""
    places = [(base + offset, size) for offset, size in HEAPS.items()]
    return [f"dump binary memory {folder / name}-{start:x} {start} {start + size}" for start, size in places]


def memories(folder: Path, name: str, base: int) -> list[oracle.Memory]:
    places = [base + offset for offset in HEAPS]
    return [oracle.Memory(start, (folder / f"{name}-{start:x}").read_bytes()) for start in places]


def books(heaps: list[oracle.Memory]) -> set[int]:
    """Addresses that change whenever the allocator is entered: free bytes, the minimum, and the locks."""
    counters = {heap.base + at for heap in heaps for at in range(4, 12)}
    return counters | {heap.word(heap.base) + at for heap in heaps for at in range(8)}


def changed(before: oracle.Memory, after: oracle.Memory) -> list[int]:
    """Addresses of the bytes that are not what they were."""
    return [before.base + at for at, (old, new) in enumerate(zip(before.data, after.data, strict=True)) if old != new]


def check_place(damage: Damage, heap: oracle.Found, bytes_changed: list[int]) -> None:
    blocks = heap.used | {header + 8: size for header, size in heap.free.items()}
    first, last = bytes_changed[0], bytes_changed[-1]
    if damage.past_end is not None:
        owner = max(payload for payload in blocks if payload <= first)
        assert last + 1 - owner - blocks[owner] == damage.past_end
    elif damage.before_start is not None:
        assert min(payload for payload in blocks if payload > first) - first == damage.before_start
    else:
        header = max(at for at in heap.free if at <= first)
        assert header + 8 <= first and last < header + 8 + (damage.inside or 0)


@pytest.mark.parametrize("variant", ["default", "os", "nofp", "de212", "lx106", "m0", "m4"])
@pytest.mark.parametrize("damage", DAMAGED, ids=lambda damage: damage.scenario)
def test_damage_is_what_the_scenario_says(variant: str, damage: Damage, tmp_path: Path) -> None:
    chip, elf = chip_of(variant), firmware.build(variant)
    line = marked_line(SCENARIOS / damage.source, damage.marker)
    with target_of(variant, damage.scenario) as target:
        before = [remote(target.remote), f"tbreak {damage.source}:{line}", "continue"]
        after = [f"break {ASSERTED}", f"break {DONE}", "continue", "info symbol $pc"]
        lines = [*before, *dumps(tmp_path, "before", chip.base), *after, *dumps(tmp_path, "after", chip.base)]
        done = run_gdb(lines, elf=elf, program=chip.gdb)
    assert f"{damage.end} in section" in done.stdout, done.stdout
    found = []
    heaps = memories(tmp_path, "before", chip.base)
    for old, new in zip(heaps, memories(tmp_path, "after", chip.base), strict=True):
        heap = oracle.check(old, old.base)
        where = [at for at in changed(old, new) if at not in books(heaps)]
        found += [(heap, where)] if where else []
    assert len(found) == (0 if damage.inside == 0 else 1), "one heap is damaged"
    for heap, where in found:
        check_place(damage, heap, where)


@pytest.mark.parametrize("variant", ["default", "de212", "lx106", "m0", "m4"])
@pytest.mark.parametrize("scenario", CLEAN)
def test_clean_scenarios_leave_sound_heaps(variant: str, scenario: str, tmp_path: Path) -> None:
    chip = chip_of(variant)
    with target_of(variant, scenario) as target:
        commands = [remote(target.remote), f"break {DONE}", f"break {ASSERTED}", "continue", "info symbol $pc"]
        commands += [*dumps(tmp_path, "end", chip.base), f"dump binary value {tmp_path / 'slots'} random_blocks"]
        done = run_gdb(commands, elf=firmware.build(variant), program=chip.gdb)
    assert f"{DONE} in section" in done.stdout, done.stdout
    heaps = [oracle.check(memory, memory.base) for memory in memories(tmp_path, "end", chip.base)]
    slots = oracle.Memory(0, (tmp_path / "slots").read_bytes())
    live = {slots.word(at): slots.word(at + 4) for at in range(0, len(slots.data), 8) if slots.word(at)}
    assert bool(live) == (scenario == "random")
    for pointer, size in live.items():
        assert 0 <= heaps[0].used[pointer] - size < 16


CPUS = dict.fromkeys(["default", "os", "de212", "lx106", "m0", "m3", "m4", "m33"]) | {"imc": "rv32,a=false"}


@pytest.mark.parametrize("variant", CPUS)
@pytest.mark.parametrize("scenario", [*CLEAN, *(damage.scenario for damage in DAMAGED)])
def test_without_a_debugger_the_status_tells(scenario: str, variant: str) -> None:
    ends = {damage.scenario: damage.end for damage in DAMAGED}
    elf, chip = firmware.build(variant), chip_of(variant)
    with Qemu(elf, cpu=CPUS[variant], paused=False, append=f"scenario={scenario}", chip=chip) as target:
        status = target.wait(60)
        assert target.console.startswith(f"{scenario}: boot\n{scenario}: start\n")
    assert status == STATUS[ends.get(scenario, DONE)]


@pytest.mark.parametrize("variant", ["default", "de212", "lx106"])
def test_the_demo_needs_no_choice(variant: str) -> None:
    with Qemu(firmware.build(variant), paused=False, chip=chip_of(variant)) as target:
        assert target.wait(60) == STATUS[ASSERTED]
        assert target.console.startswith("seed: boot\n")


def test_an_unknown_scenario_is_named() -> None:
    with target_of("default", "nonsense", paused=False) as target:
        assert target.wait(60) == 6
        assert "no such scenario: nonsense" in target.console
