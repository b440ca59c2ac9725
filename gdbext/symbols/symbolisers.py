# SPDX-License-Identifier: Apache-2.0
"""Asks the programs that know functions and lines of addresses: llvm-symbolizer, else addr2line, else pyelftools.

Approach: one process names all addresses of a file. A program that is not there, fails, hangs, says too much or answers
other addresses than it was asked is passed over for the next. They are asked for the linker's names, which
`demangle.readable` makes readable, so that all give the same.
Names in a file may hold newlines, and a name with a newline would shift the answers behind it. llvm-symbolizer writes
JSON, which escapes them. addr2line repeats each address before its answer: they must come back each once, in order.
Rejected: a marker between two addresses (doubles the work, and a name can hold it too); a process for each address.
Cost: of 1,000 addresses in 18 MB of DWARF, 0.3 s with llvm-symbolizer, 0.9 s with addr2line, 40 s with pyelftools.
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import threading
import time
from contextlib import suppress
from typing import Dict, List, Optional, Sequence, Tuple

from gdbext.loading import load
from gdbext.model.events import Frame, Stack
from gdbext.source.files import FileError
from gdbext.source.link import Progress, Say, Task
from gdbext.symbols.demangle import is_mangled, readable
from gdbext.symbols.elf_folders import as_compiled
from gdbext.symbols.elf_head import Head
from gdbext.symbols.symbol_table import table_of
from gdbext.symbols.symbol_tools import Tool

_PATIENCE = 60.0  # seconds without a word, before a program counts as hung
_LEAST_OUTPUT, _OUTPUT_EACH, _MOST_OUTPUT = 1 << 20, 1 << 14, 1 << 28  # bytes that a program may say
_PIECE_BYTES = 1 << 16
_LONGEST_NAME = 1 << 14
_DEEPEST = 256  # inlined calls at one address
# These would have the programs ask the network, or answer in another form.
_NOT_FOR_TOOLS = ("DEBUGINFOD_URLS", "LLVM_SYMBOLIZER_OPTS", "LLVM_ADDR2LINE_OPTS")
_ADDRESS = re.compile(r"0x[0-9a-f]{8,16}")
_WHERE = re.compile(r"(.*):(\d{1,9}|\?)(?: \(discriminator \d+\))?")
_BEAT_SECONDS = 0.25

Raw = Tuple[Optional[str], Optional[str], Optional[int]]  # function as the linker names it, file, line
Answer = Dict[int, List[Raw]]  # of each place, innermost first


class _Failed(Exception):
    """A program gave no answer that can be used."""


def stacks_at(
    head: Head, places: Sequence[int], tools: Sequence[Tool], say: Optional[Say] = None, patience: float = _PATIENCE
) -> Dict[int, Stack]:
    """Returns the functions around each place of a file, innermost first, as frames whose PC is one byte behind it.
    Nothing if nobody can be asked.
    """
    asked, progress = sorted(set(places)), Progress(say, time.monotonic)
    for tool in tools if head.has_lines else ():
        try:
            answer = _ask(tool, head.path, asked, progress, patience)
        except (_Failed, OSError, ValueError, LookupError, TypeError, RecursionError):
            continue
        if tool.kind == "gnu":
            _complete(answer, head)
        return {place: _stack(place, raw) for place, raw in answer.items()}
    return (_by_pyelftools if head.has_lines else _by_symbols)(head, asked, progress)


def _stack(place: int, raw: Sequence[Raw]) -> Stack:
    frames = []
    for number, (function, file, line) in enumerate(raw, 1):
        name = None if function is None else readable(function)
        frames.append(Frame(place + 1, name, file if line else None, line, number < len(raw)))
    return tuple(frames) or (Frame(place + 1),)


def _ask(tool: Tool, path: str, places: Sequence[int], progress: Progress, patience: float) -> Answer:
    """Asks a program for all places. Raises _Failed, or what damaged JSON leads to, if it does not answer them all."""
    llvm = ["--output-style=JSON", "--inlines", "--functions=linkage", "--no-demangle", "--relativenames"]
    file = os.path.abspath(path)
    line = [tool.path, *llvm, f"--obj={file}"] if tool.kind == "llvm" else [tool.path, "-afi", "-e", file]
    environment = {name: value for name, value in os.environ.items() if name not in _NOT_FOR_TOOLS}
    process = subprocess.Popen(
        line,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**environment, "LC_ALL": "C"},
        start_new_session=True,
    )
    questions = "".join(f"{place:#x}\n" for place in places).encode()
    threading.Thread(target=_hand_over, args=(process, questions), daemon=True).start()
    try:
        most = min(_LEAST_OUTPUT + _OUTPUT_EACH * len(places), _MOST_OUTPUT)
        told = _output(process, most, len(places), progress, patience)
        if process.wait(patience):
            raise _Failed
    except subprocess.TimeoutExpired:
        raise _Failed from None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)  # with what it has started
            process.wait()
    return (_from_json if tool.kind == "llvm" else _from_lines)(told.split(b"\n"), places)


def _hand_over(process: subprocess.Popen[bytes], questions: bytes) -> None:
    """Writes to a program, which may have ended before it has read all."""
    assert process.stdin is not None
    with suppress(OSError), process.stdin as pipe:
        pipe.write(questions)


def _output(process: subprocess.Popen[bytes], most: int, total: int, progress: Progress, patience: float) -> bytes:
    """Reads what a program says, up to its end. Raises _Failed if it is silent for too long, or says too much."""
    assert process.stdout is not None
    parts: List[bytes] = []
    began = last = progress.clock()
    with process.stdout as pipe:
        while True:
            if select.select([pipe], [], [], min(_BEAT_SECONDS, patience))[0]:
                data = os.read(pipe.fileno(), _PIECE_BYTES)
                if not data:
                    return b"".join(parts)
                parts.append(data)
                most, last = most - len(data), progress.clock()
            if most < 0 or progress.clock() - last > patience:
                raise _Failed
            progress.tell(Task("names", 0, total, began))


def _from_json(lines: Sequence[bytes], places: Sequence[int]) -> Answer:
    """Reads what llvm-symbolizer says: a line of JSON for each place."""
    if len(lines) != len(places) + 1:
        raise _Failed
    answer: Answer = {}
    for place, line in zip(places, lines):
        found = json.loads(line.decode("utf-8", "replace"))
        if int(found["Address"], 16) != place:
            raise _Failed
        frames = found["Symbol"][:_DEEPEST]
        answer[place] = [
            (_word(one["FunctionName"]), _word(one["FileName"]), int(one["Line"]) or None) for one in frames
        ]
    return answer


def _from_lines(lines: Sequence[bytes], places: Sequence[int]) -> Answer:
    """Reads what addr2line says: each place, then function and line of each frame, in a line each."""
    answer: Answer = {}
    left, frames = list(reversed(places)), []
    texts = iter([line.decode("utf-8", "replace") for line in lines[:-1]])
    for text in texts:
        if text.startswith("0x") and _ADDRESS.fullmatch(text):
            frames = answer[left.pop()] = []
            if int(text, 16) != places[len(answer) - 1]:
                raise _Failed
            continue
        where = _WHERE.fullmatch(next(texts, ""))
        if where is None or len(frames) >= _DEEPEST:
            raise _Failed
        frames.append((_word(text), _word(where.group(1)), int(where.group(2).replace("?", "0")) or None))
    if left:
        raise _Failed
    return answer


def _word(text: str) -> Optional[str]:
    """Returns a name, None if it is not known."""
    return None if text in ("", "??", "<invalid>") else text[:_LONGEST_NAME]


def _complete(answer: Answer, head: Head) -> None:
    """Makes the answers of addr2line those of the others: by the symbol table where the debug information names no
    function, or one of C++ without its namespace; and with files as the compiler was told them. An inlined function of
    C++ that the linker does not know gets the name of the function around it from addr2line: it is not known.
    """
    table = table_of(head)
    mangled = any(function and function.startswith("_Z") for frames in answer.values() for function, _, _ in frames)
    files = {file for frames in answer.values() for _, file, _ in frames if file is not None}
    relative = as_compiled(files, head)
    for place, frames in answer.items():
        frames[:] = [(function, relative.get(file or "", file), line) for function, file, line in frames]
        function, file, line = frames[-1]
        symbol = table.function_at(place) if file is None or mangled else function
        if file is None or function is None or is_mangled(symbol):
            frames[-1] = (symbol, file, line)
        if mangled and len(frames) > 1 and frames[0][0] == symbol:
            frames[0] = (None, *frames[0][1:])


def _by_pyelftools(head: Head, places: Sequence[int], progress: Progress) -> Dict[int, Stack]:
    began, found = progress.clock(), {}
    try:
        program = load("symbols.elf_symbols", "ElfSymbols")(head.path, by_statement=False)
    except FileError:
        return {}
    for number, place in enumerate(places):
        progress.tell(Task("names", number, len(places), began))
        frames = program.frames_at(place)
        found[place] = _stack(place, [(frame.function, frame.file, frame.line) for frame in frames])
    return found


def _by_symbols(head: Head, places: Sequence[int], _: Progress) -> Dict[int, Stack]:
    """Names functions by the tables of symbols: the one that is packed in .gnu_debugdata has more than that of a
    stripped file.
    """
    tables = [table_of(head)]
    try:
        packed: bytes = load("symbols.packed_symbols", "packed_symbols")(head)
        tables.insert(0, load("symbols.elf_file", "ElfFile")(head.path, packed).table)
    except (FileError, ImportError):
        pass  # there is none
    found = {}
    for place in places:
        names = (table.function_at(place) for table in tables)
        found[place] = _stack(place, [(next(filter(None, names), None), None, None)])
    return found
