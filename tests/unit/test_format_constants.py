# SPDX-License-Identifier: Apache-2.0
"""Every constant of the format has one value in C and in Python: enumerators, macros, sizes, offsets, each by its name.

The names are taken from memtrace_format.h, their values from a program that the compiler makes of them. What only one
side has must be in a list here that says so: a constant added on one side alone fails.
"""

from __future__ import annotations

import re
import struct
import subprocess
from functools import cache
from typing import Any

import pytest

from gdbext.trace import format as python
from gdbext.trace import ring
from tests.support.paths import ROOT

HEADER = ROOT / "c_helpers" / "include" / "memtrace_format.h"
STRUCTS = ("event32", "event64", "table", "name", "live32", "live64", "header")
STRUCTS += ("stream", "pack", "counts", "heap_name", "process")
# What the reader of rings has no use for: the recorder's own words, what only logs have, what a port says for a human.
C_ONLY = {
    *("MEMTRACE_EMPTY", "MEMTRACE_REQUEST_NONE"),
    *(f"MEMTRACE_ARCH_{name}" for name in ("OTHER", "RISCV", "XTENSA", "X86", "ARM", "AARCH64")),
    *(f"MEMTRACE_ABI_{name}" for name in ("CALLER_ONLY", "FRAME_POINTER", "XTENSA_CALL0", "CODE")),
    *(f"MEMTRACE_NAME_{name}" for name in ("NONE", "CONTEXT", "MARK", "TAG", "HEAP", "BUSY")),
    *(f"MEMTRACE_STACK_{name}" for name in ("WHOLE", "CUT", "ENDED")),
    *(f"MEMTRACE_CONTEXT_{name}" for name in ("STARTUP", "ISR", "OTHER", "FIRST_TASK")),
    # A reader takes an event's widths from the header; heap, kind and tag are what their words leave.
    *(f"MEMTRACE_{name}_BITS" for name in ("KIND", "CORE", "HEAP", "TAG")),
    *(f"MEMTRACE_{name}_BITS_{bits}" for name in ("SEQ", "TIME", "STACK", "CONTEXT") for bits in (32, 64)),
}
# Bounds of the reader's own.
PYTHON_ONLY = {"_ESP_CODE", "ENDED_STACK", "_INDEX_MASK", "_LAP_MASK", "_LARGEST_RING_BYTES", "_LARGEST_SLACK_BYTES"}
# Names that the two sides spell differently.
SPELLED = {
    "VERSION": "MEMTRACE_FORMAT_VERSION",
    "_XTENSA_WINDOWED": "MEMTRACE_ABI_XTENSA_WINDOWED",
    "HEADER_BYTES": "sizeof header",
    "REQUEST_OFFSET": "header.request",
    "REQUEST_NAME_OFFSET": "header.request_name",
}


def bare_header() -> str:
    return re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.DOTALL)


def enums() -> dict[str, list[str]]:
    """Enumerators by the name of their enum."""
    found = re.findall(r"enum (memtrace_\w+) \{(.*?)\}", bare_header(), re.DOTALL)
    return {name: re.findall(r"\bMEMTRACE_\w+", body) for name, body in found}


def macros() -> list[str]:
    """Those that are one number."""
    return re.findall(r"^#define (MEMTRACE_\w+) 0?x?\w+u$", bare_header(), re.MULTILINE)


def fields(name: str) -> list[str]:
    body = re.search(rf"struct memtrace_{name} \{{(.*?)^\}};", bare_header(), re.DOTALL | re.MULTILINE)
    assert body is not None, name
    return re.findall(r"(\w+)(?:\[\w+\])?;", body[1])


@cache
def compiled() -> dict[str, int]:
    """Every number of the header, by its name."""
    numbers = [name for names in enums().values() for name in names] + macros()
    rows = {name: name for name in numbers}
    for name in STRUCTS:
        rows[f"sizeof {name}"] = f"sizeof(struct memtrace_{name})"
        rows |= {f"{name}.{field}": f"offsetof(struct memtrace_{name}, {field})" for field in fields(name)}
    lines = "\n".join(f'printf("%s=%lld\\n", "{name}", (long long)({value}));' for name, value in rows.items())
    text = f'#include <stdio.h>\n#include "memtrace_format.h"\nint main(void)\n{{\n{lines}\nreturn 0;\n}}\n'
    made = ROOT / "build" / "format_constants"
    made.parent.mkdir(exist_ok=True)
    command = ["gcc", "-std=c11", f"-I{HEADER.parent}", "-x", "c", "-", "-o", str(made)]
    subprocess.run(command, check=True, text=True, input=text)
    done = subprocess.run([str(made)], check=True, capture_output=True, text=True)
    return {name: int(value) for name, value in (line.split("=") for line in done.stdout.splitlines())}


def words(names: list[str], prefix: str, blank: str) -> dict[int, str]:
    """Enumerators as Python spells them, by their values."""
    return {compiled()[name]: name[len(prefix) :].lower().replace("_", blank) for name in names if name not in C_ONLY}


def python_numbers(module: Any) -> dict[str, int]:
    return {name: value for name, value in vars(module).items() if isinstance(value, int) and name.upper() == name}


def test_every_struct_and_enum_is_known_here() -> None:
    assert set(re.findall(r"struct memtrace_(\w+) \{", bare_header())) == set(STRUCTS)
    known = "byte_order arch abi kind name_kind context stack_end state request entry flags memory required"
    known += " compression"
    assert set(enums()) == {f"memtrace_{name}" for name in known.split()}
    assert not C_ONLY - set(compiled()), "a list of this test names what is gone"


def test_tables_of_words() -> None:
    kinds = enums()
    assert words(kinds["memtrace_kind"], "MEMTRACE_", "-") == python.KINDS
    assert words(kinds["memtrace_state"], "MEMTRACE_", " ") == python.STATES
    requests = {name: number for number, name in words(kinds["memtrace_request"], "MEMTRACE_REQUEST_", "-").items()}
    assert requests == python.REQUESTS
    assert words(kinds["memtrace_byte_order"], "MEMTRACE_", "-") == python._BYTE_ORDERS
    assert words(kinds["memtrace_entry"], "MEMTRACE_ENTRY_", " ") == python.ENTRIES
    assert words(kinds["memtrace_memory"], "MEMTRACE_MEMORY_", "-") == python.MEMORIES


def test_numbers_of_the_reader_are_the_compilers() -> None:
    own = python_numbers(python)
    wrong = {}
    for name, value in own.items():
        there = SPELLED.get(name, "MEMTRACE_" + name.lstrip("_"))
        if name not in PYTHON_ONLY and compiled().get(there) != value:
            wrong[name] = (value, compiled().get(there))
    assert own and not wrong


def test_numbers_that_the_ring_repeats_are_the_compilers() -> None:
    known = {name: f"MEMTRACE{name}" for name in python_numbers(ring) if f"MEMTRACE{name}" in compiled()}
    assert known
    assert {name: getattr(ring, name) for name in known} == {name: compiled()[there] for name, there in known.items()}


def test_every_number_of_the_compilers_is_the_readers() -> None:
    tables = "kind state request entry byte_order memory".split()
    in_tables = {name for table in tables for name in enums()[f"memtrace_{table}"]}
    in_names = {SPELLED.get(name, "MEMTRACE_" + name.lstrip("_")) for name in python_numbers(python)}
    in_fields = {f"MEMTRACE_{name}_BYTES" for name in ("BUILD_ID", "ASSERT_TEXT", "ASSERT_FUNCTION")}
    in_fields.add("MEMTRACE_MAGIC_FIRST")
    every = {name for name in compiled() if name.startswith("MEMTRACE_")}
    assert every - in_tables - in_names - in_fields - C_ONLY == set()


def test_the_header_field_by_field() -> None:
    ends = {**python.HEADER_OFFSETS, "": python.HEADER_BYTES}
    assert list(python.HEADER_FIELDS) == fields("header")
    assert {f"header.{name}": at for name, at in python.HEADER_OFFSETS.items()} == {
        name: at for name, at in compiled().items() if name.startswith("header.")
    }
    assert ends[""] == compiled()["sizeof header"]
    rest = re.search(r"#define MEMTRACE_MAGIC_REST (.*)", bare_header())
    assert rest is not None
    letters = rest[1].replace("'", "").replace(", ", "").replace("\\n", "\n")
    assert bytes([compiled()["MEMTRACE_MAGIC_FIRST"]]) + letters.encode() == python.MAGIC
    for name in ("build_id", "assert_text", "assert_function"):
        assert struct.calcsize(python.HEADER_FIELDS[name]) == compiled()[f"MEMTRACE_{name.upper()}_BYTES"]


@pytest.mark.parametrize("bits", [32, 64])
def test_entries_of_the_tables(bits: int) -> None:
    size = bits // 2
    assert compiled()[f"sizeof event{bits}"] == compiled()[f"sizeof live{bits}"] == size
    live = [compiled()[f"live{bits}.{name}"] for name in fields(f"live{bits}")]
    assert live == [0, size // 4, size // 2, size * 3 // 4], "an entry is four words, as an event's"
    assert list(python.Table._fields)[:2] == fields("table")[:2]
    assert struct.calcsize("<3I") == compiled()["sizeof table"]
    name = [compiled()[f"name.{field}"] for field in ("key", "kind", "text")]
    assert (name, compiled()["sizeof name"]) == ([0, 8, 12], struct.calcsize(f"<QI{python.NAME_BYTES}s"))
