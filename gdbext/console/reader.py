# SPDX-License-Identifier: Apache-2.0
"""Finds the crashes in the lines of a console.

Approach: a line with a sign of a crash opens one; what follows is of it: reasons, registers, a backtrace, memory. It
ends where the device starts again, where another one begins, or when so many lines have brought nothing of it. What the
start has told of device and program holds for its crashes.
Rejected: a grammar for each system (lines are lost, torn and mixed with those of other tasks; each line by itself is
what can be known).
Cost: a dozen regular expressions a line, 30 microseconds; of quiet stretches none. Memory: one crash, at most 512 lines
of it and 64 KiB of stack.
"""

from __future__ import annotations

import re
from collections import deque
from typing import Deque, Dict, Iterable, Iterator, List, Optional, Tuple, Union

from gdbext.console.dumps import (
    RISCV,
    XTENSA,
    architecture_of,
    backtrace_in,
    frame_of_gdb,
    has_pairs,
    memory_in,
    pc_of,
    registers_in,
    return_of_zephyr,
)
from gdbext.console.mending import Mender
from gdbext.console.places import call_of
from gdbext.console.words import WORDS
from gdbext.model.console import Crash, Line
from gdbext.model.events import Frame
from gdbext.source.console_lines import ConsoleLines, Passed, RawLine
from gdbext.source.console_text import as_utf_8, clean
from gdbext.trace.console_records import BEGIN, FREED, NAME, STOP, TEXT, is_begun_in, record_in

OWN = "records"  # of memtrace's console: a recorded stack
_MOST_LINES, _MOST_BEFORE, _LONGEST_KEPT = 512, 64, 4096
_MOST_STACK, _MOST_PIECES, _MOST_CALLS, _MOST_TOLD, _MOST_HEAPS = 1 << 16, 64, 1024, 1 << 12, 64
_QUIET_BEFORE, _QUIET_BEHIND = 64, 200  # lines that bring nothing, before a dump and behind it, that end a crash
_TAIL_BYTES = 1 << 13  # of a quiet stretch, in which the lines before a crash are
_LEAST_REGISTERS = 4  # of a dump: a line that says why may name one or two

# These begin a crash. One that has its dump already has ended before them.
_BEGINS = re.compile(
    r"Guru Meditation Error(?!s)|abort\(\) was called|assert failed: |[Aa]ssertion \".{0,512}\" failed"
    r"|\*\*\*ERROR\*\*\* A stack overflow|Stack smashing protect failure|CORRUPT HEAP:|Task watchdog got triggered"
    r"|[Bb]rownout detector was triggered|ESP_ERROR_CHECK failed|Exception \(\d{1,2}\):|Fatal exception"
    r"|(?:Soft|Hard) WDT reset|\*\*\* Unhandled|User exception \("
    r"|\*\*\*\*\* [A-Z -]{3,32}(?:FAULT|EXCEPTION|Exception)|\*\* FATAL EXCEPTION|mcause: \d+, |ASSERTION FAIL \["
    r"|up_assert: |(?:^|\s)_assert: |Assertion failed|EXCEPTION: [A-Z][a-z]+ |(?:up|arm)_(?:hard|mem|bus|usage)fault: "
    r"|double free checked|free null pointer|(?:free|malloc|realloc|calloc|munmap_chunk|_int_\w+)\(\): [a-z]"
    r"|corrupted (?:size|double|unsorted)|double free or corruption|\*\*\* Error in `|\*\*\* stack smashing"
    r"|\*\*\* buffer overflow|terminate called|AddressSanitizer: |\*\*\* PANIC \*\*\*|Hard ?[Ff]ault|MbedOS Fault"
    r"|Malloc [Ff]ailed|stack overflow in task|[Ss]tack overflow (?:detected )?in |Asserted at |HEAP CORRUPT"
    r"|[Nn]o poison (?:before|after) (?:the )?block|to free a bad data block|ASSERT failed"
    r"|thread:\S{1,32} stack overflow"
    r"|CRASH DETECTED|panicked at |assertion failed|MT1 X |hard fault on (?:thread|handler)|- assert failed!"
    r"|^Abort called|[Ee]xception (?:occurred )?'[A-Z]|(?i:\bassert(?:ion|ed)?\b).{0,200}\bheap_[1-5]\.c"
)
# These are of a crash, and begin one if there is none.
_BELONGS = re.compile(
    r"ZEPHYR FATAL ERROR|Debug exception reason|Core +\d register dump|>>>stack>>>|PANIC!!!|Aborted|Segmentation fault"
    r"|Mem alloc fail|[Ff]ailed to alloc|last failed alloc|memory exhausted|MemoryError|std::bad_alloc|Kernel panic"
    r"|CUT HERE FOR EXCEPTION DECODER|(?:^|: |\] )[Oo]ut of memory|memory allocation of \d+ bytes failed|lloc failed"
)
# ESP8266: a second print of the same exception, of the code behind the one that printed it first.
_FIRST_PRINT, _SECOND_PRINT = re.compile(r"Fatal exception \d"), re.compile(r"^Exception \(\d{1,2}\):")
_ENDS = re.compile(
    r"Rebooting\.\.\.|CPU halted|Halting system|<<<stack<<<|Entering gdb stub|Aborted \(core dumped\)|Fatal fault in \w"
)
_STARTS = re.compile(r"ESP-ROM:|^ ?ets [A-Z][a-z]{2} +\d|rst:0x[0-9a-f]{1,2} \(|\*\*\* Booting |NuttShell \(NSH\)")
_SYSTEM = re.compile(r"\*\*\* Booting |NuttShell \(NSH\)")  # they start behind a boot loader
_FIRST_LINES = 6  # of a start may say again that it is one
_RESET = re.compile(r"rst:0x([0-9a-f]{1,2}) \((\w{1,32})\)|rst cause:(\d)")
_BAD_RESET = re.compile(r"WDT|BROWN|PANIC|GLITCH|LOCKUP|PWR_")
_WATCHDOG_OF_ESP8266 = "4"
_SHA = re.compile(r"ELF file SHA256: +(?!0{8,64}\b)([0-9a-f]{8,64})")  # zeros: none
_BUILD_ID = re.compile(r"build-id[ :=]+([0-9a-f]{8,64})")
_HEAP = re.compile(r"heap_init: At ([0-9A-F]{8}) len ([0-9A-F]{8}) ")
_CHIP = re.compile(r"ESP-ROM:(esp32\w{1,3})|boot\.(esp32\w{0,3}):")
_ESP32_ROM, _ESP8266_ROM = re.compile(r"^ ?ets (?:Jun|Jul) +\d"), re.compile(r"^ ?ets Jan +8 2013|rst cause:")
_IDF = re.compile(r"(?:cpu_start|app_init): ESP-IDF: +(\S{1,64})")
_ZEPHYR = re.compile(r"\*\*\* Booting Zephyr OS (?:build |version )?v?(\S{1,64}) \*\*\*")
_NUTTX = re.compile(r"Current Version: NuttX +(\S{1,32})|NuttShell \(NSH\)(?: NuttX-(\S{1,32}))?")
_TOLD = re.compile(
    r"(?:--- |^ ?|^WARNING Decoded )(?:0x([0-9a-f]{8,16}): |\(inlined by\) )((?:operator )?[A-Za-z_~<][^\s(]{0,255})"
    r"(?:.{0,256}? at (\S{1,256}?)(?::| line )(\d{1,9})\b)?"
)
_CORE = re.compile(r"Core +(\d)|on (?:core|CPU) ?(\d)|CPU ?(\d)")
_TASK = re.compile(
    r"stack overflow in task (\S{1,32})|Current thread: 0x[0-9a-f]+ \((.{1,32}?)\)|task: (?:CPU\d: )?(\S{1,32})"
    r"|watchpoint triggered \((.{1,32}?)\)"
)


# A frame as GDB shows it has the arguments, and so the words of the assertion once more.
_OF_GDB = re.compile(r"^\s*(?:#\d+ +)?(?:0x[0-9a-f]+ in )?[\w:~<>]{1,256} \(.{0,1024}\) at |@entry=")


class _Start:
    """What a device has told since it started."""

    def __init__(self, number: int = 0) -> None:
        self.number = number
        self.chip: Optional[str] = None
        self.framework: Optional[str] = None
        self.sha: Optional[str] = None
        self.build_id: Optional[str] = None
        self.heaps: List[Tuple[int, int]] = []
        self.names: Dict[int, str] = {}  # of tasks, as records of memtrace's console number them
        self.age = 0  # lines since the last one that devices write first

    def take(self, text: str) -> None:
        """Takes a line."""
        chip = _CHIP.search(text)
        if chip:
            self.chip = chip[1] or chip[2]
        elif self.chip is None and (_ESP32_ROM.search(text) or _ESP8266_ROM.search(text)):
            self.chip = "esp32" if _ESP32_ROM.search(text) else "esp8266"
        for pattern, name in ((_IDF, "ESP-IDF"), (_ZEPHYR, "Zephyr"), (_NUTTX, "NuttX")):
            found = pattern.search(text)
            if found:
                version = next(filter(None, found.groups()), "").lstrip("v")
                self.framework = f"{name} {version}".strip()
        own = record_in(text) if is_begun_in(text) else None
        if own is not None and own.kind == NAME and len(self.names) < _MOST_TOLD:
            self.names[own.number(0) or 0] = own.word(1)
        if own is not None and own.kind == BEGIN:
            self.build_id = own.build_id or self.build_id
        sha, build_id, heap = _SHA.search(text), _BUILD_ID.search(text), _HEAP.search(text)
        self.sha = sha[1] if sha else self.sha
        self.build_id = build_id[1] if build_id else self.build_id
        if heap and len(self.heaps) < _MOST_HEAPS:
            self.heaps.append((int(heap[1], 16), int(heap[2], 16)))


class _Open:
    """A crash that is being read."""

    def __init__(self, line: Line, before: Iterable[Line], start: _Start) -> None:
        self.line, self.before, self.start = line.number, tuple(before), start
        self.lines: List[Line] = []
        self.registers: Dict[str, int] = {}
        self.calls: List[int] = []
        self.by = ""
        self.stack: List[Tuple[int, bytearray]] = []
        self.stack_size = 0
        self.quiet = 0
        self.is_corrupted = self.has_ended = self.is_in_memory = self.has_pairs = False
        self.is_double_free = False  # and of both frees there are records of memtrace's console
        self.sha: Optional[str] = None
        self.stopped_in: Optional[int] = None  # the number of a task, in records of memtrace's console

    @property
    def has_dump(self) -> bool:
        """Tells whether a dump has been read."""
        return len(self.registers) >= _LEAST_REGISTERS or bool(self.calls)

    def keep(self, line: Line) -> None:
        """Keeps a line that may say why."""
        if len(self.lines) < _MOST_LINES:
            text = line.text
            self.lines.append(line if len(text) <= _LONGEST_KEPT else Line(line.number, text[:_LONGEST_KEPT]))

    def dump(self, text: str) -> bool:
        """Takes a line of a dump. False if it is none."""
        is_backtrace = self._backtrace(text)
        self.is_in_memory = not is_backtrace and self._memory(text)
        return is_backtrace or self.is_in_memory or self._registers(text)

    def _registers(self, text: str) -> bool:
        found = registers_in(text, bool(self.registers) and self.quiet < 4)
        for name, value in found:
            self.registers.setdefault(name, value)
        return bool(found)

    def _memory(self, text: str) -> bool:
        found = memory_in(text)
        if found is None:
            return False
        address, data = found
        if self.stack_size + len(data) <= _MOST_STACK:
            last = self.stack[-1] if self.stack else None
            if last is not None and last[0] + len(last[1]) == address:
                last[1].extend(data)
            elif len(self.stack) < _MOST_PIECES:
                self.stack.append((address, bytearray(data)))
            self.stack_size += len(data)
        return True

    def _backtrace(self, text: str) -> bool:
        told, calls = frame_of_gdb(text), self._own(text) or backtrace_in(text)
        back = return_of_zephyr(text) if self.registers and told is None and not calls else None
        if told is not None and self.by in ("", "gdb"):
            number, address, _ = told
            pc = pc_of(self.registers) if number == 0 and address is None else address
            self._add([] if pc is None else [pc], "gdb")
        elif back is not None:
            self._add([back], "line")
        elif calls and self.by == OWN and not is_begun_in(text):
            pass  # the same calls once more, for a monitor that does not know the record
        elif calls and (self.by != "line" or len(calls) == 1):
            self.calls = self.calls if self.by == "line" else []
            self.has_pairs |= has_pairs(text)
            self._add(calls, OWN if is_begun_in(text) else "line")
            self.is_corrupted |= "CORRUPTED" in text
        return bool(told is not None or back is not None or calls)

    def _own(self, text: str) -> List[int]:
        """Takes a record of memtrace's console; returns the calls that lead to the stop that it tells of."""
        found = record_in(text) if is_begun_in(text) else None
        if found is not None and found.kind == TEXT:
            self.keep(Line(self.lines[-1].number if self.lines else self.line, found.words))
        if found is not None and found.kind == FREED and self.is_double_free:
            self.keep(Line(self.line, f"freed twice: 0x{found.number(0) or 0:x}"))
        if found is None or found.kind != STOP:
            return []
        self.stopped_in, self.is_double_free = found.number(2), found.word(0) == "double-free"
        return list(found.pcs)

    def _add(self, calls: List[int], by: str) -> None:
        self.calls.extend(calls[: _MOST_CALLS - len(self.calls)])
        self.by = by


class Reader:
    """Reads one console. Lines come in order; what has no words of interest may be handed over unread."""

    def __init__(self) -> None:
        self.start = _Start()
        self.lines = 0  # that were read
        self.told: Dict[int, Frame] = {}
        self._told_at: Optional[int] = None
        self._before: Deque[Line] = deque(maxlen=_MOST_BEFORE)
        self._tail: Tuple[int, bytes] = (0, b"")  # of the last quiet stretch: number of the line behind it, its end
        self._open: Optional[_Open] = None
        self._ended: List[Line] = []  # the last lines of the start before

    def passed(self, raw: bytes, lines: int, number: int) -> Iterator[Crash]:
        """Takes a quiet stretch: its bytes, the lines in it, and the number of the line behind it."""
        self.lines += lines
        self.start.age += lines
        self._tail = number, (self._tail[1] + raw[-_TAIL_BYTES:])[-_TAIL_BYTES:]
        if self._open is not None:
            self._open.quiet += lines
            if self._open.quiet > _QUIET_BEHIND:
                yield from self.finish()

    def add(self, line: Line) -> Iterator[Crash]:
        """Takes a line, and yields a crash that has ended."""
        self._take_tail()
        self.lines += 1
        text = line.text
        if _STARTS.search(text):
            yield from self._started(line)
        else:
            self.start.age += 1
        self.start.take(text)
        self._take_told(text)
        if self._open is not None and self._has_ended(text):
            yield from self.finish()
        begins = None if _OF_GDB.search(text) or (is_begun_in(text) and "MT1 X " not in text) else _BEGINS.search(text)
        if begins and self._open is not None and self._is_over(self._open, text):
            yield from self.finish()
        if self._open is None and (begins or _BELONGS.search(text) or self._is_dump(text)):
            self._open = _Open(line, list(self._before), self.start)
        if self._open is not None:
            self._take(self._open, line, bool(begins or _BELONGS.search(text)))
        else:
            self._before.append(line)

    @property
    def current(self) -> Optional[Crash]:
        """The crash that is being read, as far as it has come."""
        return None if self._open is None else self._made(self._open)

    @property
    def sha256(self) -> Optional[str]:
        """The digits of the program's sum that the text has told."""
        return (self._open.sha if self._open is not None else None) or self.start.sha

    @property
    def is_in_memory(self) -> bool:
        """Tells whether the last line showed memory."""
        return self._open is not None and self._open.is_in_memory

    @property
    def architecture(self) -> Optional[str]:
        """That of the crash that is being read, else that of the device."""
        found = None if self._open is None else architecture_of(list(self._open.registers))
        return found or architecture_of_chip(self.start.chip)

    @property
    def is_in_dump(self) -> bool:
        """Tells whether registers are being read."""
        return self._open is not None and bool(self._open.registers)

    def finish(self) -> Iterator[Crash]:
        """Yields the crash that is being read."""
        found, self._open = self._open, None
        if found is not None:
            yield self._made(found)
            for line in found.lines[-_MOST_BEFORE:]:
                self._before.append(line)

    def _is_over(self, crash: _Open, text: str) -> bool:
        """Tells whether a crash has ended before a line that begins one."""
        is_again = _SECOND_PRINT.search(text) and len(crash.lines) < _FIRST_LINES and crash.lines
        if is_again and _FIRST_PRINT.search(crash.lines[0].text):
            return False
        return crash.has_dump or crash.has_ended

    def _take(self, crash: _Open, line: Line, is_sign: bool) -> None:
        if crash.dump(line.text):
            crash.quiet = 0
            if not is_sign:
                return
        sha = _SHA.search(line.text)
        crash.sha = sha[1] if sha else crash.sha
        crash.has_ended |= bool(_ENDS.search(line.text))
        crash.quiet = 0 if is_sign else crash.quiet + bool(line.text.strip())
        crash.keep(line)

    def _has_ended(self, text: str) -> bool:
        assert self._open is not None
        most = _QUIET_BEHIND if self._open.has_dump else _QUIET_BEFORE
        return self._open.quiet > most or (self._open.has_ended and self._open.quiet > 3 and not _RESET.search(text))

    def _started(self, line: Line) -> Iterator[Crash]:
        """Takes a line that a device writes when it starts. The one with the reset's reason ends the crash before."""
        reset, system = _RESET.search(line.text), _SYSTEM.search(line.text)
        ended = self._ended if self.start.age < _FIRST_LINES else list(self._before)
        if self.start.framework if system else self.start.age >= _FIRST_LINES:
            self._ended = ended
            self.start = _Start(self.start.number + 1)
            self._before.clear()
        self.start.age = 0
        if reset and self._open is None and (_BAD_RESET.search(reset[2] or "") or reset[3] == _WATCHDOG_OF_ESP8266):
            self._open = _Open(line, ended, self.start)
        if reset and self._open is not None:
            self._open.keep(line)
            yield from self.finish()

    def _is_dump(self, text: str) -> bool:
        calls = backtrace_in(text)
        return bool(calls) or bool(registers_in(text, False))

    def _take_told(self, text: str) -> None:
        told = _TOLD.search(text)
        if told is None:
            self._told_at = None
        elif told[1] is not None and len(self.told) < _MOST_TOLD:
            self._told_at = int(told[1], 16)
            line = None if told[4] is None else int(told[4])
            self.told.setdefault(self._told_at, Frame(self._told_at, told[2], told[3], line))

    def _take_tail(self) -> None:
        """Reads the last lines of a quiet stretch: they stand before what comes now."""
        (number, tail), self._tail = self._tail, (0, b"")
        texts = tail.split(b"\n")[:-1][-_MOST_BEFORE:]
        for place, text in enumerate(texts, number - len(texts)):
            self._before.append(Line(place, clean(text)))

    def _made(self, found: _Open) -> Crash:
        start, registers = found.start, found.registers
        text = "\n".join(line.text for line in found.lines)
        architecture = architecture_of(list(registers)) or architecture_of_chip(start.chip)
        architecture = architecture or (XTENSA if found.has_pairs else None)
        pc = pc_of(registers)
        is_place = found.by != OWN and (pc is None or found.calls[:1] == [pc])  # of the first one: no return address
        # Its dumps end with a sum, or with a new start; users cut behind the backtrace, which is all there is to lose.
        is_whole = architecture == XTENSA and ((found.by == "line" and len(found.calls) > 1) or "depc" in registers)
        is_espressif = architecture in (RISCV, XTENSA) and not (start.framework or "").startswith(("Zephyr", "NuttX"))
        task, core = _TASK.search(text), _CORE.search(text)
        return Crash(
            line=found.line,
            lines=tuple(found.lines),
            before=found.before,
            start=start.number,
            heaps=tuple(start.heaps),
            told=tuple(self.told.values()),
            chip=start.chip,
            framework=start.framework,
            architecture=architecture,
            task=next(filter(None, task.groups()), None) if task else start.names.get(found.stopped_in or 0),
            core=int(next(filter(None, core.groups()), "0")) if core else None,
            registers=tuple(registers.items()),
            pc=pc,
            backtrace=tuple(found.calls),
            calls=tuple([call_of(one, architecture, not at and is_place) for at, one in enumerate(found.calls)]),
            backtrace_by=found.by,
            is_corrupted=found.is_corrupted,
            stack=tuple([(address, bytes(data)) for address, data in found.stack]),
            elf_sha256=found.sha or start.sha,
            build_id=start.build_id,
            is_cut=bool(registers) and is_espressif and not found.sha and not found.has_ended and not is_whole,
        )


def architecture_of_chip(chip: Optional[str]) -> Optional[str]:
    """Returns the architecture of a chip of Espressif's."""
    if chip is None:
        return None
    return XTENSA if chip in ("esp32", "esp8266", "esp32s2", "esp32s3") else RISCV


def crashes_of(lines: Iterable[Line]) -> Iterator[Crash]:
    """Yields the crashes that lines tell of, in order."""
    reader, mender = Reader(), Mender()
    for line in lines:
        for mended in mender.add(line, len(line.text)):
            yield from reader.add(mended)
    for mended in mender.finish():
        yield from reader.add(mended)
    yield from reader.finish()


def crashes_in(chunks: Iterable[bytes]) -> Iterator[Crash]:
    """Yields the crashes in the bytes of a console, in order."""
    reading = Reading()
    for chunk in as_utf_8(chunks):
        yield from reading.add(chunk)
    yield from reading.finish()


class Reading:
    """Reads the bytes of a console, UTF-8 or nearly so."""

    def __init__(self) -> None:
        self.lines, self.mender, self.reader = ConsoleLines(WORDS), Mender(), Reader()

    def add(self, data: bytes) -> Iterator[Crash]:
        """Takes the next bytes and yields the crashes that have ended."""
        for piece in self.lines.add(data):
            yield from self.take(piece)

    def finish(self) -> Iterator[Crash]:
        """Yields what is left when nothing comes any more."""
        for piece in self.lines.finish():
            yield from self.take(piece)
        for line in self.mender.finish():
            yield from self.reader.add(line)
        yield from self.reader.finish()

    def take(self, piece: Union[Passed, RawLine]) -> Iterator[Crash]:
        """Takes a piece of the text."""
        if isinstance(piece, Passed):
            for line in self.mender.finish():
                yield from self.reader.add(line)
            yield from self.reader.passed(piece.raw, piece.lines, piece.number)
            return
        for line in self.mender.add(Line(piece.number, piece.text), piece.width):
            yield from self.reader.add(line)
