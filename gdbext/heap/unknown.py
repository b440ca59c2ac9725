# SPDX-License-Identifier: Apache-2.0
"""Recognises, by names alone, allocators that memtrace cannot read yet: so that a user learns why no heap was found.

A new family takes its allocator's line out of these tables.
"""

from __future__ import annotations

from typing import Iterable, Optional, Tuple

from gdbext.symbols.shapes import Program

# Names of an allocator, and the symbols of which a program that has it has all. Those that others contain come first.
_BY_SYMBOLS: Tuple[Tuple[str, Tuple[str, ...]], ...] = (
    ("mimalloc", ("mi_malloc",)),
    ("jemalloc", ("je_malloc",)),
    ("jemalloc", ("mallocx", "mallctl")),
    ("tcmalloc", ("tc_malloc",)),
    ("RT-Thread's slab", ("rt_slab_alloc",)),
    ("RT-Thread's slab", ("rt_page_alloc", "rt_malloc")),
    ("RT-Thread's memheap", ("rt_memheap_alloc", "rt_malloc")),
    ("glibc's malloc", ("_int_malloc", "main_arena")),
    ("glibc's malloc", ("__libc_malloc", "_int_free")),
    ("musl's malloc", ("__malloc_alloc_meta",)),
)
# Beginnings of the names of shared libraries.
_BY_LIBRARIES: Tuple[Tuple[str, str], ...] = (
    ("mimalloc", "libmimalloc"),
    ("jemalloc", "libjemalloc"),
    ("tcmalloc", "libtcmalloc"),
    ("musl's malloc", "ld-musl-"),
    ("musl's malloc", "libc.musl-"),
    ("uClibc's malloc", "libuClibc"),
    ("uClibc's malloc", "ld-uClibc"),
    ("glibc's malloc", "libc.so.6"),
    ("glibc's malloc", "libc-2."),
)


def unknown_allocator(program: Program) -> Optional[str]:
    """Returns the name of the allocator that a program uses and memtrace does not know, or None."""
    for name, symbols in _BY_SYMBOLS:
        if all(program.address_of(symbol) is not None for symbol in symbols):
            return name
    return allocator_of_libraries(program.libraries())


def allocator_of_libraries(paths: Iterable[str]) -> Optional[str]:
    """Returns the name of the allocator in some shared libraries, or None."""
    names = [path.rpartition("/")[2] for path in paths]
    return next((name for name, begin in _BY_LIBRARIES if any(one.startswith(begin) for one in names)), None)
