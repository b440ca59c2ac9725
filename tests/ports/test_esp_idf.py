# SPDX-License-Identifier: Apache-2.0
"""The component for ESP-IDF: each entry of its allocator is one event of the user's function, in each version.

tests/ports/esp_idf holds a small ESP-IDF (fake_idf.py) and a user's project; the options are read by the real
kconfiglib, the component's CMakeLists.txt by the real CMake, the application runs in QEMU.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import kconfiglib
import pytest

from tests.ports.booked import SIZED, Told
from tests.ports.fake_idf import COMPONENT, CROSS, FAKE, Idf, Ran, project, ran
from tests.ports.steps import are_few, carry_out, steps_of
from tests.support.paths import ROOT
from tests.unit.real_program import run

NO_CXX = "CONFIG_MEMTRACE_CXX=n\n"  # there is no C++ library for this compiler
README = COMPONENT / "README.md"
RUNS = {
    "4.4": Idf("4.4", "rv32imc"),
    "5.1": Idf("5.1", "rv32imc"),
    "5.5": Idf("5.5"),
    "5.5-imc": Idf("5.5", "rv32imc"),
    "6.0": Idf("6.0", "rv32imac", "picolibc"),
    "6.2-imc": Idf("6.2", "rv32imc", "picolibc"),
}
ROM = NO_CXX + "CONFIG_HEAP_TLSF_USE_ROM_IMPL=y\n"
POISONED = NO_CXX + "CONFIG_HEAP_POISONING_LIGHT=y\n"
HEAPS = {0: (0x8051_0000, 0x8000), 1: (0x8052_0000, 0x2000), 2: (0x8060_0000, 0x1_0000)}
ALIAS = 0x8053_0000, 0x2000  # of heap 1, on the instruction bus
NONE = 31


def application(folder: Path, idf: Idf, options: str = NO_CXX, death: int = 0) -> Ran:
    return ran(idf.build(project(folder, options, application="app"), DEATH=str(death)))


def events(found: Ran) -> list[tuple[Told, str | None, int]]:
    """Who did what, with the task and the heap."""
    assert found.trace is not None and found.trace.info is not None and found.trace.info.lost == 0
    return [
        (
            Told(
                event.kind,
                event.address,
                event.size if event.kind in SIZED else 0,
                found.name(event.stack[0]) if event.stack else "",
            ),
            event.task,
            event.heap,
        )
        for event in found.trace.events
        if event.kind not in ("control", "mark")
    ]


def heap_of(address: int) -> int:
    """Where a block lies, by the table of the chip's memory."""
    if address - ALIAS[0] in range(ALIAS[1]):
        return 1
    return next((number for number, (start, size) in HEAPS.items() if address - start in range(size)), NONE)


@pytest.mark.parametrize("name", RUNS)
def test_the_ring_says_what_the_book_says(name: str, tmp_path: Path) -> None:
    found = application(tmp_path, RUNS[name])
    seen = events(found)
    assert len(found.book) > 50
    assert [told for told, _, _ in seen if told.user.startswith("user_") or not told.user] == found.book
    others = [(told.kind, told.user, task) for told, task, _ in seen if told.user and not told.user.startswith("user_")]
    assert others == [("alloc", "startup_driver", "(start-up)"), ("free", "vTaskDelete", "main")]


@pytest.mark.parametrize("name", ["4.4", "6.0"])
def test_each_event_has_its_heap_and_task(name: str, tmp_path: Path) -> None:
    seen = events(application(tmp_path, RUNS[name]))
    assert [heap for _, _, heap in seen] == [heap_of(told.address) for told, _, _ in seen]
    assert {heap for _, _, heap in seen} == {0, 1, 2, NONE}
    tasks = {told.user: task for told, task, _ in seen if told.user}
    assert (
        tasks["user_interrupt"] == "(interrupt)" and tasks["user_malloc"] == "main" and tasks["user_ends"] == "worker"
    )


@pytest.mark.parametrize("name", ["4.4", "5.5"])
def test_heaps_have_their_names_and_kinds(name: str, tmp_path: Path) -> None:
    trace = application(tmp_path, RUNS[name]).trace
    assert trace is not None
    assert {number: (heap.name, heap.memory, heap.capabilities) for number, heap in trace.heap_names.items()} == {
        0: ("DRAM", "internal", 0x180E),
        1: ("D/IRAM", "internal", 0x80B),
        2: ("SPIRAM", "external", 0x1406),
    }


# What kills the allocator, by app/deaths.c: the text, the function, and the options that it takes.
DEATHS = {
    "tlsf": (1, "block already marked as free", "tlsf_free", NO_CXX),
    "rom": (1, "block already marked as free", "tlsf_free", ROM),
    "poisoning": (2, "head != NULL", "multi_heap_free", POISONED),
    "multi_heap": (3, "abort() was called at PC 0x0 on core 0", "abort", NO_CXX),
    "heap_caps": (4, "free() target pointer is outside heap areas", "heap_caps_free", NO_CXX),
    "fault": (5, "fault", "the allocator", NO_CXX),
}


@pytest.mark.parametrize("name", DEATHS)
def test_the_ring_freezes_when_the_allocator_dies(name: str, tmp_path: Path) -> None:
    number, text, function, options = DEATHS[name]
    trace = application(tmp_path, Idf(), options, number).trace
    assert trace is not None and trace.assertion is not None
    assert (trace.assertion.text, trace.assertion.function) == (text, function)
    assert trace.events[-1].kind == "assert" and trace.events[-1].task == "main"


@pytest.mark.parametrize(
    ("number", "options"), [(6, NO_CXX), (7, NO_CXX), (4, NO_CXX + "CONFIG_MEMTRACE_STOP_AT_PANIC=n\n")]
)
def test_no_other_death_freezes_it(number: int, options: str, tmp_path: Path) -> None:
    """An assertion and an abort() of the application's own; and where the option is off, all but tlsf's."""
    trace = application(tmp_path, Idf(), options, number).trace
    assert trace is not None and trace.assertion is None


@pytest.mark.parametrize("name", ["5.1", "5.5"])
def test_nothing_in_flash_is_touched(name: str, tmp_path: Path) -> None:
    """An access to the machine's flash is a fault from there on; app/entries.c prints its sign behind it."""
    found = application(tmp_path / "iram", RUNS[name], NO_CXX, -2)
    assert found.book == [Told("alloc", 1, 1, "")]
    found = application(tmp_path / "flash", RUNS[name], NO_CXX + "CONFIG_MEMTRACE_IN_IRAM=n\n", -2)
    assert found.book == []


@pytest.mark.parametrize("options", [NO_CXX, ROM])
def test_the_self_test_finds_every_hook(options: str, tmp_path: Path) -> None:
    assert application(tmp_path, Idf(), options, -1).words[0][0] == 0


def test_a_missing_hook_is_named(tmp_path: Path) -> None:
    """The linker's options without one function, and the heap compiled without the header."""
    folder = project(tmp_path, NO_CXX, application="app")
    (folder / "memtrace").unlink()
    (folder / "memtrace").mkdir()
    (folder / "memtrace" / "c_helpers").mkdir()
    for part in (ROOT / "c_helpers").iterdir():
        (folder / "memtrace" / "c_helpers" / part.name).symlink_to(part)
    ports = folder / "memtrace" / "c_helpers" / "ports"
    ports.unlink()
    (ports / "esp_idf").mkdir(parents=True)
    for file in COMPONENT.iterdir():
        (ports / "esp_idf" / file.name).write_text(file.read_text())
    lists = ports / "esp_idf" / "CMakeLists.txt"
    whole = lists.read_text()
    for there, wanted, missing in (
        ("set(wrapped malloc calloc", "set(wrapped malloc", 1 << 16),
        ("realloc free memalign", "realloc memalign", 1 << 2),
        ("-include memtrace_tlsf_assert.h", "-include stddef.h", 1 << 7),
    ):
        assert whole.count(there) == 1
        lists.write_text(whole.replace(there, wanted))
        assert ran(Idf().build(folder, DEATH="-1")).words[0][0] == missing


def test_the_system_s_heaps(tmp_path: Path) -> None:
    """Kind of memory and free bytes; capabilities and total of each (app/entries.c)."""
    words = application(tmp_path, Idf(), NO_CXX, -3).words
    assert [(begin[0], begin[2], end[0]) for begin, end in zip(words[::2], words[1::2], strict=True)] == [
        (1, 0x8000, 0x180E),
        (1, 0x2000, 0x80B),
        (2, 0x1_0000, 0x1406),
    ]
    assert all(0 < begin[1] < begin[2] for begin in words[::2])


@pytest.mark.parametrize("version", ["4.4", "5.5"])
def test_a_double_free_is_printed_when_it_happens(version: str, tmp_path: Path) -> None:
    found = application(tmp_path, RUNS[version], NO_CXX + "CONFIG_MEMTRACE_DOUBLE_FREE=y\n", 1)
    kinds = [line.split()[1] for line in found.console.splitlines() if line.startswith("MT1 ")]
    assert [kind for kind in kinds if kind in "XFP"] == ["X", "F", "P"] and found.console.count("Backtrace: 0x") == 3


def test_the_console_answers(tmp_path: Path) -> None:
    """`show`, `mark "two words"` and `since "two words"`: a live block of 77 bytes, then none."""
    found = application(tmp_path, Idf(), NO_CXX + "CONFIG_MEMTRACE_CONSOLE=y\n", -3)
    shown, since = found.console.split("two%20words", 1)
    block = f"MT1 A {found.book[-1].address:08x} {77:x} "
    assert found.book[-1].size == 77 and block in shown and "Backtrace: 0x" in shown and block not in since


@pytest.mark.parametrize(
    ("idf", "options"),
    [
        (Idf("4.4", "rv32imc"), ""),
        (Idf("6.1", "rv32imac", "picolibc"), ""),
        (Idf(), "CONFIG_HEAP_TLSF_USE_ROM_IMPL=y\n"),
    ],
    ids=["4.4", "6.1", "rom"],
)
def test_usage_only_counts_what_each_heap_holds(idf: Idf, options: str, tmp_path: Path) -> None:
    """usage/usage.c holds the counters against what it does; nothing of the recorder is linked."""
    folder = project(tmp_path, "CONFIG_MEMTRACE_USAGE_ONLY=y\n" + options, application="usage")
    elf = idf.build(folder)
    assert "memtrace_ring" not in run([f"{CROSS}nm", str(elf)])
    assert ran(elf).status == 0


def size(elf: Path) -> tuple[int, ...]:
    """Text, data and bss."""
    return tuple(map(int, run([f"{CROSS}size", str(elf)]).splitlines()[1].split()[:3]))


def test_the_readme_puts_it_in_and_takes_it_out_without_a_trace(tmp_path: Path) -> None:
    steps, back = steps_of(README), steps_of(README, "Take it out")
    assert are_few(steps) and are_few(back)
    folder = project(tmp_path)
    before = size(Idf().build(folder))
    carry_out(steps, folder)
    inside = Idf().build(folder)
    assert "memtrace_ring" in run([f"{CROSS}nm", str(inside)]) and size(inside)[0] > before[0]
    carry_out(back, folder)
    assert size(Idf().build(folder)) == before


def wrapped(folder: Path) -> set[str]:
    """The functions that the linker was told to wrap."""
    return set(re.findall(r"--wrap=(\w+)", (folder / "build" / "build.ninja").read_text()))


ALWAYS = set(
    """
    malloc calloc realloc free memalign posix_memalign strdup strndup heap_caps_malloc heap_caps_calloc
    heap_caps_realloc heap_caps_free heap_caps_aligned_alloc heap_caps_aligned_calloc
    heap_caps_aligned_free heap_caps_malloc_prefer heap_caps_calloc_prefer heap_caps_realloc_prefer
    heap_caps_malloc_default heap_caps_realloc_default pvPortMalloc vPortFree multi_heap_register
    vTaskDelete
    """.split()
)
PANIC = {"__assert_func", "panic_abort", "xt_unhandled_exception"}
NEWLIB = {"_malloc_r", "_calloc_r", "_realloc_r", "_free_r", "_strdup_r", "_strndup_r"}
DEFAULT = {"heap_caps_aligned_alloc_default"}


@pytest.mark.parametrize(
    ("idf", "options", "more"),
    [
        (Idf("4.4"), "", PANIC | NEWLIB),
        (Idf("5.0"), "CONFIG_MEMTRACE_STOP_AT_PANIC=n\n", NEWLIB),
        (Idf("5.2"), "", PANIC | NEWLIB | {"aligned_alloc"}),
        (Idf("5.3"), "", PANIC | NEWLIB | DEFAULT | {"aligned_alloc"}),
        (Idf("6.0", libc="picolibc"), "", PANIC | DEFAULT | {"aligned_alloc"}),
        (Idf("6.1"), "", PANIC | NEWLIB | DEFAULT | {"aligned_alloc"}),
    ],
    ids=lambda value: value.version + "-" + value.libc if isinstance(value, Idf) else "",
)
def test_what_is_wrapped_in_each_version(idf: Idf, options: str, more: set[str], tmp_path: Path) -> None:
    folder = project(tmp_path, NO_CXX + options, application="app")
    idf.configure(folder, DEATH="0")
    assert wrapped(folder) == ALWAYS | more
    assert ("new.wrap" in (folder / "build" / "build.ninja").read_text()) is False


SINKS = {
    "NONE": set[str](),
    "FILE": {"sink_task.c", "sink_file.c", "sink.c", "memtrace_sink.c", "memtrace_file.c"},
    "PARTITION": {"sink_task.c", "sink_partition.c", "sink.c", "memtrace_sink.c", "flash_ring.c", "checksum.c"},
    "UART": {"sink_task.c", "sink_uart.c", "sink.c", "memtrace_sink.c", "uart_frames.c", "checksum.c"},
}


def sources(folder: Path) -> set[str]:
    """The component's sources."""
    text = (folder / "build" / "build.ninja").read_text()
    return set(
        re.findall(r"^build components/\w+/CMakeFiles/__idf_esp_idf\.dir/\S*?([\w.]+)\.obj:", text, re.MULTILINE)
    )


@pytest.mark.parametrize("sink", SINKS)
@pytest.mark.parametrize("version", ["4.4", "5.5"])
def test_each_sink_is_compiled_and_linked(sink: str, version: str, tmp_path: Path) -> None:
    folder = project(tmp_path, NO_CXX + f"CONFIG_MEMTRACE_SINK_{sink}=y\n", application="app")
    Idf(version).build(folder, "components/esp_idf/libesp_idf.a", DEATH="0")
    others = set().union(*SINKS.values()) - SINKS[sink]
    assert SINKS[sink] <= sources(folder) and not others & sources(folder)


@pytest.mark.parametrize("version", ["4.4", "6.1"])
def test_a_log_goes_over_the_serial_line(version: str, tmp_path: Path) -> None:
    """What a host makes of the line's bytes has the book's allocations."""
    found = application(tmp_path, RUNS.get(version, Idf(version)), NO_CXX + "CONFIG_MEMTRACE_SINK_UART=y\n")
    line = str(found.elf.with_suffix(".line"))
    report = json.loads(run([sys.executable, "-m", "gdbext", "report", line, "--elf", str(found.elf), "--json"]))
    got = sum(told.kind == "alloc" for told in found.book)
    moved = sum(told.kind == "realloc-end" and told.address != 0 for told in found.book)
    assert report["totals"]["allocations"] == got + moved + 1  # startup_driver's
    assert {"user_malloc", "user_prefer"} <= {site["function"] for site in report["sites"]}


@pytest.mark.parametrize("machine", ["rv32imc", "rv32imac", "xtensa-de212"])
@pytest.mark.parametrize("version", ["4.4", "5.5", "6.0"])
def test_it_compiles_on_each_kind_of_core(version: str, machine: str, tmp_path: Path) -> None:
    options = NO_CXX + "CONFIG_MEMTRACE_SINK_FILE=y\nCONFIG_MEMTRACE_TAGS=y\n"
    folder = project(tmp_path, options, application="app")
    Idf(version, machine, "picolibc" if version == "6.0" else "newlib").build(
        folder, "components/esp_idf/libesp_idf.a", DEATH="0"
    )
    assert ("xtensa_windowed.S" in sources(folder)) == (machine == "xtensa-de212")


def test_with_heap_tracing_it_says_what_to_do(tmp_path: Path) -> None:
    folder = project(tmp_path, NO_CXX + "CONFIG_HEAP_TRACING=y\n", application="app")
    assert "CONFIG_HEAP_TRACING wraps functions of the allocator" in " ".join(
        Idf().configure(folder, DEATH="0").split()
    )
    with pytest.raises(AssertionError, match="Set Component config > Heap memory debugging > Heap tracing to Disabled"):
        run(["ninja", "-C", str(folder / "build")])


def test_its_folder_may_have_another_name(tmp_path: Path) -> None:
    """The archive is named after it, and so the linker's fragment must be."""
    folder = project(tmp_path, NO_CXX, application="app")
    (folder / "memtrace").unlink()
    parts = folder / "memtrace" / "c_helpers"
    (parts / "ports").mkdir(parents=True)
    for part in (ROOT / "c_helpers").iterdir():
        if part.name != "ports":
            (parts / part.name).symlink_to(part)
    (parts / "ports" / "heapwatch").symlink_to(COMPONENT)
    lists = folder / "CMakeLists.txt"
    lists.write_text(lists.read_text().replace("ports/esp_idf", "ports/heapwatch"))
    Idf().configure(folder, DEATH="0")
    patterns = (folder / "build" / "iram.ld").read_text()
    assert "libheapwatch.a" in patterns and "libesp_idf.a" not in patterns


def test_a_copy_of_the_folder_alone_is_refused(tmp_path: Path) -> None:
    folder = project(tmp_path)
    copy = folder / "components" / "esp_idf"
    copy.mkdir(parents=True)
    for file in COMPONENT.iterdir():
        (copy / file.name).write_text(file.read_text())
    lists = folder / "CMakeLists.txt"
    lists.write_text("set(EXTRA_COMPONENT_DIRS components/esp_idf)\n" + lists.read_text())
    with pytest.raises(AssertionError, match=r"Clone\s+the\s+whole\s+repository"):
        Idf().configure(folder)


def test_the_fragment_names_objects_that_there_are(tmp_path: Path) -> None:
    """All that is left out of IRAM, in some build."""
    named = set(re.findall(r"^ +(\w+) \(default\)$", (COMPONENT / "linker.lf").read_text(), re.MULTILINE))
    built = set[str]()
    for sink in SINKS:
        folder = project(
            tmp_path / sink, f"CONFIG_MEMTRACE_CONSOLE=y\nCONFIG_MEMTRACE_SINK_{sink}=y\n", application="app"
        )
        Idf().configure(folder, DEATH="0")
        built |= {name.split(".")[0] for name in sources(folder)}
    assert named <= built


def options() -> list[kconfiglib.MenuNode]:
    """All of the component's options."""
    return list(kconfiglib.Kconfig(str(COMPONENT / "Kconfig"), warn_to_stderr=False).node_iter())


def test_every_option_has_a_help_text() -> None:
    bare = [
        node.item.name
        for node in options()
        if isinstance(node.item, kconfiglib.Symbol) and not node.help and not node.item.choice
    ]
    assert not bare


def test_the_earlier_tools_options_are_named() -> None:
    """Those of media_lib's mem_trace, each with the option that stands for it."""
    help_texts = {
        node.item.name: node.help or "" for node in options() if hasattr(node.item, "name") and node.item.name
    }
    named = {
        "AUTO_TRACE",
        "TRACE_DEPTH",
        "TRACE_NUM",
        "MODULE",
        "LEAKAGE",
        "SAVE_HISTORY",
        "SAVE_CACHE_SIZE",
        "SAVE_PATH",
    }
    told = " ".join(text for text in help_texts.values() if "Stands for:" in text)
    assert {name for name in named if re.search(rf"\b{name}\b", told)} == named


def test_the_examples_are_short() -> None:
    main = ROOT / "examples" / "esp_idf" / "main" / "main.c"
    assert len(main.read_text().splitlines()) <= 60
    assert "ports/esp_idf" in (main.parent.parent / "CMakeLists.txt").read_text()
    assert (FAKE / "idf" / "Kconfig").exists()
