# SPDX-License-Identifier: Apache-2.0
"""memtrace extract, in the shell: Take a file or a partition out of a flash image, or list what is in it.

Approach: what the image does not have is not made up. A file whose end is lost is written as far as it is there, and
the exit status is 1; if nothing of it is there, nothing is written, and it is 2.
Limits: without --path a partition is taken as it is, with all its bytes.
"""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from typing import Any, Dict, Iterator, List, Sequence, Tuple

from gdbext.commands.command import Argument, Tool
from gdbext.flash.image import Area, areas_of
from gdbext.model.errors import UserError
from gdbext.model.said import Trouble
from gdbext.report.numbers import counted
from gdbext.report.printable import printable, put, say, text_of
from gdbext.report.sentences import words
from gdbext.source.files import FileError, load_file
from gdbext.source.replace import ANY_FILE, NEW_FILES, place_of, write_file
from gdbext.target.files import wanted_by
from gdbext.target.flash_files import Taken, chosen, wanted_in

_ARGUMENTS = (
    Argument("image", "a whole flash, or one partition; gzip or plain", {"metavar": "IMAGE"}),
    Argument("--partition", "look in this partition only; without --path: take the whole of it", {"metavar": "NAME"}),
    Argument("--path", "take this file", {"metavar": "FILE"}),
    Argument("--output", "write what is taken to OUT", {"metavar": "OUT"}),
    Argument("--overwrite", "replace OUT if it is there", {"action": "store_true"}),
    Argument("--list", "list the partitions and their files", {"action": "store_true"}),
    Argument("--json", "with --list: as JSON", {"action": "store_true"}),
)
_WHOLE, _PARTLY = 0, 1


def start(options: Namespace, _: List[str]) -> int:
    """Lists, or writes the file. UserError says why it cannot."""
    if bool(options.output) == options.list:
        raise UserError("give either --list, or --output OUT to take something out; see `memtrace extract --help`")
    try:
        areas = areas_of(load_file(options.image).data)
        if options.list:
            put(json.dumps(_told(areas), indent=1) if options.json else text_of(_lines(areas)), sys.stdout)
            return _WHOLE
        return _write(_taken(areas, options), options)
    except Trouble as problem:
        raise UserError(f"{options.path}: {words(problem.why)}") from None
    except FileError as problem:
        raise UserError(str(problem)) from None


def _write(taken: Taken, options: Namespace) -> int:
    """Writes what was found. Returns the exit status."""
    data, missing = taken.contents
    if missing is not None and not data:
        raise UserError(f"nothing of {taken.name} can be taken out: {words(missing)}")
    policy = ANY_FILE if options.overwrite else NEW_FILES
    try:
        write_file(place_of(options.output, policy, (options.image,)), data, policy)
    except OSError as problem:
        raise UserError(f"{options.output} cannot be written: {problem.strerror or problem}") from None
    put(printable(f"{options.output}: {taken.name}, {counted(len(data), 'byte')}"), sys.stdout)
    if missing is None:
        return _WHOLE
    say(words(missing))
    return _PARTLY


def _taken(areas: Sequence[Area], options: Namespace) -> Taken:
    """Returns the file or the partition that the options name."""
    if options.path is not None:
        return wanted_in(areas, wanted_by(options))
    among = chosen(areas, options.partition)
    if options.partition is None or len(among) > 1:
        raise UserError("say what to take: --path FILE, or --partition NAME; --list lists both")
    return Taken(among[0], None, among[0].contents())


def _told(areas: Sequence[Area]) -> Dict[str, Any]:
    return {
        "partitions": [
            {
                "name": area.name,
                "offset": area.offset,
                "size": area.size,
                "filesystem": area.kind,
                "files": [{"path": path, "length": length} for path, length in _entries(area)],
            }
            for area in areas
        ]
    }


def _entries(area: Area) -> Sequence[Tuple[str, int]]:
    return () if area.files is None else [(entry.path, entry.length) for entry in area.files.entries()]


def _lines(areas: Sequence[Area]) -> Iterator[str]:
    """Yields a line for each partition, and one for each of its files."""
    width = max(len(area.name) for area in areas)
    for area in areas:
        files = counted(len(_entries(area)), "file") if area.files is not None else ""
        line = f"{area.name:<{width}}  {area.offset:#10x}  {area.size:>13,} bytes  {area.kind or '':<8}  {files}"
        yield line.rstrip()
        yield from (f"  {length:>13,}  {path}" for path, length in _entries(area))


COMMAND = Tool(__name__, __doc__, _ARGUMENTS, start)
