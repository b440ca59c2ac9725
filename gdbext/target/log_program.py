# SPDX-License-Identifier: Apache-2.0
"""The program that a log is of: the names of its addresses, and its symbol table where an address is asked by name.

Approach: stacks get their names from LogSymbols, in batches and from a cache. The symbol table is opened only if it is
asked: that takes more time than a whole report whose names are in the cache.
"""

from __future__ import annotations

from functools import cached_property
from typing import Iterator, Optional, Sequence, Tuple

from gdbext.loading import load
from gdbext.model.events import Stack
from gdbext.model.said import Text, said
from gdbext.symbols.log_symbols import LogSymbols
from gdbext.target.target import Code, NoProgram


class LogProgram(NoProgram):
    """The program of --elf, if there is one, and the files that the log says were loaded."""

    def __init__(self, symbols: LogSymbols, elf: Optional[str]) -> None:
        self._symbols, self._elf = symbols, elf

    @cached_property
    def _table(self) -> Code:
        program: Code = NoProgram() if self._elf is None else load("target.core", "program_symbols")(self._elf)
        return program

    def address_of(self, name: str) -> Optional[int]:
        """Returns the address of a variable or function."""
        return self._table.address_of(name)

    def size_of(self, name: str) -> Optional[int]:
        """Returns the size of a variable."""
        return self._table.size_of(name)

    def objects(self) -> Iterator[Tuple[str, int, int]]:
        """Yields name, address and size of the variables."""
        return self._table.objects()

    def name_at(self, address: int) -> Optional[str]:
        """Returns the variable or function at an address."""
        return self._table.name_at(address)

    def build_id(self) -> Optional[str]:
        """Returns the build-id of the program of --elf."""
        return self._symbols.build_id

    def frames(self, pcs: Tuple[int, ...]) -> Stack:
        """Returns the frames of a recorded stack, innermost first."""
        return self._symbols.frames(pcs)

    def facts(self) -> Sequence[Text]:
        """Returns what is known of the program."""
        named = (said("no-program"),) if self._elf is None else (said("symbols-of", file=self._elf),)
        return (*named, *self._symbols.problems)
