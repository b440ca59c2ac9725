# SPDX-License-Identifier: Apache-2.0
"""Imports what valgrind's DHAT and its relatives write: for each stack what it has allocated, and what was live when.

Approach: JSON, of which only the shape of version 2 is looked for: `pps`, one object a stack, and `ftbl`, the frames.
Each object is parsed alone, so that neither depth nor size of the whole can do harm, and a file that was cut off gives
what it has. Live is what was live at the end, the peak that of the whole program.
Limits: no calls, no addresses. DHAT notes a stack's own peak only now and then: those here are the largest that it
tells, and may have been larger.
"""

from __future__ import annotations

import json
import re
from typing import Any, Dict, Iterable, Iterator, List, Optional

from gdbext.model.profile import Use
from gdbext.model.said import Trouble, said
from gdbext.source.files import whole_of
from gdbext.trace.importers import ADDRESSES, EVENTS, FREE_STACKS, OWN_PEAKS, TASKS, Importer, Item, Remark, Summed
from gdbext.trace.importers.valgrind_frames import Frames, program_of

_VERSION = re.compile(r'\s*\{\s*"dhatFileVersion"\s*:\s*(\d{1,9})')
_HEAD = re.compile(rb'\s*\{\s*"dhatFileVersion"\s*:')
_FIELD = r'(?<!\\)"%s"\s*:\s*%s'
_STRING = r'"[^"\\]{0,65536}(?:\\.[^"\\]{0,65536}){0,4096}"'
_STACK = re.compile(r"[\s,]*(\{[^{}]{0,65536}\})")
_FRAME = re.compile(rf"[\s,]*({_STRING})", re.DOTALL)
_LIST = re.compile(r'"[a-z]+"\s*:\s*\[')
_NEXT = re.compile(r'[{"\]]')
_VERSIONS = ("2",)
_HIGHEST = 1 << 63
_LONGEST_HEAD = 1 << 16
_MOST_FRAMES = 255


def calls_of(chunks: Iterable[bytes], machine: int) -> Iterator[Item]:
    """Yields the sums of all stacks. Raises Trouble for what counts no heap memory, or has another version."""
    text = whole_of(iter(chunks)).decode("utf-8", "replace")
    version = _VERSION.match(text)
    if version is None or version[1] not in _VERSIONS:
        raise Trouble(said("dhat-version", version="" if version is None else version[1]))
    first = text[: max(text.find('"pps"', 0, _LONGEST_HEAD), 0) or _LONGEST_HEAD]
    if re.search(_FIELD % ("bklt", "true"), first) is None:
        mode = re.search(_FIELD % ("mode", f"({_STRING})"), first)
        raise Trouble(said("dhat-mode", mode="" if mode is None else _string(mode[1])))
    command = re.search(_FIELD % ("cmd", f"({_STRING})"), first)
    yield from program_of("" if command is None else _string(command[1]))
    frames = list(_frames(text))
    yield from _sums(text, frames)
    if not frames or not text.rstrip().endswith("}"):
        yield Remark(said("dhat-torn"), is_loss=True)


def _frames(text: str) -> Iterator[str]:
    """Yields the frames that stacks name by number. One that makes no sense keeps its number."""
    place = text.rfind('"ftbl"')
    start = None if place < 0 else _LIST.match(text, place)
    frame = None if start is None else _FRAME.match(text, start.end())
    while frame is not None:
        yield _string(frame[1])
        frame = _FRAME.match(text, frame.end())


def _sums(text: str, frames: List[str]) -> Iterator[Item]:
    """Yields the sums of all stacks."""
    place, known = text.find('"pps"'), Frames()
    start = None if place < 0 else _LIST.match(text, place)
    at = len(text) if start is None else start.end()
    while True:
        found = _STACK.match(text, at)
        items: List[Item] = []
        if found is not None:
            at, summed = found.end(), _summed(found[1], frames, known, items)
            yield from (*items, summed)
            continue
        end = _NEXT.search(text, at)
        if end is None or end[0] == "]":
            return
        yield None
        at = text.find("}", at) + 1
        if not at:
            return


def _summed(text: str, frames: List[str], known: Frames, items: List[Item]) -> Optional[Summed]:
    """Returns the sums of one stack. None: they make no sense."""
    try:
        one: Dict[str, Any] = json.loads(text)
        total, count, lifetime = (_number(one.get(name, 0)) for name in ("tb", "tbk", "tl"))
        most, most_count, at_peak, at_peak_count = (_number(one.get(name, 0)) for name in ("mb", "mbk", "gb", "gbk"))
        left, left_count = _number(one["eb"]), _number(one["ebk"])
        numbers = [_number(number) for number in one["fs"][:_MOST_FRAMES]]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    stack = known.stack([frames[number] for number in numbers if 0 < number < len(frames)], items)
    own, own_count = max(most, at_peak, left), max(most_count, at_peak_count, left_count)
    frees = max(0, count - left_count)
    return Summed(
        stack, Use(count, total, frees, 0, lifetime, left, left_count, own, own_count, at_peak, at_peak_count)
    )


def _number(value: Any) -> int:
    if type(value) is not int or not 0 <= value < _HIGHEST:
        raise ValueError(value)
    return value


def _string(text: str) -> str:
    """Returns what a string of JSON says; its own letters if it is none."""
    try:
        return str(json.loads(text, strict=False))
    except ValueError:
        return text[1:-1]


SENTENCES = {
    "dhat-sign": "JSON that begins with dhatFileVersion",
    "dhat-version": "a DHAT file of version {version}; memtrace reads version 2",
    "dhat-mode": "a DHAT file of mode {mode}, which counts no heap memory: run valgrind --tool=dhat with --mode=heap",
    "dhat-torn": "the DHAT file does not go to its end: names of frames stand there",
}
IMPORTER = Importer(
    "dhat",
    lambda head: _HEAD.match(head) is not None,
    calls_of,
    SENTENCES,
    sign=said("dhat-sign"),
    lacks=(ADDRESSES, FREE_STACKS, TASKS, EVENTS, OWN_PEAKS),
)
