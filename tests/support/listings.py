# SPDX-License-Identifier: Apache-2.0
"""Prints listings of blocks as the tools of other systems do, by their format strings, and dresses them as consoles do.

Each printer follows the source of the release that it names (ESP-IDF's heap_trace_standalone.c and multi_heap.c, the
R128's cmd_memleak.c, memory_tracker.cpp, NuttX's mm_memdump.c). Nothing here is shared with the readers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

PCS = tuple(0x4200_0700 + 0x86 * number for number in range(40))
TASKS = ("main", "AudioDecode", "tcpip", "ISR")
FOREIGN = (
    "I (6246) wifi:state: init -> auth (b0)",
    "\x1b[0;33mW (7057) AUDIO_PIPE: underrun, 6448 frames\x1b[0m",
    "--- note: size = 0x110c, block @ 0x3ffb0ea5 released ---",
    "           Free :   456992 Bytes    (  446 KB)",
    "AudioDecode     R       4       3872    49      0x874d5e0       0x87459c0",
    "D (550) HTTP_CLIENT: http_process_recv_data, read = 2158",
    "",
    "===== boot 3 =====",
)


@dataclass(frozen=True)
class Block:
    """A block: freed by a stack, or live."""

    address: int
    size: int
    stack: tuple[int, ...]
    task: str = "main"
    heap: str = "Internal"
    serial: int = 0
    freed: tuple[int, ...] | None = None
    pid: int = 3


def blocks(random: Random, count: int, depth: int = 4, freed: float = 0.0) -> list[Block]:
    """Blocks that do not overlap."""
    found, address = [], 0x3FCA_0000
    for number in range(count):
        size = random.randrange(1, 5000)
        stack = tuple(random.choices(PCS, k=random.randrange(1, depth + 1)))
        gone = tuple(random.choices(PCS, k=random.randrange(1, depth + 1))) if random.random() < freed else None
        heap = random.choice(("Internal", "PSRAM"))
        one = Block(address, size, stack, random.choice(TASKS), heap, 0x0100_5DD0 + 0x400 * number, gone)
        found.append(one)
        address += -(-size // 4) * 4 + random.choice((4, 12, 40))
    return found


def heap_trace(
    found: Sequence[Block], release: str = "5.1", depth: int = 4, all_mode: bool = False, overflowed: bool = False
) -> list[str]:
    """What heap_trace_dump of ESP-IDF 4.4, 5.1 or 5.5 prints."""
    old, new = release == "4.4", release == "5.5"
    count, live = len(found), [one for one in found if one.freed is None]
    lines = [
        f"{count} allocations trace (2000 entry buffer)"
        if old
        else f"====== Heap Trace: {count} records (2000 capacity) ======"
    ]
    for one in found:
        where = f"@ 0x{one.address:x}" + ("" if old else f", {one.heap:>8}")
        caller = ":".join(f"0x{pc:x}" for pc in one.stack[:depth]) + (":" if len(one.stack) < depth else "")
        row = f"{one.size}" if old else f"{one.size:6}"
        row += f" bytes ({where}) allocated CPU {one.serial >> 10 & 1} ccount 0x{one.serial & ~3:08x}"
        row += f" caller {caller}" if depth and not new else f" caller {caller}" if depth else "" if new else " caller "
        gone = one.freed is not None and all_mode
        if gone and new and not depth:
            row += " freed"
        lines.append(row)
        if gone and depth and one.freed is not None:
            chain = [*one.freed[:depth], *[0] * (depth - len(one.freed))]
            lines.append("freed by " + ":".join(f"0x{pc:x}" for pc in chain))
    size = sum(one.size for one in live)
    if not old:
        lines += ["====== Heap Trace Summary ======", f"Mode: Heap Trace {'All' if all_mode else 'Leaks'}"]
    lines.append(
        f"{size} bytes alive in trace ({len(live)}/{count} allocations)"
        if all_mode
        else f"{size} bytes 'leaked' in trace ({len(live)} allocations)"
    )
    if old:
        lines.append(f"total allocations {count + 7} total frees {count - len(live) + 7}")
    else:
        lines += [f"records: {count} (2000 capacity, {count + 1} high water mark)"]
        lines += ["hashmap: 512 capacity (3 hits, 2 misses)"] if new else []
        lines += [f"total allocations: {count + 7}", f"total frees: {count - len(live) + 7}"]
    if overflowed:
        lines.append(f"(NB: {'' if old else 'Internal '}Buffer has overflowed, so trace data is incomplete.)")
    return lines if old else [*lines, "================================"]


def memleak(found: Sequence[Block], form: str = "0", pointer: str = "0x{:x}", pc: str = "0x{:X}") -> list[str]:
    """What the R128's `memleak 0`, `memleak show` and `memallocate` print, and what its documentation shows."""
    lines = [] if form == "documented" else [f"c906>mem{'allocate main' if form == 'allocate' else f'leak {form}'}"]
    indent, deeper = ("\t ", 16) if form == "show" else ("" if form == "documented" else "    ", 8)
    for number, one in enumerate(found, 1):
        thread = "." if form in ("documented", "allocate") else f", thread = {one.task}"
        lines.append(f"{indent}{number:03}: ptr = {pointer.format(one.address)}, size = 0x{one.size:08x}{thread}")
        lines += [f"{' ' * deeper}backtrace : {pc.format(at)}" for at in one.stack]
    return lines


def wrong_free(kind: str, stack: Sequence[int], marks: int = 4) -> list[str]:
    """What the R128 prints of a wrong free."""
    words = {"double": "double free checked", "null": "free null pointer"}[kind]
    return [words + "!" * marks, *(f"backtrace : 0X{pc:08X}" for pc in stack)]


def tracker(found: Sequence[Block], decoded: bool = False, logged: bool = False, without: int = 0) -> list[str]:
    """What the ESP32 leak tracker prints; of the last blocks `without` their stacks."""
    rule = "=" * 40
    lines = [
        "",
        rule,
        "   LEAKED ALLOCATIONS",
        rule,
        f"Heap trace leak records: {len(found)}",
        "Backtraces captured: 120",
    ]
    for number, one in enumerate(found, 1):
        lines += ["", f"--- LEAK #{number} ---", f"Address: 0x{one.address:x} ({one.heap})", f"Size: {one.size} bytes"]
        if number > len(found) - without:
            lines.append("Backtrace: (not captured - buffer full or not FreeRTOS heap)")
            continue
        lines.append("Backtrace (frame pointer unwinding):")
        frames = [*one.stack, *[0] * (24 - len(one.stack))] if logged else list(one.stack)
        lines += [
            "  " + ":".join(f"0x{pc:x}" for pc in frames[at : at + (6 if logged else 24)])
            for at in range(0, len(frames), 6 if logged else 24)
        ]
        if decoded:
            lines += [f"--- 0x{pc:x}: f{pc:x} at /opt/build/app/{pc:x}.c:{pc & 0xFF}" for pc in one.stack]
    size, inside = sum(one.size for one in found), sum(one.heap == "Internal" for one in found)
    lines += ["", rule, "   LEAK SUMMARY", rule]
    lines.append(f"Total leaks: {len(found)} allocations, {size} bytes ({size / 1024:.2f} KB)")
    lines += [f"  Internal RAM: {inside} allocations", f"  PSRAM: {len(found) - inside} allocations"]
    lines += [f"  Backtraces found: {len(found) - without} / {len(found)}", "", "Current heap status:"]
    lines += ["  Internal free: 387 KB", "  PSRAM free: 32017 KB", rule]
    esp_log = "\x1b[0;32mI ({}) mem_track: {}\x1b[0m".format
    return [esp_log(52110 + 2 * at, line) for at, line in enumerate(lines)] if logged else lines


def heap_caps(found: Sequence[Block], old: bool = False) -> list[str]:
    """What heap_caps_dump prints: those that were freed are free. `old`: of releases before 4.3."""
    lines = []
    for heap, name in ((0x3FCA_0000, "Internal"), (0x3C00_0000, "PSRAM")):
        lines += [f"Heap start 0x{heap:x} end 0x{heap + 99:x}", f"First free block 0x{heap:x}"] if old else []
        lines += [] if old else [f"Showing data for heap: 0x{heap:x} "]
        for one in found:
            if one.heap == name and old:
                free = "" if one.freed is None else f" FREE. Next free 0x{heap + 99:x}"
                lines.append(
                    f"Block 0x{one.address - 4:x} data size 0x{one.size:08x} bytes next block 0x3ffb0000{free}"
                )
            elif one.heap == name:
                free = "No" if one.freed is None else "Yes"
                lines.append(f"Block 0x{one.address:x} data, size: {one.size} bytes, Free: {free} ")
    return lines


def memdump(found: Sequence[Block], release: str = "12.8", what: str = "used", tlsf: bool = False) -> list[str]:
    """What `memdump` of NuttX 10.3, 12.2, 12.8 or 13.0 prints. `what`: used, free, plain (no backtraces), or a PID."""
    seq, over = release in ("12.2", "12.8"), release in ("12.8", "13.0") and not tlsf
    titled = release in ("12.8", "13.0")
    if what == "free":
        title = "Dump all free memory node info" + ("" if titled else ":")
    elif titled:
        named = f"stack_alloc_ptr: 0x40200000, adj_stack_size: 2000, name: {what}"
        title = f"Memdump task {'ALL' if what in ('used', 'plain') else named}"
    else:
        title = "Dump all used memory node info:"
    with_pid = what != "plain" and (what != "free" or titled)
    columns = ("   PID" if with_pid else "") + f"{'Size':>12}" + (f"{'Overhead':>9}" if over else "")
    columns += f"{'Sequence':>12}" if with_pid and seq else ""
    lines = [title, columns + f"{'Address':>11}" + (" Backtrace" if with_pid else "")]
    for one in found:
        row = "" if what in ("free", "plain") else f"{one.pid:6}"
        row += f"{one.size:12}" + (f"{8:9}" if over else "")
        row += f"{one.serial:12}" if with_pid and seq and what != "free" else ""
        row += f"{f'0x{one.address:x}':>11}"
        row += "" if what in ("free", "plain") else " " + " ".join(f"0x{pc:08x}" for pc in one.stack)
        lines.append(row)
    return [*lines, "  Total Blks  Total Size", f"{len(found):12}{sum(one.size for one in found):12}"]


def strewn(random: Random, lines: Sequence[str], often: float = 0.1) -> list[str]:
    """Lines with those of other tasks in between."""
    found: list[str] = list(random.choices(FOREIGN, k=3))
    for line in lines:
        found += [random.choice(FOREIGN), line] if random.random() < often else [line]
    return [*found, *random.choices(FOREIGN, k=2)]


DRESSES = ("plain", "crlf", "crcrlf", "colour", "no-esc", "bracket", "arduino", "date", "syslog", "quote", "utf-16")


def dressed(lines: Sequence[str], dress: str) -> bytes:
    """The bytes of a text, as a terminal, a monitor or a mail has made it."""
    around = {
        "colour": ("\x1b[0;32m", "\x1b[0m"),
        "no-esc": ("[0;32m", "[0m"),
        "bracket": ("[2026-11-28 14:31:28.375] ", ""),
        "arduino": ("14:16:22.423 -> ", ""),
        "date": ("2026-11-28 17:12:00 ", ""),
        "syslog": ("Nov 28 14:40:57 gateway ser2net[812]: ", ""),
        "quote": ("> ", ""),
    }
    before, behind = around.get(dress, ("", ""))
    end = {"crlf": "\r\n", "crcrlf": "\r\r\n"}.get(dress, "\n")
    text = "".join(f"{before}{line}{behind}{end}" for line in lines)
    return text.encode("utf-16" if dress == "utf-16" else "utf-8")


def any_listing(random: Random) -> list[str]:
    """A listing of any kind."""
    found = blocks(random, random.randrange(12), random.choice((1, 4, 24)), random.choice((0.0, 0.4)))
    release, what = random.choice(("10.3", "12.2", "12.8", "13.0")), random.choice(("used", "free", "plain"))
    printers = (
        lambda: heap_trace(found, random.choice(("4.4", "5.1", "5.5")), random.choice((0, 1, 4, 8)), True),
        lambda: heap_trace(found),
        lambda: memleak(found, random.choice(("0", "show", "documented", "allocate"))),
        lambda: wrong_free(random.choice(("double", "null")), PCS[:4]),
        lambda: tracker(found, random.random() < 0.5, random.random() < 0.5, random.randrange(3)),
        lambda: heap_caps(found, random.random() < 0.5),
        lambda: memdump(found, release, what, random.random() < 0.5),
    )
    return random.choice(printers)()


def any_text(random: Random) -> bytes:
    """Some listings of any kind, amid other text, with lines lost, said twice, broken or out of order."""
    lines = [line for _ in range(random.choice((1, 1, 2, 3))) for line in any_listing(random)]
    for _ in range(random.randrange(6) if lines else 0):
        at, to = random.randrange(len(lines)), random.randrange(len(lines))
        lines[at] = random.choice(("", lines[to], lines[at][: random.randrange(40)] + lines[to], lines[at] * 9))
    data = dressed(strewn(random, lines), random.choice(DRESSES))
    return data[: random.randrange(len(data))] if random.random() < 0.4 else data
