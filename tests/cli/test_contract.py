# SPDX-License-Identifier: Apache-2.0
"""What the shell promises: the fields of every report, the words of `--heap`, exit statuses, errors of one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import memtrace
from tests.support import fixtures
from tests.support.core import core_bytes, write_core
from tests.support.ring import Ring

CLEAN, DAMAGED = fixtures.case("a005"), fixtures.case("a030")
COST = {"bytes", "reads", "seconds"}
TRACE = {"kept", "lost", "first", "last", "running"}
FRAME = {"pc", "function", "file", "line", "inlined"}
CLOSING = {"version", "trace", "skipped", "cost"}
HEAP = {"kind", "layout", "name", "address", "start", "end", "status", "poisoning", "used_blocks", "free_blocks"}
HEAP |= {"used_bytes", "free_bytes", "largest_free", "minimum_free", "findings", "gaps", "resumed"}
FINDING = {"rule", "severity", "group", "address", "length", "block", "bytes", "text", "suspects", "explanations"}
SUSPECT = {"payload", "size", "state", "task", "seq", "allocated", "freed", "why"}
BLOCK = {"payload", "raw", "size", "requested", "state"}
GENERATION = {"payload", "size", "task", "seq", "allocated", "freed_seq", "freed_task", "freed"}
EVENT = {"seq", "kind", "payload", "size", "task", "core", "time", "stack"}


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A damaged heap with a ring that knows the owners of its blocks."""
    ring = Ring(0x2000_0000, names=[(1, ""), (1, ""), (1, ""), (1, "main")], capacity=64)
    stack = ring.stack(0x4200_1000, 0x4200_2000)
    for block in DAMAGED.truth.blocks[:20]:
        ring.event("alloc", block.payload, block.requested, stack=stack)
    ring.event("free", DAMAGED.truth.blocks[3].payload, stack=stack)
    ranges = [(image.base, image.data) for image in DAMAGED.images]
    return write_core(tmp_path_factory.mktemp("contract") / "core", [*ranges, (ring.address, ring.data())])


def ask(core: Path, *words: object, status: int = 0) -> Any:
    heap = () if words[0] == "log" else ("--heap", DAMAGED.heap.option)
    said = memtrace(*words, core, *heap, "--json")
    assert (said.status, said.err) == (status, "")
    return said.json()


def has(fields: set[str], *entries: Any) -> None:
    assert entries
    for entry in entries:
        assert fields <= set(entry), fields - set(entry)


def test_check(core: Path) -> None:
    report = ask(core, "check", "--blocks", status=1)
    has(CLOSING | {"assertion", "heaps"}, report)
    has(COST, report["cost"])
    has(TRACE, report["trace"])
    (heap,) = report["heaps"]
    has(HEAP | {"blocks"}, heap)
    has(FINDING, *heap["findings"])
    has(SUSPECT, *(suspect for finding in heap["findings"] for suspect in finding["suspects"]))
    has({"kind", "payload", "text", "evidence"}, *heap["findings"][0]["explanations"])
    has(BLOCK, *heap["blocks"])
    assert (report["version"], heap["status"]) == (1, "damaged")
    assert "blocks" not in ask(core, "check", status=1)["heaps"][0]


def test_a_sentence_stands_beside_its_facts(core: Path) -> None:
    """Wherever there are words, the numbers in them are fields; what broke is named, with what it should be."""
    (heap,) = ask(core, "check", status=1)["heaps"]
    size, link, back = heap["findings"]
    facts = size["text_facts"]
    assert (facts["sentence"], facts["why"], facts["stored"]) == (
        "size-word", {"sentence": "size-too-large"}, size["actual"],
    )  # fmt: skip
    assert f"{facts['place']:#x}" in size["text"] and f"{facts['stored']:#010x}" in size["text"]
    assert (size["role"], link["role"], back["role"]) == ("size-word", "next-free", "prev-free")
    assert size["actual"] == link["actual"] == back["actual"] == 0xFFFF_FFFF
    assert f"not {back['expected']:#x}" in back["text"]
    first, suspect = size["explanations"][0], size["suspects"][0]
    assert first["text_facts"] == {"sentence": "write-after-free-by", "block": first["payload"], "past": 4}
    assert [fact["run"]["sentence"] for fact in first["evidence_facts"]] == ["one-fill"]
    assert suspect["why_facts"]["sentence"] == "allocation-unknown"
    assert suspect["why_facts"]["what"] == {"sentence": "hit", "parts": [{"sentence": "hit-links-and-all"}]}
    assert size["extent"]["words_facts"] == {"sentence": "bytes-fill", "count": 1028, "byte": 0xFF}
    assert [fact["sentence"] for fact in heap["resumed_why_facts"]] == ["proven-by-list"]


def test_last(core: Path) -> None:
    block = DAMAGED.truth.blocks[3]
    report = ask(core, "last", hex(block.payload + 2))
    has(CLOSING | {"address", "block", "generations"}, report)
    has(BLOCK | {"offset", "heap"}, report["block"])
    (life,) = report["generations"]
    has(GENERATION, life)
    has(FRAME, *life["allocated"], *life["freed"])
    assert [frame["pc"] for frame in life["allocated"]] == [0x4200_1000, 0x4200_2000]
    assert (life["task"], life["size"], life["freed_seq"]) == ("main", block.requested, 20)
    assert ask(core, "last", "16")["block"] is None


def test_blocks(core: Path) -> None:
    report = ask(core, "blocks", "--all")
    has(CLOSING | {"blocks", "total"}, report)
    has(BLOCK | {"heap", "owner"}, *report["blocks"])
    has({"blocks", "bytes"}, report["total"])
    has({"seq", "task", "allocated"}, *(block["owner"] for block in report["blocks"] if block["owner"]))
    assert report["total"]["blocks"] == len(report["blocks"])


def test_log_free_and_status(core: Path) -> None:
    report = ask(core, "log", "--all")
    has(CLOSING | {"events"}, report)
    has(EVENT, *report["events"])
    has(HEAP - {"status", "poisoning", "findings", "gaps", "resumed"}, *ask(core, "free")["heaps"])
    has(CLOSING | {"heaps", "ring", "facts"}, ask(core, "status"))


def image(case: fixtures.Case) -> str:
    return f"--image={case.images[0].base:#x}={case.images[0].path}"


@pytest.mark.parametrize("kind", ["auto", "multi_heap", "tlsf"])
def test_a_heap_is_named_by_its_kind_and_address(kind: str) -> None:
    address = CLEAN.heap.address + (20 if kind == "tlsf" else 0)
    said = memtrace("check", image(CLEAN), "--heap", f"{kind}@{address}", "--json")
    assert (said.status, said.json()["heaps"][0]["status"]) == (0, "clean")


@pytest.mark.parametrize("name", ["a069", "a083"])
def test_freertos_heaps_are_named_so_too(name: str) -> None:
    case = fixtures.case(name)
    words = [f"--image={one.base:#x}={one.path}" for one in case.images]
    said = memtrace("check", *words, "--heap", case.heap.option, "--json").json()
    assert said["heaps"][0]["kind"] == case.heap.kind


@pytest.mark.parametrize(
    ("cases", "status"),
    [((CLEAN,), 0), ((DAMAGED,), 1), ((CLEAN, None), 2), ((DAMAGED, None), 1), ((None,), 2)],
    ids=["clean", "damaged", "clean-and-unreadable", "damaged-and-unreadable", "unreadable"],
)
def test_the_status_of_check(cases: tuple[fixtures.Case | None, ...], status: int) -> None:
    """1 if any is damaged, else 2 if one that was asked for is unreadable, else 0; the report comes in any case."""
    words = [image(case or CLEAN) for case in cases]
    heaps = [word for case in cases for word in ("--heap", case.heap.option if case else "multi_heap@0x10")]
    said = memtrace("check", *words, *heaps, "--json")
    assert (said.status, said.err) == (status, "")
    assert sorted(heap["status"] for heap in said.json()["heaps"]) == sorted(
        case.truth.status if case else "unreadable" for case in cases
    )


def test_other_commands_end_with_0_where_they_could() -> None:
    for command in ("blocks", "free", "status"):
        assert memtrace(command, image(DAMAGED), "--heap", DAMAGED.heap.option).status == 0
    assert memtrace("last", DAMAGED.truth.blocks[0].payload, image(DAMAGED), "--heap", DAMAGED.heap.option).status == 0


PROGRAMS = {
    "nothing there": (None, "No such file or directory"),
    "no ELF": (b"hello" * 20, "is no ELF file"),
    "a core": (core_bytes([(0, b"x")]), "is a core, not the program"),
    "cut off": (b"\x7fELF\x01\x01\x01" + bytes(20), "is no ELF file"),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_that_cannot_be_used_is_one_line(name: str, core: Path, tmp_path: Path) -> None:
    data, said = PROGRAMS[name]
    file = tmp_path / "app.elf"
    if data is not None:
        file.write_bytes(data)
    done = memtrace("check", core, "--elf", file)
    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)
    assert done.err.startswith(f"memtrace: --elf {file}") and said in done.err


def test_the_program_of_another_machine_is_refused(core: Path) -> None:
    done = memtrace("check", core, "--elf", "/bin/true")
    assert done.status == 2 and "is not the program of" in done.err


ESP = [(b"ESP_CORE_DUMP_INFO", 8266, bytes(4) + b"0123456789abcdef0\0")]
ESP += [(b"ESP_PANIC_DETAILS", 679, b'assert failed: tlsf_free tlsf.c:630 (!block_is_free(block) && "already free")\0')]


def test_a_core_of_esp_idf_says_its_assertion(tmp_path: Path) -> None:
    ranges = [(one.base, one.data) for one in CLEAN.images]
    dump = write_core(tmp_path / "core", ranges, notes=ESP)
    report = memtrace("check", dump, "--heap", CLEAN.heap.option, "--json").json()
    assert report["assertion"] == {"text": "already free", "function": "tlsf_free", "seq": None, "fault": False}


def test_a_core_of_esp_idf_without_heaps_says_what_puts_them_in(tmp_path: Path) -> None:
    dump = write_core(tmp_path / "core", [(0x3FC9_0000, b"stack" * 40)], notes=ESP)
    said = memtrace("check", dump, "--json")
    assert said.status == 2
    assert any("CAPTURE_DRAM" in item["why"] for item in said.json()["skipped"])
