# SPDX-License-Identifier: Apache-2.0
"""The names that decode puts below addresses are those of the symbol tables, for each log of the shared set."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from gdbext.console.names import Chosen
from gdbext.model.events import Frame, Stack
from gdbext.report.decode import Decoder
from gdbext.source.console_text import as_utf_8
from tests.support.console import log_bytes, manifest, symbols

PLACE = re.compile(r"^--- 0x([0-9a-f]{8}): (\S+)(?: at (.*))?$")
INLINED = re.compile(r"^--- \(inlined by\) (\S+)(?: at (.*))?$")


def tables(log: dict[str, Any]) -> dict[int, dict[str, Any]]:
    return {
        address: told
        for key in ("symbols", "symbols_second")
        if log.get(key)
        for address, told in symbols(log[key]).items()
    }


def told_at(table: dict[int, dict[str, Any]], address: int) -> list[list[str]] | None:
    """What the tables say of an address, of a PC or of the byte before a return address."""
    if address in table:
        return table[address].get("at")
    behind = table.get(address + 1, {})
    return behind.get("call", behind.get("at"))


def chosen_by(table: dict[int, dict[str, Any]]) -> Callable[[str | None, str | None], Chosen]:
    def lookup(addresses: Sequence[int]) -> Mapping[int, Stack]:
        found = {}
        for address in addresses:
            told = told_at(table, address)
            if told is not None:
                places = [(function, *where.rsplit(":", 1)) for function, where in told]
                found[address] = tuple(
                    Frame(address, function, file, int(line) if line.isdecimal() else None)
                    for function, file, line in places
                )
        return found

    return lambda sha, build_id: Chosen(lookup, None)


def named(name: str) -> list[tuple[str, list[list[str | None]]]]:
    """Each address that was named, with its frames."""
    decoder = Decoder(chosen_by(tables(manifest()[name])))
    data = log_bytes(name)
    out = b""
    for piece in as_utf_8([data]):
        out += b"".join(one for one in decoder.add(piece) if isinstance(one, bytes))
    out += b"".join(one for one in decoder.finish() if isinstance(one, bytes))
    found: list[tuple[str, list[list[str | None]]]] = []
    for line in out.decode("utf-8", "replace").splitlines():
        place, inlined = PLACE.match(line), INLINED.match(line)
        if place:
            found.append((f"0x{place[1]}", [[place[2], place[3]]]))
        elif inlined and found:
            found[-1][1].append([inlined[1], inlined[2]])
    return found


@pytest.mark.parametrize("name", [name for name, log in manifest().items() if log.get("symbols") and log["crashes"]])
def test_each_entry_of_a_backtrace_is_named_as_the_tables_say(name: str) -> None:
    log = manifest()[name]
    table = tables(log)
    found = named(name)
    for crash in log["crashes"]:
        riscv = "ra" in crash
        lined = crash.get("backtrace_from") == "Backtrace line"
        entries = crash["backtrace"] if lined else [one for one in (crash.get("pc"), crash.get("ra")) if one]
        for number, entry in enumerate(entries):
            told = table.get(int(entry, 16))
            if told is None or "at" not in told:
                continue
            expected = told.get("call", told["at"]) if riscv and number else told["at"]
            if expected[0][0] == "??":
                continue
            wanted = [[function, where] for function, where in expected]
            assert (entry, wanted) in found
