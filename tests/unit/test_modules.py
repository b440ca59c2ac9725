# SPDX-License-Identifier: Apache-2.0
"""Names in a process that has loaded several files: real libraries at the addresses that a log tells."""

from __future__ import annotations

import lzma
import subprocess
from pathlib import Path

import pytest

from gdbext.model.events import Frame, Stack
from gdbext.symbols.modules import Modules
from tests.support.elf_ids import build_id, return_addresses

LIBRARY = """
extern void *outer(unsigned long);
static __attribute__((noinline)) void *hidden_{name}(unsigned long n) {{ void *p = outer(n); __asm__(""); return p; }}
void *make_{name}(unsigned long n) {{ void *p = hidden_{name}(n); __asm__(""); return p; }}
"""
BASES = {"one": 0x7F00_0000_0000, "two": 0x7F00_0010_0000}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def library(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.c").write_text(LIBRARY.format(name=name))
    line = ["gcc", "-g", "-O1", "-shared", "-fPIC", "-fcf-protection=none", "-Wl,--build-id", f"{name}.c"]
    subprocess.run([*line, "-o", f"lib{name}.so"], cwd=folder, check=True)
    return folder / f"lib{name}.so"


def loaded(path: Path, name: str, build: str | None = None) -> tuple[int, str, str]:
    return BASES[name], build_id(path) if build is None else build, str(path)


def pcs_in(path: Path, name: str) -> dict[str, int]:
    """The recorded return address of the call in each function."""
    return {function: BASES[name] + at for function, at in return_addresses(path).items()}


def functions(stacks: dict[int, Stack], pcs: dict[str, int]) -> dict[str, str | None]:
    return {name: stacks[pc][-1].function for name, pc in pcs.items()}


def named(name: str) -> dict[str, str]:
    return {one: one for one in (f"hidden_{name}", f"make_{name}")}


def test_each_address_is_named_by_the_file_that_it_lies_in(tmp_path: Path) -> None:
    one, two = library(tmp_path / "lib", "one"), library(tmp_path / "lib", "two")
    modules = Modules([loaded(two, "two"), loaded(one, "one"), (0x7F00_0050_0000, "", "linux-vdso.so.1")])
    pcs, others = pcs_in(one, "one"), pcs_in(two, "two")
    stacks = modules.frames_of([*pcs.values(), *others.values(), 0x1000, BASES["two"] - 16])
    assert functions(stacks, pcs) == named("one") and functions(stacks, others) == named("two")
    assert {(frame.file, frame.pc) for frame in stacks[pcs["make_one"]]} == {("one.c", pcs["make_one"])}
    assert [stacks[pc] for pc in (0x1000, BASES["two"] - 16)] == [(Frame(0x1000),), (Frame(BASES["two"] - 16),)]
    assert modules.problem is None
    assert [modules.library(pc) for pc in (pcs["make_one"], others["make_two"], 0x1000)] == [
        "libone.so",
        "libtwo.so",
        None,
    ]


@pytest.mark.parametrize("place", [".build-id/{0}/{1}.debug", "{0}{1}", "libone.so", "usr/lib/libone.so"])
def test_a_file_from_another_machine_is_found_by_its_build_id(place: str, tmp_path: Path) -> None:
    one = library(tmp_path / "lib", "one")
    build, pcs, folder = build_id(one), pcs_in(one, "one"), tmp_path / "symbols"
    where = folder / place.format(build[:2], build[2:])
    where.parent.mkdir(parents=True)
    one.rename(where)
    modules = Modules([(BASES["one"], build, "/usr/lib/libone.so")], [str(folder)])
    assert functions(modules.frames_of(list(pcs.values())), pcs) == named("one") and modules.problem is None


def test_another_build_of_a_file_names_nothing(tmp_path: Path) -> None:
    one = library(tmp_path / "lib", "one")
    pcs = pcs_in(one, "one")
    modules = Modules([loaded(one, "one", "ab" * 20)], [str(one.parent)], [str(one)])
    shown = {name: f"libone.so+{pc - BASES['one']:#x}" for name, pc in pcs.items()}
    assert functions(modules.frames_of(list(pcs.values())), pcs) == shown
    assert modules.problem is not None
    assert (modules.problem.key, modules.problem.values) == ("symbols-of-modules", (("files", ("libone.so",)),))


def test_a_stripped_library_names_what_it_offers(tmp_path: Path) -> None:
    """With .dynsym alone; with the table in .gnu_debugdata; with what was split off it; with its name alone."""
    one = library(tmp_path / "lib", "one")
    pcs, module = pcs_in(one, "one"), loaded(one, "one")
    whole = tmp_path / "whole.so"
    whole.write_bytes(one.read_bytes())
    subprocess.run(["strip", "--strip-all", one], check=True)
    offset = f"libone.so+{pcs['hidden_one'] - BASES['one']:#x}"
    told = Modules([module]).frames_of(list(pcs.values()))
    assert functions(told, pcs) == {"hidden_one": offset, "make_one": "make_one"}
    subprocess.run(["objcopy", "-g", whole, tmp_path / "small.so"], check=True)
    (tmp_path / "small.xz").write_bytes(lzma.compress((tmp_path / "small.so").read_bytes()))
    packed = tmp_path / "packed"
    packed.mkdir()
    add = ["--add-section", f".gnu_debugdata={tmp_path / 'small.xz'}"]
    subprocess.run(["objcopy", *add, one, packed / one.name], check=True)
    told = Modules([loaded(packed / one.name, "one")]).frames_of(list(pcs.values()))
    assert functions(told, pcs) == named("one") and told[pcs["make_one"]][-1].file is None
    for cut in (0, 1, len(lzma.compress(b"")), 200):
        (tmp_path / "small.xz").write_bytes(lzma.compress((tmp_path / "small.so").read_bytes())[: -cut - 1])
        subprocess.run(["objcopy", *add, one, packed / one.name], check=True)
        assert (
            functions(Modules([loaded(packed / one.name, "one")]).frames_of([*pcs.values()]), pcs)["make_one"]
            == "make_one"
        )
    debug = tmp_path / "symbols" / module[1]
    debug.parent.mkdir()
    subprocess.run(["objcopy", "--only-keep-debug", whole, debug], check=True)
    told = Modules([module], [str(debug.parent)]).frames_of(list(pcs.values()))
    assert functions(told, pcs) == named("one") and told[pcs["make_one"]][-1].file == "one.c"


def test_a_program_that_runs_where_it_was_linked_for(tmp_path: Path) -> None:
    """Its distance is 0, so that every library begins nearer to its addresses than it does."""
    source = "void *outer(unsigned long n) { return (void *)n; }" + LIBRARY.format(name="app").replace("extern", "")
    (tmp_path / "app.c").write_text(f"{source}\nint main(void) {{ return make_app(1) != 0; }}\n")
    line = ["gcc", "-g", "-O1", "-no-pie", "-fcf-protection=none", "-fno-inline", "app.c", "-o", "app"]
    subprocess.run([*line, "-Wl,-Ttext-segment=0x10000000", "-Wl,--build-id"], cwd=tmp_path, check=True)
    app = tmp_path / "app"
    pcs = {name: pc for name, pc in return_addresses(app).items() if name.endswith("_app")}
    modules = Modules([(0, build_id(app), "/gone/app"), (0x40_0000, "cd" * 20, "/gone/lib.so")], programs=[str(app)])
    assert functions(modules.frames_of(list(pcs.values())), pcs) == named("app") and modules.problem is None


def test_a_log_s_paths_are_only_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Devices, folders, pipes, names with a NUL: none is a file."""
    paths = [
        "/dev/zero",
        "/dev/stdin",
        str(tmp_path),
        "/nowhere\0",
        "\x1b[31m",
        "",
        "/" + "x" * 5000,
        "../../etc/passwd",
    ]
    modules = Modules([(number << 40, "", path) for number, path in enumerate(paths, 1)], [str(tmp_path)])
    stacks = modules.frames_of([(number << 40) + 0x100 for number in range(1, 9)])
    assert all(stack[0].function is not None and stack[0].function.endswith("+0x100") for stack in stacks.values())
    assert modules.problem is not None
    one = library(tmp_path / "lib", "one")
    (tmp_path / "symbols").mkdir()
    monkeypatch.chdir(one.parent)
    for path in ("libone.so", "../lib/libone.so", "/../lib/libone.so"):
        relative = Modules([(BASES["one"], "", path)], [str(tmp_path / "symbols")])
        assert relative.frames_of([BASES["one"] + 0x100])[BASES["one"] + 0x100][0].function == "libone.so+0x100"
