# SPDX-License-Identifier: Apache-2.0
"""What the recorder costs a chip: instructions an event, bytes of code, bytes of stack, bytes of the ring.

Instructions are counted by the emulated core (minstret or CCOUNT under -icount) around each call of the recorder in the
firmware's scenario `bench`: random operations under stacks of 1 to 16 frames. The bounds are for RISC-V and Cortex-M4.
"""

from __future__ import annotations

import re
import struct
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from statistics import mean, median
from typing import Any

from tests.support import firmware
from tests.support.bench import Row
from tests.support.chips import chip_of
from tests.support.gdb import remote, run_gdb
from tests.support.paths import ROOT
from tests.support.qemu import Qemu
from tests.target.build import VARIANTS, Machine

RECORDER = ROOT / "c_helpers" / "recorder"
RV32, M4 = VARIANTS["default"].machine, VARIANTS["m4"].machine
FOLDERS = ("c_helpers/include", "c_helpers", "tests/target", "tests/target/rtos")
BASE = ["-DMEMTRACE_FILTERS=0", "-DMEMTRACE_LIVE=0"]
SMALL = ["-msave-restore"]  # what docs/how-to/porting.md recommends with -Os
# What a program gets only if it calls it: the linker leaves the others out.
OPTIONAL = {
    "labels": "names of heaps and tags",
    "retained": "the run before",
    "stats": "memtrace_stats",
    "reset": "memtrace_reset",
    "entries": "memtrace_entry_seen",
}
DEEPEST = 16
REALLOC = ("memtrace_realloc_begin", "memtrace_realloc_end")
# An instruction with the relocation of a call; a far call is a pair, whose second half says whether it links.
CALL = re.compile(
    r"\t(\w+)\t[^\n]*\n\s+[0-9a-f]+: R_RISCV_(?:CALL\w*|JAL|RVC_JUMP)\t([\w.]+)"
    r"(?:[^\n]*\n\s+[0-9a-f]+: R_RISCV_RELAX[^\n]*)?(?:\n\s+[0-9a-f]+:\t(jalr|jr)\b)?"
)


def rows() -> Iterable[Row]:
    """Every number of the recorder that has a bound, and the worst cases beside them."""
    yield from _instruction_rows("bench", "base features", bound=True)
    yield from _instruction_rows("bench-full", "all features", bound=False)
    yield from _instruction_rows("bench-tags", "base features and tags", bound=False)
    yield from _instruction_rows("bench-rtos", "base features, port like FreeRTOS's", bound=False)
    yield from _instruction_rows("bench-rtos-full", "all features, port like FreeRTOS's", bound=False)
    yield from _pair_rows()
    yield from _off_rows()
    for chip in ("de212", "lx106"):
        yield from _instruction_rows(f"{chip}-bench", f"base features, {chip}", bound=False)
        yield from _instruction_rows(f"{chip}-bench-full", f"all features, {chip}", bound=False)
    yield from _instruction_rows("m4-bench", "base features, Cortex-M4", bound=True, most=(110, 25))
    yield from _instruction_rows("m4-bench-full", "all features, Cortex-M4", bound=False)
    yield from _instruction_rows("m0-bench", "base features, Cortex-M0", bound=False)
    base, full = [*BASE, "-DMEMTRACE_QUICK=0"], ["-DMEMTRACE_QUICK=0"]
    yield Row("recorder text, -Os, base", _text_bytes([*base, *SMALL]), 2048, "bytes", " ".join(SMALL))
    yield Row("recorder text, -Os, all", _text_bytes([*full, *SMALL]), 3072, "bytes", " ".join(SMALL))
    yield Row("the same, base", _text_bytes(base), None, "bytes", f"without {' '.join(SMALL)}")
    yield Row("the same, all", _text_bytes(full), None, "bytes", f"without {' '.join(SMALL)}")
    yield Row("recorder text, -O2, base", _text_bytes(BASE, "-O2"), None, "bytes", "as measured above")
    yield Row("recorder text, -O2, all", _text_bytes([], "-O2"), None, "bytes", "as measured above")
    for defines, name, most in ((base, "base", 2560), (full, "all", 3584)):
        yield Row(f"recorder text, Cortex-M4, -Os, {name}", _text_bytes(defines, machine=M4), most, "bytes", "")
        without = [*defines, "-DMEMTRACE_DEPTH=1"]
        yield Row("the same, callers alone", _text_bytes(without, machine=M4), None, "bytes", "MEMTRACE_DEPTH=1")
    for stem, name in OPTIONAL.items():
        yield Row(
            f"only if called: {name}",
            _text_bytes([*full, *SMALL], only=stem),
            None,
            "bytes",
            f"{stem}.c; -Os, all features",
        )
    yield Row(
        "only if linked: modules' counters", _usage_bytes(), None, "bytes", f"c_helpers/usage; -Os {' '.join(SMALL)}"
    )
    for flags in (["-O2"], ["-Os"], ["-Os", *SMALL]):
        name = " ".join(flags)
        yield Row(f"recorder stack, {name}, depth 16", _stack_bytes(*flags), 160, "bytes", "deepest path")
    yield Row("ring memory, an event", 16, 16, "bytes", "a stack is stored once; format.md")


def _instruction_rows(variant: str, name: str, *, bound: bool, most: tuple[int, int] = (80, 20)) -> Iterable[Row]:
    measured = samples(variant)
    typical = {depth: median(values) for depth, values in measured.items()}
    further = (typical[DEEPEST] - typical[1]) / (DEEPEST - 1)
    every = sorted(chain.from_iterable(measured.values()))
    note = f"median of {len(measured[1]):,} events; worst at depth 1: {max(measured[1]):,}"
    yield Row(f"an event with one PC, {name}", typical[1], most[0] if bound else None, "instructions", note)
    yield Row(
        f"each further frame, {name}",
        further,
        most[1] if bound else None,
        "instructions",
        f"worst event: {every[-1]:,}",
    )
    percentile = every[len(every) * 99 // 100]
    note = f"of 1 to {DEEPEST} frames; 99 of 100 take at most {percentile:,}"
    yield Row(f"all {len(every):,} events, {name}", mean(every), None, "instructions", note)


# What others measured on commit 2d83596, in instructions: alloc and free of a pair, wrapper included, 200 live. And
# ESP-IDF's heap_trace there, its best mode at depth 16 (LEAKS with a hash map: 1,902 and 541; ALL: 152 bytes a pair).
TODAY = {"1": (134, 150), "16": (301, 318), "live": (463, 335)}
IDF_PAIR, IDF_BYTES = 2443, 152


def _pair_rows() -> Iterable[Row]:
    bounds = {"1": sum(TODAY["1"]) * 1.15, "16": IDF_PAIR / 2, "live": None}
    labels = {"1": "depth 1", "16": "depth 16", "live": "depth 16, live table"}
    for name, told in TODAY.items():
        found, words = _measured(f"bench-pair-{name}")
        kinds = [[cost for cost, kind, depth in found if kind == wanted and depth == DEEPEST] for wanted in (1, 2)]
        alloc, free = (mean(costs) for costs in kinds)
        note = f"{alloc:.0f} + {free:.0f}, worst {max(map(max, kinds)):,}; once {told[0]} + {told[1]}"
        what = f"alloc + free, 200 live, wrapper included, {labels[name]}"
        yield Row(what, alloc + free, bounds[name], "instructions", note)
        if name == "16":
            note = f"two events; each stack once, {4 * words:,} bytes for {len(found):,} events"
            yield Row("ring memory, the pair", 32 + 8 * words / len(found), IDF_BYTES / 4, "bytes", note)


def _off_rows() -> Iterable[Row]:
    measured = samples("bench-rtos-full", append="scenario=bench-off")
    yield Row("memtrace_alloc, memtrace_free while off", max(measured[1]), 12, "instructions", "their arguments too")
    yield Row("a wrapped call while off", max(measured[2]), 25, "instructions", "more than the allocator's own")


def samples(variant: str, **machine: Any) -> Mapping[int, list[int]]:
    """Instructions of each event by the depth of its stack, without what the counting itself costs."""
    found: dict[int, list[int]] = {}
    for instructions, _, depth in _measured(variant, **machine)[0]:
        found.setdefault(depth, []).append(instructions)
    return found


def _measured(variant: str, **machine: Any) -> tuple[list[tuple[int, int, int]], int]:
    """Instructions, kind and depth of the stack of each event; and the words that the table of stacks has in use."""
    chip = chip_of(variant)
    machine = {"append": "scenario=bench", "icount": chip.icount, "chip": chip, **machine}
    with tempfile.TemporaryDirectory() as folder, Qemu(firmware.build(variant), **machine) as target:
        dump = Path(folder) / "samples"
        commands = [remote(target.remote), "break scenario_done", "continue", "p bench_count", "p bench_overhead"]
        commands.append("p memtrace_ring->stack_words_used")
        commands.append(f"dump binary memory {dump} &bench_samples[0] &bench_samples[bench_count]")
        done = run_gdb(commands, elf=firmware.build(variant), program=chip.gdb)
        _, overhead, words = map(int, re.findall(r"\$\d = (\d+)", done.stdout))
        data = dump.read_bytes()
    found = [
        (round((instructions - overhead) / chip.ticks_per_instruction), kind, depth)
        for instructions, kind, depth in struct.iter_unpack("<HBB", data)
    ]
    return found, words


def compiler_of(machine: Machine) -> list[str]:
    """The compiler of a machine, for the recorder in its board's port."""
    includes = [f"-I{ROOT / name}" for name in (*FOLDERS, machine.board)]
    return [machine.compiler, *machine.flags, "-std=c11", "-ffunction-sections", *includes]


def compiled(
    folder: Path, defines: list[str], optimise: str, sources: Iterable[Path] = (), machine: Machine = RV32
) -> list[Path]:
    """The recorder's objects, or those of `sources`, with lists of their functions' stack."""
    objects = []
    for source in sources or sorted(RECORDER.glob("*.c")):
        made = folder / f"{source.stem}.o"
        command = [*compiler_of(machine), optimise, *defines, "-fstack-usage", "-c", str(source), "-o", str(made)]
        subprocess.run(command, check=True, cwd=folder)
        objects.append(made)
    return objects


def _text_bytes(defines: list[str], optimise: str = "-Os", only: str | None = None, machine: Machine = RV32) -> int:
    """Code and constants of the recorder as they end in a firmware: linked, so calls have the length that they need.

    Those of all files that every firmware has, or of one.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = compiled(folder, defines, optimise, machine=machine)
        linked = [path for path in made if only is not None or path.stem not in OPTIONAL]  # as the linker leaves it
        objects = [str(path) for path in linked]
        counted = [str(path) for path in linked if only in (None, path.stem)]
        elf = str(folder / "linked.elf")
        script = [
            "-T",
            str(ROOT / machine.board / "link.ld"),
            "-Wl,--no-warn-rwx-segments,--no-gc-sections,--defsym=_start=0",
        ]
        names = ("board_running", "memtrace_port_build_id", "mps2_time_full")
        symbols = [f"-Wl,--defsym={name}=0x80080000" for name in names]
        subprocess.run([*compiler_of(machine), "-nostartfiles", *script, *symbols, *objects, "-o", elf], check=True)
        own = {words[-1] for words in _symbols(counted) if words[-2] in "TtRrWw"}
        sizes = [int(words[1]) for words in _symbols([elf, "--print-size"]) if len(words) == 4 and words[3] in own]
    return sum(sizes)


def _usage_bytes() -> int:
    """Code of the counters of modules, before it is linked: it calls nothing."""
    with tempfile.TemporaryDirectory() as name:
        made = Path(name) / "usage.o"
        source = ROOT / "c_helpers" / "usage" / "memtrace_usage.c"
        subprocess.run([*compiler_of(RV32), "-Os", *SMALL, "-c", str(source), "-o", str(made)], check=True)
        return sum(int(words[1]) for words in _symbols([str(made), "--print-size"]) if words[-2] in "TtRr")


def _symbols(arguments: list[str]) -> list[list[str]]:
    command = ["riscv64-unknown-elf-nm", "--radix=d", *arguments]
    listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [words for line in listing.splitlines() if len(words := line.split()) >= 2]


def _stack_bytes(optimise: str, *flags: str) -> int:
    """The deepest sum of frames from any entry, by -fstack-usage and the calls in the objects."""
    return stack_bytes(
        (*(f"memtrace_{name}" for name in ("alloc_quick", "alloc_slow", "free_quick", "free_slow")), *REALLOC),
        [*flags],
        optimise,
    )


def stack_bytes(entries: Iterable[str], defines: list[str], optimise: str, sources: Iterable[Path] = ()) -> int:
    """The deepest sum of frames from any of the entries into the recorder, or into `sources`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        objects = compiled(folder, defines, optimise, sources)
        frames = _frames(folder)
        calls = _calls(objects)
    return max(_deepest(entry, frames, calls, ()) for entry in entries)


def _frames(folder: Path) -> dict[str, int]:
    lines = [line.split("\t") for path in folder.glob("*.su") for line in path.read_text().splitlines()]
    return {place.split(":")[-1].split(".")[0]: int(size) for place, size, _ in lines}


def _calls(objects: list[Path]) -> dict[str, set[tuple[str, bool]]]:
    """Which function calls which, by the disassembly with relocations; True: it jumps, its own frame is gone."""
    calls: dict[str, set[tuple[str, bool]]] = {}
    for path in objects:
        command = ["riscv64-unknown-elf-objdump", "-dr", "--no-show-raw-insn", str(path)]
        listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        function = ""
        for text in re.split(r"\n(?=[0-9a-f]+ <)", listing):
            if head := re.match(r"[0-9a-f]+ <(\w+)[^>]*>:", text):
                function = head[1].split(".")[0]
            for instruction, callee, second in re.findall(CALL, text):
                links = "jal" in (second or instruction)
                calls.setdefault(function, set()).add((callee.split(".")[0], not links))
    return calls


def _deepest(
    function: str, frames: dict[str, int], calls: dict[str, set[tuple[str, bool]]], path: tuple[str, ...]
) -> int:
    if function in path:
        return 0
    own, most = frames.get(function, 0), 0
    for callee, jumps in calls.get(function, ()):
        most = max(most, _deepest(callee, frames, calls, (*path, function)) + (0 if jumps else own))
    return max(own, most)
