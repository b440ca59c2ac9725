# SPDX-License-Identifier: Apache-2.0
"""Names of return addresses outside of GDB: the same ones from llvm-symbolizer, addr2line and pyelftools."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gdbext.model.events import Stack
from gdbext.symbols.elf_head import head_of
from gdbext.symbols.symbol_tools import Tool, tools_for
from gdbext.symbols.symbolisers import stacks_at
from tests.support import cpp_program, firmware
from tests.support.markers import marked_lines

FORMS = {"dwarf-5": ["-gdwarf-5"], "dwarf-4": ["-gdwarf-4"], "dwarf-3": ["-gdwarf-3", "-gstrict-dwarf"]}
FORMS["packed"] = ["-g", "-gz=zlib"]


def by_each(elf: Path, pcs: list[int]) -> dict[str, dict[int, Stack]]:
    """What each tool that reads the file says, and pyelftools, which needs none."""
    head = head_of(str(elf))
    tools = tools_for(head.machine)
    assert [tool.kind for tool in tools][:2] == ["llvm", "gnu"], tools
    asked: dict[str, list[Tool]] = {Path(tool.path).name: [tool] for tool in tools}
    found = {name: stacks_at(head, [pc - 1 for pc in pcs], one) for name, one in asked.items()}
    return {**found, "pyelftools": stacks_at(head, [pc - 1 for pc in pcs], [])}


def plain(stack: Stack) -> list[tuple[str | None, str | None, int | None, bool]]:
    return [(frame.function, frame.file, frame.line, frame.inlined) for frame in stack]


@pytest.mark.parametrize("target", cpp_program.TARGETS, ids=lambda target: target.split("-")[0])
def test_all_tools_say_the_same(target: str, tmp_path: Path) -> None:
    elf = cpp_program.build(target, tmp_path)
    pcs = cpp_program.return_addresses(target, elf)
    found = by_each(elf, pcs)
    lines = marked_lines(tmp_path / "program.cpp")
    inlined = [
        ("app::make", "program.cpp", lines["make"], True),
        ("app::Maker::twice", "program.cpp", lines["twice"], True),
        ("main", "program.cpp", lines["main"], False),
    ]
    pool = f"app::Pool<int, 4{'u' if target == 'xtensa-lx106-elf' else 'ul'}>"
    for name, stacks in found.items():
        told = [plain(stack) for stack in stacks.values()]
        assert inlined in told, name
        assert [(f"{pool}::Pool", "program.cpp", lines["constructor"], False)] in told, name
        assert [("app::(anonymous namespace)::Local::grow", "program.cpp", lines["grow"], False)] in told, name
        nameless = None if "addr2line" in name else "operator()"  # it takes the function around a lambda for it
        of_lambda = next(stack for stack in told if stack[0][2] == lines["lambda"] and stack[0][3])
        assert [frame[0] for frame in of_lambda] == [nameless, f"{pool}::each<main::{{lambda(int&)#1}}>"], name
        assert _without_lambda(stacks) == _without_lambda(found["pyelftools"]), name


def _without_lambda(stacks: dict[int, Stack]) -> dict[int, list[tuple[str | None, str | None, int | None, bool]]]:
    return {
        place: plain(stack)[1 if stack[0].function in (None, "operator()") else 0 :] for place, stack in stacks.items()
    }


@pytest.mark.parametrize("form", FORMS)
def test_any_form_of_debug_information(form: str, tmp_path: Path) -> None:
    target = cpp_program.TARGETS[1]
    elf = cpp_program.build(target, tmp_path, *FORMS[form])
    found = by_each(elf, cpp_program.return_addresses(target, elf))
    assert all(_without_lambda(stacks) == _without_lambda(found["pyelftools"]) for stacks in found.values())
    assert {frame.file for stack in found["addr2line"].values() for frame in stack} == {"program.cpp"}


def test_a_large_program_of_c() -> None:
    """The test firmware at each of its calls. What differs is listed in docs/reference/symbols.md."""
    elf = firmware.build("default")
    found = by_each(elf, cpp_program.return_addresses("riscv64-unknown-elf", elf))
    reference = found["pyelftools"]
    assert len(reference) > 400
    for name, stacks in found.items():
        other = [place for place, stack in stacks.items() if plain(stack) != plain(reference[place])]
        assert {_why(stacks[place], reference[place]) for place in other} <= {"assembler label", "header"}, name
        assert len(other) <= 8, name


def _why(one: Stack, other: Stack) -> str:
    """The known differences: labels of assembler, and the file of a function of a header that is not inlined."""
    if (one[0].file or "").endswith(".S"):
        return "assembler label"
    same = [(frame.function, frame.line) for frame in one] == [(frame.function, frame.line) for frame in other]
    return "header" if same and (other[0].file or "").endswith(".h") else f"{one} {other}"


def test_files_are_named_as_the_compiler_was_told(tmp_path: Path) -> None:
    """By a whole path, in and outside of the folder where it ran, and by a path from there."""
    places = ["whole/one.c", "part/two.c", "../outside.c"]
    work = tmp_path / "work"
    for folder in ("whole", "part"):
        (work / folder).mkdir(parents=True)
    told = [str(work / places[0]), places[1], places[2]]
    for number, place in enumerate(places):
        (work / place).write_text(
            f"void other(void);\nvoid function_{number}(void) {{\n    other();\n    other();\n}}\n"
        )
    (work / "other.c").write_text("void other(void) {}\n")
    cc = ["riscv64-unknown-elf-gcc", "-g", "-O1", "-nostdlib", "-Wl,-e,other", "-o", "program.elf"]
    subprocess.run([*cc, *told, "other.c"], cwd=work, check=True)
    elf = work / "program.elf"
    for name, stacks in by_each(elf, cpp_program.return_addresses("riscv64-unknown-elf", elf)).items():
        assert {stack[0].file for stack in stacks.values()} == set(told), name
