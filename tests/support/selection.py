# SPDX-License-Identifier: Apache-2.0
"""Which tests `make test-quick` runs, and which wait for `make test-long`. `make test` runs all but the long ones.

Approach: node ids below tests/, quick ones by their beginnings, long ones by patterns; tests/conftest.py gives the
markers `quick` and `long` by them. Whole folders are quick but for what is named, so that a new unit test is quick by
itself. tests/unit/test_selection.py sees that every name here stands for a test, that the quick set has every heap
image and every rule, and that something of every long test runs in `make test` too.
Rejected: markers at the tests (nobody sees the set, nor what it costs).
"""

from __future__ import annotations

import re

# At most 100 s of CPU, with all workers and children: `make bench ARGS=quick` measures. What BARRED names is refused.
QUICK = (
    "cli/test_cli.py",
    "cli/test_contract.py",
    "docs/test_docs.py::test_links_lead_somewhere",
    "docs/test_docs.py::test_make_targets_in_documents_exist",
    "docs/test_sessions.py::test_generated_pages_are_current",
    "docs/test_sessions.py::test_what_troubleshooting_quotes_is_said",
    "image/",
    "unit/",
)
NOT_QUICK = (
    # The same images again: cut, damaged by seeds, in the other byte order.
    "image/test_big_endian.py",
    "image/test_cut.py::test_blocks_on_both_sides",
    "image/test_cut.py::test_damage_is_found",
    "image/test_cut.py::test_what_is_not_there",
    "image/test_damages.py",
    # Heaps that a C library's real allocator writes, in a program that a cross compiler makes.
    "image/test_apart.py::test_a_heap_is_claimed_by_no_other_family[newlib",
    "image/test_apart.py::test_a_heap_is_claimed_by_no_other_family[picolibc",
    "image/test_families.py::test_an_intact_heap_is_clean_and_its_blocks_are_listed[newlib",
    "image/test_families.py::test_an_intact_heap_is_clean_and_its_blocks_are_listed[picolibc",
    "image/test_families.py::test_damage_is_told_as_it_is[newlib",
    "image/test_families.py::test_damage_is_told_as_it_is[picolibc",
    "image/test_families.py::test_what_is_missing_is_no_damage[newlib",
    "image/test_families.py::test_what_is_missing_is_no_damage[picolibc",
    "image/test_heap_2.py::test_damage_is_told_as_it_is",
    "image/test_heaps.py::test_auto_finds_the_kind",
    # The same by a GDB or another process each; test_search.py has one that asks a real GDB.
    "image/test_heaps.py::test_a_live_heap_of_several_regions",
    "image/test_heaps.py::test_gdb_says_the_same",
    "image/test_search.py::test_check_without_a_name",
    # Megabytes to be searched.
    "image/test_search.py::test_a_heap_in_the_middle",
    "image/test_search.py::test_there_is_nothing_in",
    "image/test_shown_families.py",  # it makes them with cross compilers
    # A compiler with sanitizers for each build of the recorder, or threads for seconds.
    "unit/test_carriers_doc.py",
    "unit/test_flash_ring.py",
    "unit/test_engine.py",
    "unit/test_engine_fuzz.py",
    "unit/test_format_doc.py::test_the_ring_is_what_the_recorder_writes_today",
    "unit/test_recorder_books.py",
    "unit/test_recorder_host.py",
    "unit/test_target_heap.py",
    "unit/test_uart_frames.py",
    # Ctrl-C at each of thousands of reads.
    "unit/test_interrupted.py::test_ctrl_c_at_any_read_concludes_nothing",
    "unit/test_port_selftest.py",
    "unit/test_recorder_cpp.py",
    "unit/test_recorder_placement.py",
    "unit/test_recorder_wrap.py",
    "unit/test_recorder_structure.py",
    "unit/test_porting_doc.py",
    # Set the machine up, or collect all tests.
    "unit/test_makefile.py::test_a_folder_that_is_reached_by_a_link",
    "unit/test_makefile.py::test_setup_touches_no_network",
    "unit/test_selection.py::test_collected",
)
# Programs that no quick test may start: those of PATH whose names begin so, but for debuggers.
BARRED = ("qemu-system-", "riscv32-", "riscv64-", "xtensa-", "arm-none-eabi-")

# The same thing many times more, by patterns of the whole name: other seeds, smaller steps, more images of one layout.
# `make test` keeps something of each.
LONG = (
    # Holes at every place of heaps that are dear to walk. Of the clean a071, a072 and a083 stay; of the damaged a075,
    # a077, a080 and a104.
    r"image/test_cut\.py::test_(what_is_not_there|blocks_on_both_sides).*\[a(069|070|073|074|081|084|102|103)-.*",
    r"image/test_cut\.py::test_damage_is_found.*\[a(076|078|079|082|098|099|100|101)-.*",
    # The second thousand of the broken inputs.
    r"fuzz/test_fuzz\.py::test_broken_input.*\[(8|9|1\d)\]",
    # Ten thousand stacks and more of each program.
    r"linux/test_stacks\.py::test_stacks_are_those_of_backtrace\[.*12000.*\]",
    # The other moments of a kill.
    r"linux/test_storm\.py::test_a_kill_.*\[(1\d|[2-9]\d|1\d\d)\]",
    # Every instruction, where others take one of thirteen.
    r"target/test_stepping\.py::.*-1\]",
    # Builds that differ in their stacks only, which no sound heap shows.
    r"target/test_diagnosis\.py::test_a_sound_heap.*-(os|nofp)\]",
)
_LONG = re.compile("|".join(LONG))


def _under_tests(node: str) -> str:
    return node.removeprefix("tests/")


def is_quick(node: str) -> bool:
    """Whether `make test-quick` runs the test of this node id."""
    name = _under_tests(node)
    return name.startswith(QUICK) and not name.startswith(NOT_QUICK)


def is_long(node: str) -> bool:
    """Whether the test of this node id waits for `make test-long`."""
    return _LONG.fullmatch(_under_tests(node)) is not None


def has_quick(file: str) -> bool:
    """Whether a file of tests, by its path below the repository, may hold a quick one."""
    name = _under_tests(file)
    whole = [entry for entry in NOT_QUICK if "::" not in entry]
    return any(name.startswith(entry.split("::")[0]) for entry in QUICK) and not name.startswith(tuple(whole))
