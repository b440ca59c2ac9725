# SPDX-License-Identifier: Apache-2.0
"""Takes the facts out of the lines of a crash: marks, the assertion, the panic, what was refused, tasks of a watchdog.

Approach: each kind of line has its pattern; a line may hold several facts, and what other tasks print in between fits
none. Nothing is concluded here.
Cost: some dozen searches a line, of at most 576 lines a crash.
"""

from __future__ import annotations

import re
from typing import Iterable, List, Match, Optional, Pattern, Tuple

from gdbext.analyse.console.messages import FAILED_ALLOCATION, MESSAGES, REFUSED, Message
from gdbext.model.console import Crash, Line
from gdbext.model.record import Record

_HEX = r"0x[0-9a-fA-F]{1,16}"
_MARK = re.compile(
    rf"Bad (?P<kind>head|tail) at (?P<at>{_HEX})(?:\. Expected (?P<expected>{_HEX})(?: got (?P<got>{_HEX}))?)?"
)
_DATA = re.compile(rf"Invalid data at (?P<at>{_HEX})(?:\. Expected (?P<expected>{_HEX})(?: got (?P<got>{_HEX}))?)?")
_OWN_CHECK = re.compile(rf"CORRUPT HEAP: multi_heap\.c:(\d+) detected at ({_HEX})")
_CORRUPT = re.compile(r"CORRUPT HEAP|heap (?:is )?corrupt(?:ed|ion)? (?:detected|found|at)|Heap corruption detected")
_ASSERTIONS = (
    re.compile(r"assert failed: (?P<function>[\w:~<>]+)\s+(?P<file>\S+?):(?P<line>\d+) \((?P<what>.{0,400})\)"),
    re.compile(r"assert failed: (?P<function>[\w:~<>]+)\s+(?P<file>\S+?):(?P<line>\d+)(?P<what>)"),
    re.compile(
        r'assertion "(?P<what>.{0,400}?)" failed: file "(?P<file>[^"]*)", line (?P<line>\d+)'
        r"(?:, function: (?P<function>.+))?"
    ),
    re.compile(r"ASSERTION FAIL \[(?P<what>.{0,400})\] @ (?P<file>\S+?):(?P<line>\d+)(?P<function>)"),
    re.compile(
        r"[Aa]ssertion failed ?(?P<what>.{0,400}?): ?at file: ?(?P<file>\S+?)(?::| line: ?)(?P<line>\d+)"
        r"(?: task(?:\([^)]*\))?: ?(?P<task>\S+))?(?P<function>)"
    ),
    re.compile(
        r"(?P<file>[\w./-]{1,200}\.\w{1,4}):(?P<line>\d+): (?P<function>.{1,200}?): Assertion "
        r"[`'](?P<what>.{0,400})' failed"
    ),
    re.compile(r'Assertion "(?P<what>.{0,400})" failed at line (?P<line>\d+) in (?P<file>\S+)(?P<function>)'),
    re.compile(
        r"\((?P<what>.{0,400})\) assertion failed at function:(?P<function>\w+), line number:(?P<line>\d+)(?P<file>)"
    ),
    re.compile(r"(?P<file>[\w./\\-]{1,200}\.\w{1,4}):(?P<line>\d+) \((?P<function>\w+)\) ?- assert failed(?P<what>)"),
    re.compile(r"panicked at '(?P<what>.{0,400})', (?P<file>\S{1,200}):(?P<line>\d+):\d+(?P<function>)"),
    re.compile(r"panicked at (?P<file>[^\s']{1,200}):(?P<line>\d+):\d+(?P<what>)(?P<function>)"),
    re.compile(r"Panic (?P<file>\S+?):(?P<line>\d+) (?P<function>\w+)(?:: Assertion '(?P<what>.{0,400}?)' failed)?"),
    re.compile(
        r"(?i)assert(?:ion)?(?: failed|ed| fail)?\b(?P<what>[^:]{0,100}?):? *(?:in |at |file:? {0,4}){1,3}"
        r"(?P<file>[\w./\\-]{1,200}\.(?:c|h|cpp))(?:[ :,]+(?:line:? *)?)(?P<line>\d+)(?P<function>)"
    ),
)
_SILENT = re.compile(rf"assert failed: ({_HEX})\s*$")
_PANIC = re.compile(
    r"panic'ed \(([^)]*)\)?|Guru Meditation Error of type (.{1,64}?) occurred|[Ee]xception (?:occurred )?'([^']{1,64})'"
)
_ABORT = re.compile(rf"abort\(\) was called at PC ({_HEX})")
_ERROR_CHECK = re.compile(r"ESP_ERROR_CHECK failed: esp_err_t (0x[0-9a-fA-F]+|-?\d+)(?: \((\w+)\))?")
_EXCEPTION = re.compile(r"(?:^|\s)(?:Fatal )?[Ee]xception \(?(\d{1,2})\)?")
_FATAL = re.compile(r"ZEPHYR FATAL ERROR (\d+): ?(.*?)(?: on CPU \d+)?$")
_ARM_FAULT = re.compile(
    r"\*{5} (.{3,40}?) \*{5}|AddressSanitizer: ([A-Z]{2,8}) on "
    r"|\b(Hard ?[Ff]ault|hard fault(?= on )|MemManage|BusFault|UsageFault)\b"
)
_NUTTX = re.compile(r"EXCEPTION: ([\w /]+)\. ")
_SIGNAL = re.compile(r"(Segmentation fault|Bus error|Illegal instruction|Floating point exception|SIGSEGV|SIGBUS)")
_NUMBER_AT = re.compile(
    r"(?:MTVAL|mtval|EXCVADDR|excvaddr|BFAR Address|MMFAR Address|BFAR|MMFAR)\s*[:=]\s*(?:0x)?([0-9a-fA-F]{8})\b"
)
_FAILED_CALL = re.compile(r"last failed alloc call: (?:0x)?([0-9A-Fa-f]{8})\((\d+)\)")
_TOTAL = re.compile(r"free (\d+) allocated (\d+) min_free (\d+) largest_free_block (\d+)")
_OF_ONE_HEAP = re.compile(r"(?i) at 0x")
_WATCHDOG = re.compile(
    r"(?i)task watchdog got triggered|wdt timeout|\bsoft wdt reset|watchdog (?:expired|timeout|timed out|triggered)"
    r"|\bwdt reset|rst cause:4,"
)
_WATCHED = re.compile(r"^(?:\W*\w* ?\(\d+\) task_wdt: )? *- ([^\n]{1,24}?)(?: \(CPU [\d/]+\))?\s*$")
_RUNNING = re.compile(r"CPU (\d): ([^\n]{1,16}?)\s*$")
_MISSED, _RUN = re.compile(r"did not (?:reset|feed) the watchdog"), re.compile(r"Tasks currently running")
_RESET = re.compile(r"\brst:(0x[0-9a-fA-F]+) \((\w+)\)")
_BROWN_OUT = re.compile(r"(?i)brown-?out detector was triggered|BROWN_?OUT")
_TASK = re.compile(
    r"(?:Current thread: 0x[0-9a-f]+|task(?:\([^)]*\))?:) \(?([\w.-]{1,24})"
    r"|Detected in task \"([^\"]{1,16})\""
)
_FILLED = re.compile(r"(?:Running|RUNNING).{0,120}?\s(\d+)\s+(\d+)\s+(\d+\.\d)%(!?)\s+(\S+)")
_MESSAGES_BEFORE = 4  # and that may be the message itself
_MOST = 16
_LONGEST = 1024  # characters of a line that are looked at
_REASONS_BEFORE = 24  # lines before a crash that may say what was refused


class Mark(Record):
    """A mark or a fill that a check did not find."""

    kind: str  # head, tail, or data
    address: int
    expected: Optional[int]
    got: Optional[int]
    is_byte: bool = False  # expected and got are a byte


class Assertion(Record):
    """A failed assertion. Empty where the text does not tell."""

    function: str
    file: str
    line: int
    what: str


class Facts(Record):
    """The facts of one crash."""

    marks: Tuple[Mark, ...]
    is_corrupt: bool  # the text itself says that a heap is damaged
    own_check: Optional[Tuple[int, int]]  # of multi_heap.c: line, address
    assertion: Optional[Assertion]
    silent: Optional[int]  # address of an assertion without text
    message: Optional[Message]
    at: Optional[int]  # address that the message names
    task: Optional[str]
    size: Optional[int]  # of the allocation that was refused
    caps: Optional[int]
    caller: Optional[int]
    is_refused: bool  # an allocation was refused right before
    free: Optional[Tuple[int, int, int]]  # of a summary of all heaps: free, allocated, largest free block
    panic: Optional[str]
    abort: Optional[int]
    error: Optional[str]  # of ESP_ERROR_CHECK
    exception: Optional[int]  # of ESP8266
    fatal: Optional[Tuple[int, str]]  # of Zephyr
    fault: Optional[str]  # as ARM, NuttX or Linux call it
    fault_address: Optional[int]
    has_watchdog: bool
    watched: Tuple[str, ...]
    running: Tuple[Tuple[int, str], ...]
    reset: Optional[Tuple[str, str]]  # code and name
    is_brown_out: bool
    filled: Optional[Tuple[str, int]]  # a running task whose stack is full: name, percent


def facts_of(crash: Crash) -> Facts:
    """Returns the facts of a crash."""
    texts, before = _texts(crash.lines), _texts(crash.before[-_REASONS_BEFORE:])
    everything = [*before, *texts]
    message, found = _message([*before[-_MESSAGES_BEFORE:], *texts])
    refused = _first(FAILED_ALLOCATION, everything) or _refusal(everything)
    call, own = _first(_FAILED_CALL, texts), _first(_OWN_CHECK, texts)
    panic, silent, abort = _first(_PANIC, texts), _first(_SILENT, texts), _first(_ABORT, texts)
    exception, fatal = _first(_EXCEPTION, texts), _first(_FATAL, texts)
    reset, task = _first(_RESET, texts), _first(_TASK, texts)
    address = _first(_NUMBER_AT, texts)
    error = _first(_ERROR_CHECK, texts)
    return Facts(
        tuple(_marks(texts))[:_MOST],
        any(_CORRUPT.search(text) for text in texts),
        None if own is None else (int(own[1]), int(own[2], 16)),
        _assertion(texts),
        None if silent is None else int(silent[1], 16),
        message,
        _number(found, "at"),
        _named(found, "task") or (task[1] or task[2] if task else None),
        _number(found, "size") or (int(call[2]) if call else None) or _size(refused),
        _number(found, "caps") or _number(refused, "caps"),
        int(call[1], 16) if call else None,
        refused is not None or call is not None,
        _total(everything),
        None if panic is None else next(filter(None, panic.groups()), "").strip(),
        None if abort is None else int(abort[1], 16),
        None if error is None else error[2] or error[1],
        None if exception is None else int(exception[1]),
        None if fatal is None else (int(fatal[1]), fatal[2]),
        _fault(texts),
        _fault_address(crash, address),
        any(_WATCHDOG.search(text) for text in texts),
        tuple(_watched(texts)),
        tuple(_running(texts)),
        None if reset is None else (reset[1], reset[2]),
        any(_BROWN_OUT.search(text) for text in texts),
        _filled(texts),
    )


def _texts(lines: Iterable[Line]) -> List[str]:
    return [line.text[:_LONGEST] for line in lines]


def _first(pattern: Pattern[str], texts: Iterable[str]) -> Optional[Match[str]]:
    return next(filter(None, map(pattern.search, texts)), None)


def _named(match: Optional[Match[str]], name: str) -> Optional[str]:
    return match[name] if match is not None and name in match.re.groupindex and match[name] else None


def _number(match: Optional[Match[str]], name: str) -> Optional[int]:
    text = _named(match, name)
    return None if text is None else int(text, 0) if text[:2].lower() == "0x" else int(text)


def _size(refused: Optional[Match[str]]) -> Optional[int]:
    return next((size for size in (_number(refused, name) for name in ("size", "more", "asked")) if size), None)


def _message(texts: List[str]) -> Tuple[Optional[Message], Optional[Match[str]]]:
    """Returns the row of the first line that has one: what follows a message is of its handler. Another line of the
    same message may have the address.
    """
    first: Optional[Message] = None
    match: Optional[Match[str]] = None
    for text in texts:
        for row in MESSAGES if first is None else [one for one in MESSAGES if one.words == first.words]:
            found = row.pattern.search(text)
            if found and (match is None or (_named(found, "at") and not _named(match, "at"))):
                first, match = first or row, found
                break
    return first, match


def _refusal(texts: List[str]) -> Optional[Match[str]]:
    return next((found for found in map(REFUSED.search, reversed(texts)) if found), None)


def _marks(texts: Iterable[str]) -> Iterable[Mark]:
    for text in texts:
        for pattern in (_MARK, _DATA):
            for found in pattern.finditer(text):
                expected, got = _number(found, "expected"), _number(found, "got")
                is_byte = len(_named(found, "expected") or "0x00000000") <= len("0xfe")
                yield Mark(_named(found, "kind") or "data", int(found["at"], 16), expected, got, is_byte)


def _assertion(texts: Iterable[str]) -> Optional[Assertion]:
    for text in texts:
        for pattern in _ASSERTIONS:
            found = pattern.search(text)
            if found:
                parts = {name: (found[name] or "").strip() for name in ("function", "file", "what")}
                return Assertion(parts["function"], parts["file"], int(found["line"]), parts["what"])
    return None


def _total(texts: List[str]) -> Optional[Tuple[int, int, int]]:
    """Returns the last total of a summary. Its line has no address in front."""
    totals = [found for found in map(_TOTAL.search, texts) if found and not _OF_ONE_HEAP.search(found.string)]
    return (int(totals[-1][1]), int(totals[-1][2]), int(totals[-1][4])) if totals else None


def _fault(texts: List[str]) -> Optional[str]:
    for pattern in (_ARM_FAULT, _NUTTX, _SIGNAL):
        found = _first(pattern, texts)
        if found:
            return str(next(filter(None, found.groups()))).strip()
    return None


def _fault_address(crash: Crash, found: Optional[Match[str]]) -> Optional[int]:
    registers = crash.named_registers
    told = (registers[name] for name in ("mtval", "excvaddr", "bfar", "mmfar") if name in registers)
    return next(told, None if found is None else int(found[1], 16))


def _watched(texts: List[str]) -> Iterable[str]:
    """The tasks that did not reset the watchdog: behind its headline, until those that run are listed."""
    listing = False
    for text in texts:
        if "running" in text and listing:
            return
        found = _WATCHED.search(text) if listing else None
        if found:
            yield found[1]
        listing = listing or _MISSED.search(text) is not None


def _running(texts: List[str]) -> Iterable[Tuple[int, str]]:
    listing = False
    for text in texts:
        found = _RUNNING.search(text) if listing else None
        if found and "backtrace" not in text:
            yield int(found[1]), found[2]
        listing = listing or _RUN.search(text) is not None


def _filled(texts: Iterable[str]) -> Optional[Tuple[str, int]]:
    found = _first(_FILLED, texts)
    return (found[5], int(float(found[3]))) if found and float(found[3]) >= 100 else None
