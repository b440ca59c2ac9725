# SPDX-License-Identifier: Apache-2.0
"""The stub in a chip's panic handler: what would hang or kill it is never sent, and little is read of it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import firmware
from tests.support.fixtures import case
from tests.support.gdb import SOURCE, Capture, GdbSession, remote, run_gdb
from tests.support.panic_case import SECTION, Panic, panic_case
from tests.support.panic_stub import PanicStub
from tests.support.paths import ROOT
from tests.support.qemu import Qemu
from tests.support.rsp_stub import UART, Link
from tests.support.rsp_target import Memory

HEAP_OPTIONS = ("--heap", "multi_heap@0x80100000", "--ring", "0x80200000")
FEW_BYTES = 48 << 10  # the ring's events and the heaps' headers; both whole are 368 KiB
FASTER = Link(packet_size=None, bandwidth=200_000.0)
# A stub that stands in a panic handler is asked for these; everything else it may not survive, or never answer.
HARMLESS = {"qSupported", "vMustReplyEmpty", "H", "?", "g", "m", "T", "D"}
# Between one and the next `m`, GDB asks which tasks there are, where its stub knows no PacketSize.
HARMLESS |= {"qTStatus", "qAttached", "qC", "qfThreadInfo", "qsThreadInfo", "qThreadExtraInfo", "qOffsets", "qSymbol"}


@pytest.fixture(scope="module")
def panic(tmp_path_factory: pytest.TempPathFactory) -> Panic:
    return panic_case(tmp_path_factory.mktemp("panic"))


def assert_unharmed(stub: PanicStub) -> None:
    assert stub.deaths == [], "nothing was read where nothing is"
    assert not stub.hung
    assert set(stub.counts()) <= HARMLESS, stub.counts()
    assert stub.problems == []


def heap_of(report: Any) -> Any:
    heap = report["heaps"][0]
    return {key: heap[key] for key in ("status", "start", "end", "used_blocks", "findings", "resumed")}


def test_through_gdb(panic: Panic) -> None:
    """At a console's speed: the same findings, a tenth of the bytes, and what it takes is said before."""
    elf = firmware.build(firmware.DEFAULT)
    with panic.stub(UART) as stub, GdbSession(elf=elf, tty=False) as gdb:
        gdb.command(SOURCE)
        gdb.command(remote(stub.remote))
        stub.forget()
        printed = gdb.command("heap-check --json")
        read = stub.bytes_read
        assert_unharmed(stub)
        status = gdb.command("memtrace status")
        refused = gdb.command("memtrace start")
        unwatched = gdb.command("memtrace watch last-damage")
        assert_unharmed(stub)
    report = json.loads(printed[printed.index("\n{") if "\n{" in printed else printed.index("{") :])
    assert heap_of(report) == heap_of(panic.report)
    assert report["assertion"] == panic.report["assertion"]
    assert re.search(r"memtrace: .* takes about \d+ s", printed), printed[:500]
    assert read < FEW_BYTES
    assert "the stub on the chip takes none" in status
    assert "nothing runs or breaks there" in status
    assert "nothing runs there any more that could obey" in refused
    assert "a watch needs OpenOCD or QEMU" in unwatched


@pytest.mark.parametrize("in_gdb", [True, False], ids=["gdb", "shell"])
def test_by_our_own_client(panic: Panic, in_gdb: bool) -> None:
    with panic.stub(FASTER) as stub:
        if in_gdb:
            lines = [
                SOURCE,
                Capture(f"heap-check --json --rsp {stub.remote}"),
                Capture(f"memtrace start --rsp {stub.remote}"),
            ]
            done = run_gdb(lines, elf=firmware.build(firmware.DEFAULT))
            report, refused = done.json(), done.captured[1].error or ""
        else:
            report, _ = ask_shell("check", stub.remote, *HEAP_OPTIONS, "--json")
            _, refused = ask_shell("start", stub.remote, *HEAP_OPTIONS[2:])
        assert_unharmed(stub)
        assert stub.count_except("m") == stub.count("qSupported") == 2
        assert max(len(request.data) for request in stub.log) < 100
        assert stub.bytes_read < FEW_BYTES
    found = [(one["rule"], one["address"], one["bytes"]) for one in report["heaps"][0]["findings"]]
    assert found == [(one["rule"], one["address"], one["bytes"]) for one in panic.report["heaps"][0]["findings"]]
    assert "nothing runs there any more that could obey" in refused


def ask_shell(command: str, remote: str, *words: str) -> tuple[Any, str]:
    line = [sys.executable, "-m", "gdbext", command, "--rsp", remote, *words]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=600)
    return (json.loads(done.stdout) if done.stdout else None), done.stderr


def test_the_breakpoint_is_taken_away_before_anything_can_run_to_it(panic: Panic) -> None:
    """A stub without breakpoints would get the instruction written into its memory; then it hangs."""
    elf = firmware.build(firmware.DEFAULT)
    with panic.stub(FASTER) as stub, Qemu(elf, append="scenario=seed") as chip:
        lines = [SOURCE, remote(stub.remote), Capture("maint info breakpoints"), "disconnect", remote(chip.remote)]
        done = run_gdb([*lines, "continue", Capture("maint info breakpoints"), Capture("heap-check --json")], elf=elf)
        assert_unharmed(stub)
    assert "memtrace_assert_stop" not in done.captured[0].output
    assert "memtrace_assert_stop" in done.captured[1].output
    assert "memtrace: heap assertion in tlsf_free" in done.stdout, "on a chip that runs it is there again"


def test_a_wild_pointer_is_not_followed(panic: Panic, tmp_path: Path) -> None:
    """The list of heaps leads out of what is known to be memory: said, and not read."""
    elf = firmware.build(firmware.DEFAULT)
    listed = run_gdb(["p/x (unsigned)&registered_heaps"], elf=elf).stdout
    head = int(listed.split("=")[1], 16)
    with panic.stub(FASTER) as stub:
        stub.memory.write(head, (0x8FC0_0000).to_bytes(4, "little"))
        done = run_gdb([SOURCE, Capture(f"heap-check --json --rsp {stub.remote}")], elf=elf)
        assert_unharmed(stub)
    assert any("0x8fc00000" in one["why"] for one in done.json()["skipped"]), done.json()["skipped"]


def test_a_heap_that_lies_about_its_end_is_not_followed(panic: Panic) -> None:
    """Its entry in the list of heaps, and its own pool size, lead out of memory: that is judged, not tried."""
    elf = firmware.build(firmware.DEFAULT)
    end = panic.report["heaps"][1]["end"]
    with panic.stub(FASTER) as stub:
        info = panic.report["heaps"][1]["address"]
        assert stub.memory.write(info + 12, (0x0F00_0000).to_bytes(4, "little")), "pool_size of multi_heap_info"
        for options in ("", f" --heap multi_heap@{info:#x}"):
            done = run_gdb([SOURCE, Capture(f"heap-check --json --rsp {stub.remote}{options}")], elf=elf)
            assert (
                max(request.span.stop for request in stub.log if request.kind == "m" and request.span.start < end)
                <= end
            )
            assert done.json()["heaps"]
        assert_unharmed(stub)


def test_a_ring_alone_is_read_whole(panic: Panic) -> None:
    with panic.stub(FASTER) as stub:
        log, _ = ask_shell("log", stub.remote, "--ring", "0x80200000", "--json", "--limit", "3")
        assert_unharmed(stub)
    assert log["trace"]["kept"] == panic.report["trace"]["kept"]
    assert len(log["events"]) == 3


TABLE = """
typedef struct { long start; unsigned size, type; long iram; _Bool startup_stack; } soc_memory_region_t;
PLACE const soc_memory_region_t soc_memory_regions[] = {{%#x, 0x1000, 0, 0, 0}, {%#x, %#x, 0, 0, 0}};
void *registered_heaps = (void *)%#x;
int main(void) { return 0; }
"""


# ESP-IDF's linker scripts put constants among others of which some are writable: the whole section then is.
WRITABLE = '__attribute__((section(".flash.rodata,\\"aw\\"#")))'


@pytest.mark.parametrize("told_by", ["a table", "a table that could be written", "symbols"])
def test_the_chips_memories_are_those_of_its_table(told_by: str, tmp_path: Path) -> None:
    """A heap that no section of the program names, and a list of heaps in memory that only that table names."""
    heap = case("a005")
    image = heap.images[0]
    node, end = image.base - 0x4000, image.base + len(image.data)
    source = TABLE.replace("soc_memory_regions", "other") if told_by == "symbols" else TABLE
    source = source.replace("PLACE", WRITABLE if "written" in told_by else "")
    (tmp_path / "a.c").write_text(source % (node, image.base, len(image.data), node))
    symbols = [f"-Wl,--defsym=_heap_start={node:#x},--defsym=_heap_end={end:#x}"] if told_by == "symbols" else []
    line = ["riscv64-unknown-elf-gcc", "-march=rv32imac", "-mabi=ilp32", "-nostdlib", "-g", "-Wl,-Ttext=0x42000000"]
    subprocess.run([*line, "-Wl,-e,main,--build-id=none", *symbols, "a.c", "-o", "a.elf"], cwd=tmp_path, check=True)
    words = [0, 0, 0, image.base, end, 0, 0, heap.heap.address, 0]
    entry = b"".join(word.to_bytes(4, "little") for word in words)
    listed = run_gdb(["maint info sections"], elf=tmp_path / "a.elf").stdout
    spans = [(int(low, 16), int(high, 16)) for low, high in SECTION.findall(listed)]
    program = [(low, section_bytes(tmp_path / "a.elf", low, high)) for low, high in spans]
    with PanicStub(Memory.of([(node, entry), (image.base, image.data), *program]), link=FASTER) as stub:
        done = run_gdb([SOURCE, Capture(f"heap-check --json --rsp {stub.remote}")], elf=tmp_path / "a.elf")
        in_shell, _ = ask_shell("check", stub.remote, "--elf", str(tmp_path / "a.elf"), "--json")
        assert stub.deaths == []
    for report in (done.json(), in_shell):
        assert [one["address"] for one in report["heaps"]] == [heap.heap.address]
        assert report["heaps"][0]["status"] != "unreadable"


def section_bytes(elf: Path, low: int, high: int) -> bytes:
    """What a section of the program's file holds."""
    out = elf.with_suffix(f".{low:x}")
    run_gdb([f"dump binary memory {out} {low:#x} {high:#x}"], elf=elf)
    return out.read_bytes()
