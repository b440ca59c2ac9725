# SPDX-License-Identifier: Apache-2.0
"""Heaps that a program's symbols lead to: small programs whose variables are those of real ones, over real heap images.

Each is asked for in GDB, live, and in the shell, with images and `--elf`: both must say the same.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import fixtures, freertos_image
from tests.support.gdb import SOURCE, Capture, remote, run_gdb
from tests.support.named_program import BSS, Program, build, heaps, in_gdb, in_shell, memory_of
from tests.support.rsp_stub import stub_of
from tests.support.tlsf_image import Blocks, Shape, pooled_image

FREERTOS_4 = 'char ucHeap[0x4000] __attribute__((section(".heap"), aligned(4)));\nextern void *pxEnd;\n'
FREERTOS_5 = """
typedef struct { unsigned char *start; unsigned long size; } HeapRegion_t;
const HeapRegion_t xHeapRegions[] = {{(void *)0x20010000, 0x3000}, {(void *)0x30000000, 0x4000}, {0, 0}};
"""
NUTTX = """
struct mm_heap_s { int lock[4]; unsigned long size, maxused, curused; void *start[2], *end[2]; void *mm_tlsf; };
struct mm_heap_s heap = {.size = 0x6000, .mm_tlsf = (void *)0x3c0a0000};
struct mm_heap_s *g_mmheap = &heap;
"""
HANDLE = "static int other = 5;\nvoid *volatile lv_tlsf = (void *)0x3c0a0000;\nint *p = &other;\n"
MEMBER = 'struct { int ready; char name[12]; void *tlsf, *pool; } display = {1, "panel", (void *)0x3c0a0000, 0};\n'
IDF = """
typedef struct { const char *name; unsigned caps[3]; FLAGS } soc_memory_type_desc_t;
const soc_memory_type_desc_t soc_memory_types[] = {
    {"D/IRAM", {1 << 12 | 1 << 2, 0, 1 << 1}}, {"SPIRAM", {1 << 10, 0, 1 << 2}},
};
const unsigned soc_memory_type_count = sizeof soc_memory_types / sizeof soc_memory_types[0];
struct heap_t_ { NAME unsigned caps[3]; int start, end; unsigned mux[2]; void *heap; struct heap_t_ *next; };
struct heap_t_ second = {.caps = {1 << 10, 0, 1 << 2}, .start = 0x4ff402a4, .end = 0x4ff46000,
                         .heap = (void *)0x4ff402a4};
struct heap_t_ none = {.caps = {1}, .start = 0x1000, .end = 0x2000, .next = &second};
struct heap_t_ first = {.caps = {1 << 12 | 1 << 2, 0, 1 << 1}, .start = 0x3f810000, .end = 0x3f816000,
                        .heap = (void *)0x3f810000, .next = &none};
struct heap_t_ *registered_heaps = &first;
"""


PROGRAMS = {
    "heap_4": Program(FREERTOS_4, ("a070",), "freertos_heap_4", (0x20001008,), "the array ucHeap",
                      (".heap=0x20001004", *BSS), ("pxEnd=0x20000110",)),
    "heap_5": Program("int data = 1;" + FREERTOS_5, ("a083",), "freertos_heap_5", (0x20010000,),
                      "the table xHeapRegions", BSS, ("pxEnd=0x20000114",)),
    "NuttX": Program(NUTTX, ("a064",), "tlsf", (0x3C0A0000,), "a member of what g_mmheap points to"),
    "a handle": Program(HANDLE, ("a064",), "tlsf", (0x3C0A0000,), "the variable lv_tlsf"),
    "a member": Program(MEMBER, ("a064",), "tlsf", (0x3C0A0000,), "the variable display"),
    "ESP-IDF": Program(IDF.replace("FLAGS", "").replace("NAME", ""), ("a005", "a095"), "multi_heap",
                       (0x3F810000, 0x4FF402A4), "on the list registered_heaps"),
    "ESP-IDF, TLSF in ROM": Program(IDF.replace("FLAGS", "").replace("NAME", ""), ("a005", "a095"), "multi_heap",
                                    (0x3F810000, 0x4FF402A4), "on the list registered_heaps",
                                    absolute=("tlsf_malloc=0x40000560", "multi_heap_malloc_impl=0x40000580")),
    "ESP-IDF, older": Program(IDF.replace("FLAGS", "_Bool a, b;").replace("NAME", "const char *name;"),
                              ("a005", "a095"), "multi_heap", (0x3F810000, 0x4FF402A4), "on the list registered_heaps"),
}  # fmt: skip


BSS_END = 0x2000_0900  # where pxEnd is


VENDOR = """
typedef struct A_BLOCK_LINK { void *owner; struct A_BLOCK_LINK *pxNextFreeBlock; unsigned tag; unsigned xBlockSize; }
    BlockLink_t;
char ucHeap[SIZE] __attribute__((section(".heap"), aligned(4)));
static BlockLink_t xStart;
extern void *pxEnd;
int data = 1;
void *pvPortMalloc(void) { *(volatile unsigned *)&xStart.tag = 1; return xStart.pxNextFreeBlock; }
"""


def test_headers_that_a_vendor_has_added_to_are_read_as_debug_information_has_them(tmp_path: Path) -> None:
    shape = freertos_image.Shape(link=(16, 4, 12))
    blocks = [(64, True), (32, False), (128, True), (48, False), (256, True), (512, False)] * 3
    base, places = 0x2000_1000, freertos_image.payloads(0x2000_1000, blocks, shape)
    image = freertos_image.heap_4_image(base, blocks, shape)
    program = Program(VENDOR.replace("SIZE", str(len(image))), (), "", (), "", (f".heap={base:#x}", *BSS),
                      (f"pxEnd={BSS_END:#x}",))  # fmt: skip
    elf = build(program, tmp_path, "-g")
    end = (base + len(image) - shape.header).to_bytes(4, "little")
    memory = [(base, image), (BSS_END, end), (0x2000_0800, (1).to_bytes(4, "little"))]
    asked = [
        in_shell(elf, memory, "check", tmp_path, "--blocks"),
        in_shell(elf, memory, "check", tmp_path, "--blocks", "--heap", f"freertos_heap_4@{base:#x}"),
        in_gdb(elf, memory, "heap-check --json --blocks"),
    ]
    for report in asked:
        (heap,) = report["heaps"]
        assert (heap["status"], heap["findings"], heap["free_bytes"]) == (
            "clean",
            [],
            sum(s for s, u in blocks if not u),
        )
        listed = [(one["payload"], one["size"], one["state"] == "used") for one in heap["blocks"]]
        assert listed == [(place, size, used) for place, (size, used) in zip(places, blocks, strict=True)]
    (told,) = in_shell(elf, memory, "status", tmp_path)["heaps"]
    assert "headers of 16 bytes as debug information has them" in told["why"]
    size_of_third = places[2] - 16 + 12 - base
    broken = image[:size_of_third] + b"\xff\xff\xff\xff" + image[size_of_third + 4 :]
    (heap,) = in_gdb(elf, [(base, broken), *memory[1:]], "heap-check --json")["heaps"]
    assert (heap["findings"][0]["rule"], heap["findings"][0]["block"]) == ("block-size", places[2])


@pytest.mark.parametrize("name", PROGRAMS)
def test_symbols_lead_to_the_heaps(name: str, tmp_path: Path) -> None:
    program = PROGRAMS[name]
    elf = build(program, tmp_path)
    memory = memory_of(program, elf)
    wanted = [(program.kind, address, program.origin) for address in program.addresses]
    assert heaps(in_shell(elf, memory, "status", tmp_path)) == wanted
    assert heaps(in_gdb(elf, memory, "memtrace status --json")) == wanted
    assert [heap["kind"] for heap in in_gdb(elf, memory, "heap-check --json")["heaps"]] == [program.kind] * len(wanted)


def test_every_region_of_heap_5_is_read(tmp_path: Path) -> None:
    elf = build(PROGRAMS["heap_5"], tmp_path)
    memory = memory_of(PROGRAMS["heap_5"], elf)
    totals = fixtures.case("a083").truth.totals
    for report in (in_gdb(elf, memory, "heap-check --json"), in_shell(elf, memory, "check", tmp_path)):
        assert totals is not None
        assert (report["heaps"][0]["used_blocks"], report["heaps"][0]["status"]) == (totals.used_blocks, "clean")


@pytest.mark.parametrize("name", ["ESP-IDF", "ESP-IDF, older"])
def test_heaps_have_the_names_of_their_memory(name: str, tmp_path: Path) -> None:
    elf = build(PROGRAMS[name], tmp_path)
    memory = memory_of(PROGRAMS[name], elf)
    for report in (in_gdb(elf, memory, "heap-check --json"), in_shell(elf, memory, "check", tmp_path)):
        assert [heap["name"] for heap in report["heaps"]] == ["D/IRAM", "SPIRAM"]
        assert {heap["status"] for heap in report["heaps"]} == {"clean"}


def test_a_heap_of_freertos_before_its_first_use_is_said(tmp_path: Path) -> None:
    program = Program("char ucHeap[64];\nvoid *pxEnd;\nint data = 1;", (), "", (), "")
    elf = build(program, tmp_path)
    with stub_of([(0x3C0B0000, bytes(4096))]) as stub:
        done = run_gdb([SOURCE, remote(stub.remote), Capture("heap-check")], elf=elf)
    assert "the heap of FreeRTOS is not initialised yet" in done.captured[0].output


def test_pointers_that_lead_nowhere_are_no_heaps(tmp_path: Path) -> None:
    program = Program(
        "int data[8] = {4, 0x3c0b0000, 0x3c0b0004, -1, 0x40000000};\nint *p = data;", ("a005",), "", (), ""
    )
    elf = build(program, tmp_path)
    with stub_of(memory_of(program, elf)) as stub:
        done = run_gdb([SOURCE, remote(stub.remote), Capture("heap-check")], elf=elf)
        assert stub.problems == []
    assert (done.captured[0].error or "").startswith("memtrace: no heap found")


@pytest.mark.parametrize(
    ("flags", "end"),
    [
        (["-g"], ""),
        ([], " has no debug information: stacks show functions without lines; compile with -g"),
        (["-s"], " has no symbols: heaps and functions are not found by name; load the ELF that was not stripped"),
    ],
)
def test_what_a_program_without_main_lacks_is_said_as_it_is(flags: list[str], end: str, tmp_path: Path) -> None:
    """ESP-IDF's programs and NuttX's have none."""
    program = Program("int data = 1;", ("a064",), "tlsf", (0x3C0A0000,), "")
    elf = build(program, tmp_path, *flags)
    case = fixtures.case("a064")
    with stub_of((image.base, image.data) for image in case.images) as stub:
        status = Capture(f"memtrace status --heap {case.heap.option} --json")
        done = run_gdb([f"file {elf}", SOURCE, remote(stub.remote), status])
    assert f"symbols {elf}{end}" in done.json()["facts"]


def test_nuttx_tells_its_regions(tmp_path: Path) -> None:
    """The words in front of the TLSF: two starts, two ends, and how many of them are in use."""
    shape, blocks = Shape(20, 5, dynamic=False, multi=False), [(24, True), (600, False), (200, True)]
    first, second, length = 0x3C0A0000, 0x3C0A8000, sum(size + 4 for size, _ in blocks) + 4
    pools: dict[int, Blocks] = {first + shape.control: blocks, second: [(size, True) for size, _ in blocks]}
    data = pooled_image(first, 0xA000, pools, shape, first)
    spans = [(first, first + shape.control + length), (second, second + length)]
    source = NUTTX.replace("void *mm_tlsf", "int regions; void *mm_tlsf").replace(".size = 0x6000", (
        f".regions = 2, .start = {{(void *){spans[0][0]:#x}, (void *){spans[1][0]:#x}}}, "
        f".end = {{(void *){spans[0][1]:#x}, (void *){spans[1][1]:#x}}}"
    ))  # fmt: skip
    program = Program(source, (), "tlsf", (first,), "")
    elf = build(program, tmp_path)
    report = in_shell(elf, [(first, data), *memory_of(program, elf)], "check", tmp_path, "--blocks")
    (heap,) = report["heaps"]
    assert (heap["status"], heap["used_blocks"], heap["free_blocks"]) == ("clean", 5, 1)
