# SPDX-License-Identifier: Apache-2.0
"""c_helpers/wrap: every function that is wrapped is one event, of the function that called it, on the host and on rv32.

The lists of linker options name the functions. For each a caller is generated, which takes a block and gives it back.
tests/unit/c/wrap/prebuilt.c stands for the libraries, layered as newlib, libstdc++ and NuttX are, without frame
pointers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.support.qemu import Qemu
from tests.support.recorder import HELPERS
from tests.unit import real_program
from tests.unit.real_program import FOLDER, FRAMES, WARNINGS, Seen, events_of, objects, recorded, run

WRAP = HELPERS / "wrap"
LISTS = sorted(path.stem for path in WRAP.glob("*.wrap"))
PREBUILT = ROOT / "tests" / "unit" / "c" / "wrap" / "prebuilt.c"
BOARD = ROOT / "tests" / "target"
SIZE, TEXT = 40, "a text of some letters"
MOVES = ("realloc", "_realloc_r", "reallocarray", "kmm_realloc")
# The parameters of C's functions, and what is given for them; `block` stands for a block.
C_CALLS = {
    "malloc": ("size_t", "40"),
    "calloc": ("size_t, size_t", "4, 10"),
    "realloc": ("void *, size_t", "block, 40"),
    "reallocarray": ("void *, size_t, size_t", "block, 4, 10"),
    "free": ("void *", "block"),
    "memalign": ("size_t, size_t", "64, 40"),
    "aligned_alloc": ("size_t, size_t", "64, 40"),
    "posix_memalign": ("void **, size_t, size_t", "&block, 64, 40"),
    "valloc": ("size_t", "40"),
    "pvalloc": ("size_t", "40"),
    "strdup": ("const char *", "text"),
    "strndup": ("const char *, size_t", "text, 9"),
    "zalloc": ("size_t", "40"),
}


@dataclass(frozen=True)
class Machine:
    """How programs are made for it; `letter` is that of its size_t in C++'s names."""

    name: str
    letter: str
    c: tuple[str, ...]
    cpp: tuple[str, ...]
    prefix: str = ""


NO_LIBRARY = ("-fno-exceptions", "-fno-rtti")  # of C++: the stand-ins are all
HOST = Machine("host", "m", ("gcc",), ("g++", *NO_LIBRARY))
CLANG = Machine("host-clang", "m", ("clang",), ("clang++", *NO_LIBRARY))


def rv32(name: str) -> Machine:
    """In QEMU; rv32imc has no atomic instructions."""
    prefix = "riscv64-unknown-elf-"
    flags = (f"-march={name}", "-mabi=ilp32", "-misa-spec=2.2", "--specs=picolibc.specs")
    return Machine(name, "j", (f"{prefix}gcc", *flags), (f"{prefix}g++", *flags, *NO_LIBRARY), prefix)


RV32 = rv32("rv32imac")
MACHINES = pytest.mark.parametrize("machine", [HOST, CLANG, RV32, rv32("rv32imc")], ids=lambda machine: machine.name)


@cache
def listed(name: str) -> tuple[str, ...]:
    lines = (WRAP / f"{name}.wrap").read_text().split()
    assert all(line.startswith("--wrap=") for line in lines)
    return tuple(line.removeprefix("--wrap=") for line in lines)


def symbols(letter: str) -> list[str]:
    """Every function of the lists, in the machine's spelling."""
    other = {"j": "m", "m": "j"}[letter]
    found = [name for stem in LISTS for name in listed(stem)]
    return [name for name in found if not re.match(rf"_Zn[wa]{other}|_Zd[la]Pv{other}", name)]


def parameters(symbol: str) -> tuple[str, str]:
    """Types of the parameters, and arguments."""
    if symbol.startswith("_Z"):
        types, values = ["void *"], ["block"]
        if symbol.startswith("_Zn"):
            types, values = ["size_t"], [str(SIZE)]
        elif re.match(r"_Zd.Pv[jm]", symbol):
            types, values = [*types, "size_t"], [*values, str(SIZE)]
        if "align_val" in symbol:
            types, values = [*types, "size_t"], [*values, "64"]
        if "nothrow" in symbol:
            types, values = [*types, "const void *"], [*values, "text"]
        return ", ".join(types), ", ".join(values)
    if symbol.endswith("_r"):
        behind = C_CALLS[symbol[1:-2]]
        return f"void *, {behind[0]}", f"NULL, {behind[1]}"
    return C_CALLS[symbol.removeprefix("kmm_")]


def frees(symbol: str) -> bool:
    return "free" in symbol or symbol.startswith("_Zd")


def result_of(symbol: str) -> str:
    return "void" if frees(symbol) else "int" if symbol == "posix_memalign" else "void *"


def caller_of(symbol: str, fails: bool) -> str:
    """A function that takes a block and gives it back, one of the two by `symbol`; or that fails to get one by it."""
    kernel = "kmm_" if symbol.startswith("kmm_") else ""
    has_one = frees(symbol) or symbol in MOVES
    given = "block = " if result_of(symbol) == "void *" and not fails else ""
    lines = [
        f"block = {kernel}malloc({SIZE});" if has_one else "",
        "failures = 1;" if fails else "",
        f"{given}{symbol}({parameters(symbol)[1]});",
        f"{kernel}free(block);" if not frees(symbol) and (has_one or not fails) else "",
    ]
    head = f"__attribute__((noinline)) void {user(symbol, fails)}(void)"
    body = "\n    ".join(["void *volatile held = NULL;", "void *block = held;", *lines, "held = block;"])
    return f"{head}\n{{\n    {body}\n}}\n"


def user(symbol: str, fails: bool) -> str:
    return f"{'fails' if fails else 'user'}_{symbol}"


def expected(symbol: str, fails: bool) -> list[tuple[str, int]]:
    """Kind and size of the events of a caller."""
    size = len(TEXT) + 1 if "strdup" in symbol else 10 if "strndup" in symbol else SIZE
    moved = [("realloc-begin", SIZE), ("realloc-end", SIZE)] if symbol in MOVES else []
    return [("alloc-failed", size)] if fails and not moved else [("alloc", size), *moved, ("free", 0)]


def program_text(callers: list[tuple[str, bool]], letter: str) -> str:
    declared = "".join(f"{result_of(name)} {name}({parameters(name)[0]});\n" for name in symbols(letter))
    head = f'#include <stddef.h>\n{declared}extern unsigned failures;\nstatic char text[] = "{TEXT}";\n'
    calls = "".join(f"    {user(*caller)}();\n" for caller in callers)
    return head + "".join(caller_of(*caller) for caller in callers) + f"void program(void)\n{{\n{calls}}}\n"


def prebuilt(folder: Path, machine: Machine) -> list[str]:
    """The stand-ins: an object a function, without frame pointers."""
    head, *parts = PREBUILT.read_text().split("/* part */\n")
    sources = []
    for number, part in enumerate(parts):
        sources.append(folder / f"part{number}.c")
        sources[-1].write_text(f"{head}\n{part}")
    flags = (
        "-O2",
        "-fomit-frame-pointer",
        "-fno-builtin",
        "-fno-inline",
        "-Wall",
        "-Wno-dollar-in-identifier-extension",
    )
    return objects(folder, sources, (*machine.c, "-std=gnu11", *flags))


def wrappers(folder: Path, machine: Machine, lists: Iterable[str]) -> list[str]:
    """Compiled as any code of the user's is, without frame pointers even: they keep their own."""
    more = ("-O2", "-fomit-frame-pointer", "-ffunction-sections", *WARNINGS, *port(machine))
    sources = [WRAP / "memtrace_wrap.c", *(path for name in lists for path in WRAP.glob(f"{name}.c*"))]
    flags = {".c": (*machine.c, "-std=c11", *more), ".cpp": (*machine.cpp, "-std=c++11", *more)}
    return [made for source in sources for made in objects(folder, [source], flags[source.suffix])]


def port(machine: Machine) -> tuple[str, ...]:
    """The board's, which uses words that -pedantic does not know."""
    places = tuple(f"-I{BOARD / name}" for name in ("rv32_virt", ".", "rtos"))
    return (*places, "-Wno-pedantic") if machine.prefix else ()


def options(names: list[str]) -> list[str]:
    return [f"-Wl,@{WRAP / name}.wrap" for name in names]


def recorder_of(folder: Path, machine: Machine) -> list[str]:
    """The recorder, and what runs the program."""
    if not machine.prefix:
        return real_program.recorder(folder) + objects(folder, [FOLDER / "main.c"], (*machine.c, *FRAMES))
    sources = [FOLDER / "board.c", *(BOARD / "rv32_virt").glob("*.[cS]"), *(BOARD / "rtos").glob("*.c")]
    sources += sorted((HELPERS / "recorder").glob("*.c"))
    return objects(folder, sources, (*machine.c, "-std=gnu11", "-O2", "-ffunction-sections", *port(machine)))


def link(folder: Path, machine: Machine, own: list[str], lists: list[str]) -> Path:
    """The program with the recorder in it. For the board ld itself is given the lists, as NuttX does."""
    own = [*own, *recorder_of(folder, machine)]
    if not machine.prefix:
        return linked(folder, machine, [*own, *options(lists)])
    whole = str(folder / "whole.o")
    run([f"{machine.prefix}ld", "-melf32lriscv", "-r", *own, *(f"@{WRAP / name}.wrap" for name in lists), "-o", whole])
    return linked(folder, machine, [whole])


def linked(folder: Path, machine: Machine, words: list[str]) -> Path:
    script = BOARD / "rv32_virt" / "link.ld"
    board = ["-nostartfiles", f"-T{script}", "-Wl,--no-warn-rwx-segments", "-Wl,--gc-sections"]
    run([*machine.c, *words, *(board if machine.prefix else ["-no-pie"]), "-o", str(folder / "program")])
    return folder / "program"


def events(made: Path, machine: Machine) -> list[Seen]:
    if not machine.prefix:
        return recorded(made)
    with Qemu(made, paused=False) as target:
        assert target.wait(600) == 0
        data = bytes.fromhex(target.console.strip())
    nm = f"{machine.prefix}nm"
    ring = next(int(line.split()[0], 16) for line in run([nm, str(made)]).splitlines() if line.endswith(" ring"))
    return events_of(made, ring, data, bits=32, nm=nm)


def users_of(folder: Path, machine: Machine, callers: list[tuple[str, bool]]) -> list[str]:
    source = folder / "users.c"
    source.write_text(program_text(callers, machine.letter))
    return objects(folder, [source], (*machine.c, "-std=gnu11", *FRAMES, "-fno-builtin", "-w"))


def made_of(folder: Path, machine: Machine, callers: list[tuple[str, bool]], lists: list[str]) -> list[Seen]:
    """What a program that calls these functions of the stand-ins records."""
    own = [*users_of(folder, machine, callers), *prebuilt(folder, machine), *wrappers(folder, machine, lists)]
    return events(link(folder, machine, own, lists), machine)


def check(found: list[Seen], callers: list[tuple[str, bool]]) -> None:
    """Each caller's events are there, in their order, and nothing else."""
    wanted = [(user(*caller), kind, size) for caller in callers for kind, size in expected(*caller)]
    assert [(event.kind, event.size) for event in found] == [(kind, size) for _, kind, size in wanted]
    called = [name for name, kind, _ in wanted if kind != "realloc-end"]
    assert [event.caller for event in found if event.stack] == called
    assert {event.stack[1] for event in found if event.stack} == {"program"}
    for before, after in pairwise(found):
        if after.kind in ("free", "realloc-begin") and before.address != 0:
            assert after.address == before.address, "what is given back is what was taken"


@MACHINES
def test_each_listed_function_is_one_event_of_its_caller(machine: Machine, tmp_path: Path) -> None:
    """Also where it fails: that is one event, too."""
    names = symbols(machine.letter)
    callers = [(name, fails) for name in names for fails in (False, True) if not (fails and frees(name))]
    check(made_of(tmp_path, machine, callers, LISTS), callers)


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        (HOST, ["-static", "-Wl,--gc-sections"]),
        (RV32, ["-Wl,--defsym=__heap_start=0x80100000", "-Wl,--defsym=__heap_end=0x80140000"]),
    ],
    ids=["glibc", "picolibc"],
)
def test_the_functions_of_a_real_c_library(machine: Machine, words: list[str], tmp_path: Path) -> None:
    """Wrappers of what the library has not, newlib's and NuttX's, are left out by --gc-sections."""
    stems = ("malloc", "aligned", "posix_memalign", "strings", "reallocarray")
    callers = [(name, False) for stem in stems for name in listed(stem)]
    own = [*users_of(tmp_path, machine, callers), *wrappers(tmp_path, machine, LISTS)]
    made = linked(tmp_path, machine, [*own, *recorder_of(tmp_path, machine), *options(LISTS), *words])
    check(events(made, machine), callers)


@MACHINES
def test_every_listed_function_has_a_wrapper(machine: Machine, tmp_path: Path) -> None:
    """And no wrapper is without its option: it would never be called."""
    text = run([f"{machine.prefix}nm", *wrappers(tmp_path, machine, LISTS)])
    assert set(re.findall(r" T __wrap_(\w+)$", text, re.MULTILINE)) == set(symbols(machine.letter))
    assert set(re.findall(r" U __real_(\w+)$", text, re.MULTILINE)) == set(symbols(machine.letter))


@pytest.mark.parametrize(("machine", "caller"), [(HOST, ("program", "real_run")), (RV32, ())], ids=["host", "rv32"])
def test_without_the_wrappers_of_new_its_caller_is_lost(
    machine: Machine, caller: tuple[str, ...], tmp_path: Path
) -> None:
    """What they are there for, seen on the stand-ins: the blame goes one frame up, or the stack ends."""
    new = f"_Znw{machine.letter}"
    found = made_of(tmp_path, machine, [(new, False)], ["malloc"])
    assert [event.kind for event in found] == ["alloc", "free"]
    assert found[0].stack[:1] == (new,) and f"user_{new}" not in found[0].stack
    assert found[0].stack[1:3] == caller


CASES = PREBUILT.parent
THREADS = 4
LIBRARIES = {"shared": (), "static": ("-static",)}


def cpp_program(folder: Path, compiler: str, sources: list[Path], lists: list[str], flags: Iterable[str] = ()) -> Path:
    """A program on the compiler's own C++ library, whose operators have no frame pointers."""
    machine = Machine(compiler, "m", ("gcc",), (compiler,))
    words = (compiler, "-std=c++17", *FRAMES, *WARNINGS, "-Wno-mismatched-new-delete")
    own = objects(folder, [path for path in sources if path.suffix == ".cpp"], words)
    own += objects(folder, [FOLDER / "main.c", *(path for path in sources if path.suffix == ".c")], ("gcc", *FRAMES))
    own += [*wrappers(folder, machine, lists), *real_program.recorder(folder)]
    made = folder / "program"
    run([compiler, "-no-pie", *own, *options(lists), *flags, "-pthread", "-o", str(made)])
    return made


def by_user(found: list[Seen]) -> dict[str, list[Seen]]:
    """Events by the function of the program that they come from; or by their caller, where a library lies between."""
    users: dict[str, list[Seen]] = {}
    for event in found:
        if event.stack:
            at = event.stack.index("program") if "program" in event.stack else 1
            users.setdefault(event.stack[at - 1], []).append(event)
    return users


def paired(found: list[Seen]) -> bool:
    """Whether each block was taken once and given back once, at the same address."""
    live: list[int] = []
    for event in found:
        if event.kind == "alloc" and event.address not in live:
            live.append(event.address)
        elif event.kind == "free" and event.address in live:
            live.remove(event.address)
        else:
            return False
    return not live


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_a_cpp_program_on_the_real_library(compiler: str, library: str, tmp_path: Path) -> None:
    lists = ["malloc", "new", "aligned", "posix_memalign"]
    made = cpp_program(tmp_path, compiler, [CASES / "operators.cpp"], lists, LIBRARIES[library])
    found = recorded(made)
    users = by_user(found)
    kinds = {name: [event.kind for event in events] for name, events in users.items()}
    pair = ["alloc", "free"]
    assert kinds["user_plain"] == pair * 2 and kinds["user_array"] == pair
    assert kinds["user_nothrow"] == pair * 2 and kinds["user_aligned"] == pair * 3
    assert kinds["user_nested"] == ["alloc", "alloc", "free", "free"] and kinds["user_vector"] == pair
    assert kinds["user_mismatch"] == [*pair, *pair, "alloc", "realloc-begin", "free"]
    for name in ("user_plain", "user_array", "user_nothrow", "user_aligned", "user_nested", "user_vector"):
        assert paired(users[name])
        assert all(event.caller == name for event in users[name]) or name in ("user_nested", "user_vector")
    # What an exception needs is allocated, too. It is seen where the library is linked in, and so is each try of new.
    assert kinds["user_too_much"].count("alloc-failed") == 2
    assert kinds["user_handler"].count("alloc-failed") == (2 if library == "static" else 1)
    freed = [event.address for event in found if event.kind == "free" and event.caller == "handler"]
    assert freed == [users["user_handler"][0].address]


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_operators_of_the_programs_own(compiler: str, tmp_path: Path) -> None:
    """They are called, not replaced; a block that they got, and another address that they give, are one event each."""
    made = cpp_program(tmp_path, compiler, [CASES / "own_operators.cpp", CASES / "own_users.cpp"], ["malloc", "new"])
    users = by_user(recorded(made))
    assert list(users) == ["user_pool", "user_moved"]
    assert paired(users["user_pool"]) and paired(users["user_moved"])
    assert sorted(event.size for event in users["user_pool"] if event.kind == "alloc") == [4, 4, 1000]
    assert sorted(event.size for event in users["user_moved"] if event.kind == "alloc") == [40, 104]
    assert {event.caller for found in users.values() for event in found} == {"user_pool", "user_moved"}


def test_contexts_within_wrapped_functions_at_once(tmp_path: Path) -> None:
    """Tasks, and an interrupt in the middle of one: each knows its own caller, and no event is missing or too much."""
    own = objects(tmp_path, [CASES / "contexts.c"], ("gcc", "-std=gnu11", *FRAMES, "-fno-builtin"))
    lists = ["malloc", "new", "newlib"]
    made = link(tmp_path, HOST, [*own, *prebuilt(tmp_path, HOST), *wrappers(tmp_path, HOST, lists)], lists)
    ring = made.with_suffix(".ring")
    said = run([str(made), str(ring)])
    # A pair 2,000 times, a block for each thread by pthread_create, and what is below; then the recorder is stopped.
    found = events_of(
        made, int(said.split("ring ")[1].split()[0]), ring.read_bytes(), issued=THREADS * 2000 * 2 + THREADS + 4 + 1
    )
    assert {(event.caller, event.size) for event in found[:-4] if event.kind == "alloc"} == {("run", 33)}
    assert [(event.kind, event.caller, event.size) for event in found[-4:]] == [
        ("alloc", "user_isr", 11),
        ("free", "user_isr", 0),
        ("alloc", "user_task", 22),
        ("free", "user_task", 0),
    ]


PAGE = (ROOT / "docs" / "how-to" / "wrap-the-allocator.md").read_text()


def test_a_wrapper_of_ones_own_as_the_page_shows_it(tmp_path: Path) -> None:
    """What a library allocates and frees within it has the caller of the library's function."""
    code = re.findall(r"^```c\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert len(code) == 1
    (tmp_path / "own.c").write_text(code[0])
    (tmp_path / "users.c").write_text(
        "#include <stddef.h>\nchar *getcwd(char *buffer, size_t bytes);\nvoid free(void *block);\n"
        "__attribute__((noinline)) void user_getcwd(void) { free(getcwd(NULL, 30)); }\n"
        "void program(void) { user_getcwd(); }\n"
    )
    (tmp_path / "own.wrap").write_text("--wrap=getcwd\n")
    sources = [tmp_path / "own.c", tmp_path / "users.c"]
    own = objects(tmp_path, sources, ("gcc", "-std=gnu11", *FRAMES, "-fno-builtin"))
    own += [*prebuilt(tmp_path, HOST), *wrappers(tmp_path, HOST, ["malloc"]), f"-Wl,@{tmp_path / 'own.wrap'}"]
    found = recorded(link(tmp_path, HOST, own, ["malloc"]))
    assert [(event.kind, event.size) for event in found] == [("alloc", 20), ("free", 0), ("alloc", 30), ("free", 0)]
    assert {event.stack for event in found} == {("user_getcwd", "program", "real_run")}


def test_the_page_names_every_list_and_its_functions() -> None:
    rows = dict(re.findall(r"^\| `\w+\.c(?:pp)?` \| (.*) \| `(\w+)\.wrap` \|$", PAGE, re.MULTILINE))
    told = {name: re.findall(r"`(\w+)`", functions) for functions, name in rows.items()}
    assert sorted(told) == LISTS
    assert {name: sorted(listed(name)) for name in LISTS if name != "new"} == {
        name: sorted(functions) for name, functions in told.items() if name != "new"
    }
