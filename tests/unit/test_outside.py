# SPDX-License-Identifier: Apache-2.0
"""Names outside of GDB: what is kept between runs, which programs are believed, what is said if there are none."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from gdbext.model.events import Frame, Stack
from gdbext.model.said import Said
from gdbext.source.files import FileError
from gdbext.symbols import elf_folders, symbol_cache, symbolisers
from gdbext.symbols.elf_folders import _leb as real
from gdbext.symbols.elf_folders import as_compiled
from gdbext.symbols.elf_head import head_of
from gdbext.symbols.outside import Outside
from gdbext.symbols.symbol_tools import Tool, tools_for
from gdbext.symbols.symbolisers import stacks_at
from tests.support.mutate import EXTREMES
from tests.support.rsp_traffic import wait_until

SOURCE = """
void *volatile sink;
__attribute__((noinline)) void *{allocate}(unsigned long n) {{ sink = (void *)n; return sink; }}
static inline __attribute__((always_inline)) void *{make}(unsigned long n) {{ return {allocate}(2 * n); }}
__attribute__((noinline)) void {grow}(unsigned long n) {{
    sink = {make}(n);
    sink = 0;
}}
void start(void) {{
    {grow}(1);
    sink = 0;
}}
"""
NAMES = {"allocate": "heap_allocate_name", "make": "make_block_name", "grow": "grow_list_name"}
CC = ("gcc", "-O2", "-nostdlib", "-static", "-ffreestanding", "-fcf-protection=none", "-Wl,-e,start")
GNU = shutil.which("addr2line") or ""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for the cache that nobody else uses."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "memtrace" / "symbols"


def build(folder: Path, *flags: str, lines_before: int = 0, **names: str) -> Path:
    source = "\n" * lines_before + SOURCE.format(**{**NAMES, **names})
    (folder / "program.c").write_text(source)
    subprocess.run([*CC, *(flags or ("-g",)), "program.c", "-o", "program.elf"], cwd=folder, check=True)
    return folder / "program.elf"


def call_of(elf: Path, number: int = 0) -> int:
    """The address behind a call."""
    text = subprocess.run(["objdump", "-d", elf], capture_output=True, text=True, check=True).stdout.splitlines()
    behind = [after for line, after in pairwise(text) if "\tcall" in line]
    return int(behind[number].split(":")[0], 16)


def names_of(stack: Stack) -> list[str | None]:
    return [frame.function for frame in stack]


GROW = ["make_block_name", "grow_list_name"]


def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many addresses are asked for, each time that a program is."""
    counts: list[int] = []
    real = symbolisers.stacks_at

    def count(head: object, places: list[int], *rest: object) -> object:
        counts.append(len(places))
        return real(head, places, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(symbolisers, "stacks_at", count)
    return counts


def test_what_was_asked_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elf, counts = build(tmp_path), asked(monkeypatch)
    pcs = [call_of(elf), call_of(elf, 1), 0x10]
    first = Outside(str(elf)).frames_of(pcs)
    assert names_of(first[pcs[0]]) == GROW and first[0x10] == (Frame(0x10),)
    assert [(frame.file, frame.inlined) for frame in first[pcs[0]]] == [("program.c", True), ("program.c", False)]
    assert Outside(str(elf)).frames_of(pcs) == first and counts == [2]
    assert Outside(str(elf)).frames_of([pcs[0], pcs[0] + 1])[pcs[0]] == first[pcs[0]] and counts == [2, 1]
    assert Outside(str(elf)).frames_of(pcs) == first and counts == [2, 1]


@pytest.mark.parametrize("build_id", ["-Wl,--build-id=none", "-Wl,--build-id", "-Wl,--build-id=0x0123456789abcdef"])
def test_a_changed_program_is_not_answered_from_before(build_id: str, tmp_path: Path) -> None:
    """The same code at the same place in another line, and with a name as long: no size of it changes."""
    elf = build(tmp_path, "-g", build_id)
    pc = call_of(elf)
    assert names_of(Outside(str(elf)).frames_of([pc])[pc]) == GROW
    if "0x" not in build_id:  # who names two programs alike is told alike, as long as their sections are as large
        build(tmp_path, "-g", build_id, grow="grow_ring_name")
        assert names_of(Outside(str(elf)).frames_of([pc])[pc]) == ["make_block_name", "grow_ring_name"]
    build(tmp_path, "-g", build_id, grow="grow_a_much_longer_name")
    assert names_of(Outside(str(elf)).frames_of([pc])[pc]) == ["make_block_name", "grow_a_much_longer_name"]


def test_files_of_one_build_id_are_told_apart_by_their_sections(tmp_path: Path) -> None:
    elf = build(tmp_path, "-g", "-Wl,--build-id")
    before, data = head_of(str(elf)), bytearray(elf.read_bytes())
    data[-16] ^= 1  # the alignment of the last section
    elf.write_bytes(data)
    assert head_of(str(elf)).build_id == before.build_id and head_of(str(elf)).identity != before.identity


def test_what_a_stripped_file_could_not_tell_is_asked_again(tmp_path: Path) -> None:
    """The build-id is the same."""
    elf, bare = build(tmp_path, "-g", "-Wl,--build-id"), tmp_path / "bare.elf"
    subprocess.run(["objcopy", "-g", elf, bare], check=True)
    pc = call_of(elf)
    assert Outside(str(bare)).frames_of([pc])[pc] == (Frame(pc, "grow_list_name"),)
    assert names_of(Outside(str(elf)).frames_of([pc])[pc]) == GROW


def test_a_better_program_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elf, counts = build(tmp_path), asked(monkeypatch)
    pc = call_of(elf)
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    first = Outside(str(elf)).frames_of([pc])
    assert names_of(first[pc]) == GROW and Outside(str(elf)).frames_of([pc]) == first and counts == [1]
    (tmp_path / "bin" / "addr2line").symlink_to(GNU)
    assert Outside(str(elf)).frames_of([pc]) == first and counts == [1, 1]
    assert Outside(str(elf)).frames_of([pc]) == first and counts == [1, 1]


def rewritten(change: Callable[[dict[str, object]], None]) -> Callable[[bytes], bytes]:
    """A file of the cache whose content was changed by somebody who knows its form."""

    def write(data: bytes) -> bytes:
        content = json.loads(data.partition(b"\n")[2])
        change(content)
        body = json.dumps(content).encode()
        return symbol_cache._first_line(body) + body

    return write


def words(content: dict[str, object]) -> None:
    content["words"] = [7, ["x"], {}]


def rows(content: dict[str, object]) -> None:
    content["stacks"] = {place: [0, 99, 1] for place in content["stacks"]}  # type: ignore[attr-defined]


def lines(content: dict[str, object]) -> None:
    content["stacks"] = {place: [0, 0, "1"] for place in content["stacks"]}  # type: ignore[attr-defined]


BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "half written": lambda data: data[: len(data) // 2],
    "first line": lambda data: data[:20],
    "another byte": lambda data: data[:-9] + b"x" + data[-8:],
    "another form": lambda data: data.replace(b"symbols 1", b"symbols 2"),
    "noise": lambda data: Random(1).randbytes(4096),
    "nested": lambda data: symbol_cache._first_line(b"[" * 90_000) + b"[" * 90_000,
    "no stacks": rewritten(lambda content: content.pop("stacks") and None),
    "a list": lambda data: symbol_cache._first_line(b"[]") + b"[]",
    "words of another type": rewritten(words),
    "rows that lead nowhere": rewritten(rows),
    "lines of another type": rewritten(lines),
    "stacks of another type": rewritten(lambda content: content.update(stacks=[1, 2])),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_of_the_cache_is_replaced(
    kind: str, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elf = build(tmp_path)
    pc = call_of(elf)
    first = Outside(str(elf)).frames_of([pc])
    (kept,) = cache.iterdir()
    sound = kept.read_bytes()
    kept.write_bytes(BROKEN[kind](sound))
    counts = asked(monkeypatch)
    assert Outside(str(elf)).frames_of([pc]) == first and counts == [1]
    assert list(cache.iterdir()) == [kept] and kept.read_bytes() == sound


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elf = build(tmp_path)
    pc = call_of(elf)
    for folder in ("/dev/null", "/proc/self"):
        monkeypatch.setenv("XDG_CACHE_HOME", folder)
        assert names_of(Outside(str(elf)).frames_of([pc])[pc]) == GROW


def test_the_cache_is_bounded(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elf = build(tmp_path)
    cache.mkdir(parents=True)
    foreign = cache / "notes.txt"
    foreign.write_text("mine")
    for number in range(70):
        file = cache / f"none-{number:016x}.names"
        file.write_bytes(b"old")
        os.utime(file, (number, number))
    Outside(str(elf)).frames_of([call_of(elf)])
    left = sorted(cache.glob("*.names"))
    assert len(left) == 64 and foreign.exists()
    assert cache / f"none-{69:016x}.names" in left and cache / f"none-{6:016x}.names" not in left
    monkeypatch.setattr(symbol_cache, "_MOST_PLACES", 1)
    (kept,) = {file for file in left if file.read_bytes() != b"old"}
    Outside(str(elf)).frames_of([call_of(elf, 1)])
    assert list(json.loads(kept.read_bytes().partition(b"\n")[2])["stacks"]) == [str(call_of(elf, 1) - 1)]


FAKES = {
    "hangs": "sleep 1000",
    "hangs behind its answer": "cat; sleep 1000 & exec >&-; sleep 1000",
    "dies": "kill -9 $$",
    "fails": "exit 1",
    "is silent": "exit 0",
    "garbage": "head -c 100000 /dev/urandom",
    "too much": "yes 0x0000000000001000",
    "one endless line": "tr '\\0' x < /dev/zero",
    "echo": "cat",
    "json of something else": 'while read line; do echo "{\\"Address\\":\\"0x1\\",\\"Symbol\\":[]}"; done',
    "json without symbols": 'while read line; do echo "{\\"Address\\":\\"$line\\",\\"Error\\":{}}"; done',
    "json of wrong types": 'while read line; do echo "{\\"Address\\":\\"$line\\",\\"Symbol\\":[7]}"; done',
    "a list": 'while read line; do echo "[]"; done',
    "deep json": "for at in 1 2; do yes '[' | head -n 90000 | tr -d '\\n'; echo; done",
    "its last answer is missing": '"$REAL" "$@" | head -n $LEFT',
    "answers for other places": "while read line; do echo 0x0000000000001000; echo wrong; echo x.c:1; done",
    "an answer without an end": 'read line; printf \'{"Address":"%s","Symbol":[]}\' "$line"',
    "an answer more": '"$REAL" "$@"; "$REAL" "$@"',
}


@pytest.mark.parametrize("kind", ["llvm", "gnu"])
@pytest.mark.parametrize("fake", FAKES)
def test_a_program_that_answers_badly_is_passed_over(
    kind: str, fake: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elf, script = build(tmp_path), tmp_path / "fake"
    script.write_text(f"#!/bin/sh\n{FAKES[fake]}\n")
    script.chmod(0o755)
    monkeypatch.setenv("REAL", next(tool.path for tool in tools_for(62) if tool.kind == kind))
    monkeypatch.setenv("LEFT", "1" if kind == "llvm" else "5")
    places = [call_of(elf) - 1, call_of(elf, 1) - 1]
    patience = 0.5 if "hangs" in fake else 60
    told = stacks_at(head_of(str(elf)), places, [Tool(kind, str(script)), Tool("gnu", GNU)], patience=patience)
    assert [names_of(told[place]) for place in places] == [GROW, ["start"]]


def test_nothing_is_left_of_a_program_that_hangs(tmp_path: Path) -> None:
    elf, script, child = build(tmp_path), tmp_path / "fake", tmp_path / "child"
    script.write_text(f"#!/bin/sh\nsleep 1000 & echo $! > {child}.new; mv {child}.new {child}; wait\n")
    script.chmod(0o755)
    stacks_at(head_of(str(elf)), [call_of(elf) - 1], [Tool("llvm", str(script)), Tool("gnu", GNU)], patience=2)
    state = Path("/proc") / child.read_text().strip() / "stat"
    wait_until(lambda: not state.exists() or ") Z " in state.read_text())


def test_programs_are_told_apart_by_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder, names in {
        "one": ["llvm-symbolizer-14", "llvm-symbolizer-9", "addr2line", "riscv32-esp-elf-addr2line", "llvm-addr2line"],
        "two": ["llvm-symbolizer-17", "addr2line", "xtensa-esp32-elf-addr2line", "arm-none-eabi-addr2line"],
    }.items():
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / name).touch(0o755)
    (tmp_path / "two" / "llvm-symbolizer").touch(0o644)  # cannot be run
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path / "one"), "/nowhere", str(tmp_path / "two")]))
    found = {
        machine: [str(Path(tool.path).relative_to(tmp_path)) for tool in tools_for(machine)] for machine in (94, 8)
    }
    assert found[94] == ["two/llvm-symbolizer-17", "two/xtensa-esp32-elf-addr2line", "one/addr2line"]
    assert found[8] == ["two/llvm-symbolizer-17", "one/addr2line"]


@pytest.mark.parametrize("kind", ["llvm", "gnu"])
def test_a_hostile_name_shifts_no_answer(kind: str, tmp_path: Path) -> None:
    """The name of an inlined function holds lines as a program would write them."""
    elf = build(tmp_path, make="m" * 60, lines_before=4)
    tool = next(tool for tool in tools_for(head_of(str(elf)).machine) if tool.kind == kind)
    places = [call_of(elf) - 1, call_of(elf, 1) - 1]
    forged = [f"m\nx.c:1\n{place:#018x}\nevil\nx.c:1\n" for place in (*places, 0x1000)] + ["\x1b[31m\u2028\nx", "\n"]
    for text in forged:
        data = elf.read_bytes()
        name = text.encode().ljust(60, b"m")[:60]
        assert b"m" * 60 in data
        (tmp_path / "forged.elf").write_bytes(data.replace(b"m" * 60, name))
        told = stacks_at(head_of(str(tmp_path / "forged.elf")), places, [tool])
        assert names_of(told[places[1]]) == ["start"], text
        assert names_of(told[places[0]])[-1] == "grow_list_name" and len(told[places[0]]) <= 4, text


def test_a_name_of_a_megabyte_is_cut(tmp_path: Path) -> None:
    elf = build(tmp_path, make="m" * (1 << 20))
    place = call_of(elf) - 1
    for tools in ([tool] for tool in tools_for(head_of(str(elf)).machine)):
        told = stacks_at(head_of(str(elf)), [place], tools)[place]
        assert told[-1].function == "grow_list_name" and len(told[0].function or "") <= 1 << 14


def test_nothing_asks_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elf, script, seen = build(tmp_path), tmp_path / "fake", tmp_path / "seen"
    script.write_text(f"#!/bin/sh\nenv > {seen}\nexit 1\n")
    script.chmod(0o755)
    for name in ("DEBUGINFOD_URLS", "LLVM_SYMBOLIZER_OPTS"):
        monkeypatch.setenv(name, "http://localhost:1")
    stacks_at(head_of(str(elf)), [call_of(elf) - 1], [Tool("llvm", str(script)), Tool("gnu", GNU)])
    assert "localhost" not in seen.read_text()


def key(problem: Said | None) -> str | None:
    return None if problem is None else problem.key


def test_why_there_are_no_names(tmp_path: Path) -> None:
    elf = build(tmp_path, "-g", "-Wl,--build-id=0x0123456789abcdef")
    pc = call_of(elf)
    right, wrong = Outside(str(elf), build_id="0123456789abcdef"), Outside(str(elf), build_id="0123456789abcdee")
    assert (key(right.problem), names_of(right.frames_of([pc])[pc])) == (None, GROW)
    assert (key(wrong.problem), wrong.frames_of([pc])) == ("symbols-of-other-build", {pc: (Frame(pc),)})
    elsewhere = Outside(str(elf))
    assert elsewhere.problem is None
    assert elsewhere.frames_of([0x10, 0x7000_0000_0000]) == {one: (Frame(one),) for one in (0x10, 0x7000_0000_0000)}
    assert key(elsewhere.problem) == "symbols-of-nothing"
    subprocess.run(["objcopy", "-g", elf], check=True)
    bare = Outside(str(elf))
    assert key(bare.problem) == "symbols-without-lines" and names_of(bare.frames_of([pc])[pc]) == ["grow_list_name"]
    assert key(bare.problem) == "symbols-without-lines"
    bare = Outside(str(elf))
    assert bare.frames_of([0x10]) == {0x10: (Frame(0x10),)} and key(bare.problem) == "symbols-of-nothing"
    subprocess.run(["strip", elf], check=True)
    assert key(Outside(str(elf)).problem) == "symbols-none-in"


def test_a_program_that_runs_elsewhere(tmp_path: Path) -> None:
    elf = build(tmp_path)
    pc = call_of(elf)
    moved = Outside(str(elf), base=0x5555_0000_0000)
    (stack,) = moved.frames_of([pc + 0x5555_0000_0000]).values()
    assert names_of(stack) == GROW and {frame.pc for frame in stack} == {pc + 0x5555_0000_0000}


@pytest.mark.parametrize("place", ["link", "link in .debug", "link in a folder", "build-id", "by build-id", "by name"])
def test_debug_information_that_was_split_off(place: str, tmp_path: Path) -> None:
    elf = build(tmp_path, "-g", "-Wl,--build-id=0x0123456789abcdef" if "link" not in place else "-Wl,--build-id=none")
    pc, folder = call_of(elf), tmp_path / "symbols"
    where = {
        "link": tmp_path / "program.dbg",
        "link in .debug": tmp_path / ".debug" / "program.dbg",
        "link in a folder": folder / "program.dbg",
        "build-id": folder / ".build-id" / "01" / "23456789abcdef.debug",
        "by build-id": folder / "0123456789abcdef",
        "by name": folder / "program.elf",
    }[place]
    subprocess.run(["objcopy", "--only-keep-debug", elf, "program.dbg"], cwd=tmp_path, check=True)
    link = ["--add-gnu-debuglink=program.dbg"] if "link" in place else []
    subprocess.run(["objcopy", "--strip-all", *link, elf], cwd=tmp_path, check=True)
    where.parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "program.dbg").rename(where)
    found = Outside(str(elf), [str(folder)])
    assert (names_of(found.frames_of([pc])[pc]), found.problem) == (GROW, None)
    other = where.read_bytes().replace(b"program.c", b"program.x").replace(bytes.fromhex("0123456789abcdef"), bytes(8))
    where.write_bytes(other)  # another program's
    assert Outside(str(elf), [str(folder)]).frames_of([pc])[pc] == (Frame(pc),)


def test_a_damaged_program_is_an_elf_file_or_none(tmp_path: Path) -> None:
    """Each byte of its headers, and of its notes."""
    elf = build(tmp_path, "-g", "-Wl,--build-id")
    data, random, path = elf.read_bytes(), Random(3), str(tmp_path / "damaged.elf")
    table = int.from_bytes(data[40:48], "little")
    places = [*range(64), *range(64, 64 + 56 * 4), *range(table, len(data)), *range(0x200, 0x260)]
    for place in places:
        broken = bytearray(data)
        width = random.choice((1, 2, 4, 8))
        value = random.choice(EXTREMES) & ((1 << 8 * width) - 1)
        broken[place : place + width] = value.to_bytes(width, "little")
        Path(path).write_bytes(broken[: random.choice((len(data), len(data), place))])
        try:
            head = head_of(path)
        except FileError:
            continue
        assert len(head.sections) <= 4096 and len(head.build_id or "") <= 128
    for size in range(0, 64, 7):
        Path(path).write_bytes(data[:size])
        with pytest.raises(FileError):
            head_of(path)
    for place in ("/dev/zero", str(tmp_path)):
        with pytest.raises(FileError):
            head_of(place)


def test_damaged_debug_information_costs_names_of_files_alone(tmp_path: Path) -> None:
    """Nothing is raised, and nothing goes on for long: units that all begin anew in one long list of abbreviations."""
    elf = build(tmp_path, "-g", "-gdwarf-4")
    data, random, path = elf.read_bytes(), Random(4), tmp_path / "damaged.elf"
    sections = [one for name, one in head_of(str(elf)).sections.items() if name.startswith(".debug")]
    file = str(tmp_path / "program.c")
    assert as_compiled([file], head_of(str(elf))) == {file: "program.c"}
    for _ in range(400):
        broken = bytearray(data)
        for _ in range(3):
            section = random.choice(sections)
            broken[section.offset + random.randrange(min(section.size, 40))] = random.choice(
                (0, 1, 0x7F, 0x80, 0xFF, 0x21)
            )
        path.write_bytes(broken)
        assert set(as_compiled([file], head_of(str(path)))) <= {file}
    declarations = b"".join(b"%c%c\x24\0\x03\x08\0\0" % (0x80 | n & 0x7F, n >> 7) for n in range(2, 9000))
    unit = (8).to_bytes(4, "little") + b"\4\0" + bytes(4) + b"\x08\x01"
    for name, content in {"info": unit * 9000, "abbrev": declarations + b"\0"}.items():
        (tmp_path / name).write_bytes(content)
        subprocess.run(["objcopy", "--update-section", f".debug_{name}={tmp_path / name}", elf, path], check=True)
        shutil.copy(path, elf)
    looked: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(elf_folders, "_leb", lambda *at: (looked.append(1), real(*at))[1])
        assert as_compiled([file], head_of(str(elf))) == {}
    assert len(looked) < 3 << 20
