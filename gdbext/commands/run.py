# SPDX-License-Identifier: Apache-2.0
"""memtrace run, in the shell: Run a Linux program under the recorder, which writes a log of all that it allocates.

Approach: options become environment variables of the recorder, the library goes into LD_PRELOAD, and the program takes
this process's place. So its number, its terminal, its signals and its exit status are as without memtrace, and a script
or a service can do the same without it (docs/reference/linux-recorder.md).
Rejected: a parent that waits (signals and job control would have to be passed on). What is to be typed afterwards is
said before the program starts; the recorder itself says the peaks at its end.
Cost: Python's start, some 0.1 s, before the program begins.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
from argparse import Namespace
from typing import Dict, List, Mapping, NoReturn

from gdbext.commands.command import Argument, Tool
from gdbext.model.errors import UserError
from gdbext.package import PACKAGE, RECORDER
from gdbext.report.printable import say
from gdbext.target.linux_program import check_program, started

DEFAULT_LOG = "memtrace.%n.%p.log"
_SIZE = re.compile(r"\d+[kKmMgG]?")
_RANGE = re.compile(rf"({_SIZE.pattern})?(-)?({_SIZE.pattern})?")
_UNITS = {"k": 10, "m": 20, "g": 30}
_MOST_RANGES, _DEEPEST, _LEAST_LOG = 16, 255, 1 << 20
_LAST_SIGNAL = 64
_OF_THE_LIBRARY = (32, 33)  # the C library's own
_MOST_LOGS = 1000  # of one name
_LOCALE = b"LC_CTYPE="


def size_of(text: str) -> int:
    """Returns a number of bytes that may end in K, M or G, as the recorder reads it."""
    digits = text.rstrip("kKmMgG")
    return int(digits) << _UNITS.get(text[len(digits) :].lower(), 0)


def _size(option: str, text: str) -> str:
    if not _SIZE.fullmatch(text):
        raise UserError(f"{option} {text}: give bytes as a number, or with K, M or G behind it: 64M")
    return text


def _limit(text: str) -> str:
    if size_of(_size("--max-log", text)) < _LEAST_LOG:
        raise UserError(f"--max-log {text}: at least 1M")
    return text


def _output(text: str) -> str:
    """Refuses a folder: the log would be made beside it, not in it."""
    if os.path.isdir(os.path.expanduser(text)) or text.endswith("/"):
        raise UserError(f"--output {text} is a folder: name the log in it, as {os.path.join(text, '%n.%p.log')}")
    return os.path.expanduser(text)


def _depth(text: str) -> str:
    if not text.isdecimal() or not 1 <= int(text) <= _DEEPEST:
        raise UserError(f"--depth {text}: frames of a stack, 1 to {_DEEPEST}")
    return text


def _peak(text: str) -> str:
    if not text.isdecimal() or not int(text):
        raise UserError(f"--peak {text}: megabytes, as a number from 1 on")
    return text


def _ranges(text: str) -> str:
    """Checks a list as `1024-` or `16,64-128`."""
    parts = text.split(",")
    for part in parts:
        found = _RANGE.fullmatch(part)
        if not found or not (found[1] or (found[2] and found[3])) or (found[3] and not found[2]):
            raise UserError(f"--stack-sizes {text}: give MIN-MAX, MIN-, -MAX or N, several with commas: 16,1K-64K")
        if found[1] and found[3] and size_of(found[1]) > size_of(found[3]):
            raise UserError(f"--stack-sizes {text}: {found[1]} is more than {found[3]}")
    if len(parts) > _MOST_RANGES:
        raise UserError(f"--stack-sizes takes up to {_MOST_RANGES} ranges")
    return text


def _signal(text: str) -> str:
    """Returns the number of a signal by its number or name."""
    name = text.upper().replace("SIG", "", 1)
    real_time = re.fullmatch(r"RTMIN(?:\+(\d+))?", name)
    if real_time:
        number = int(signal.SIGRTMIN) + int(real_time[1] or 0)
    elif text.isdecimal():
        number = int(text)
    else:
        number = int(getattr(signal, f"SIG{name}", 0)) if name.isalnum() else 0
    if not 0 < number <= _LAST_SIGNAL:
        raise UserError(f"--signal {text}: a signal's name or number, as USR2, RTMIN+3 or 12")
    if number in _OF_THE_LIBRARY or number in (signal.SIGKILL, signal.SIGSTOP):
        whose = "the C library's own" if number in _OF_THE_LIBRARY else "no program's to handle"
        raise UserError(f"--signal {text}: signal {number} is {whose}; USR2 or RTMIN+3 is mostly free")
    return str(number)


_ARGUMENTS = (
    Argument(
        "--output",
        f"write the log to FILE; %p becomes the process number, %n the program's name. Without it: {DEFAULT_LOG}",
        {"metavar": "FILE", "type": _output},
    ),
    Argument("--depth", "frames of a stack at most; without it 64", {"metavar": "N", "type": _depth}),
    Argument(
        "--stack-sizes",
        "blocks of these sizes get whole stacks, others their caller: MIN-MAX, MIN-, -MAX or N, several with commas",
        {"metavar": "RANGES", "type": _ranges},
    ),
    Argument("--free-stacks", "whole stacks of frees, too", {"action": "store_true"}),
    Argument(
        "--paused", "begin stopped: `memtrace start --pid PID` or the program itself begins", {"action": "store_true"}
    ),
    Argument("--no-children", "do not record processes that the program starts", {"action": "store_true"}),
    Argument(
        "--peak", "mark each time that the total passes MB megabytes from below", {"metavar": "MB", "type": _peak}
    ),
    Argument("--signal", "a signal that makes a mark: a name or a number", {"metavar": "SIGNAL", "type": _signal}),
    Argument(
        "--max-log", "bytes of a log at most (K, M, G); then recording stops", {"metavar": "SIZE", "type": _limit}
    ),
    Argument(
        "--reserve",
        "disk space that is left free (K, M, G); without it 64M",
        {"metavar": "SIZE", "type": lambda text: _size("--reserve", text)},
    ),
    Argument("--no-summary", "print nothing: no line at the start, none at the end", {"action": "store_true"}),
    Argument("--library", "another libmemtrace.so: for musl, or another machine", {"metavar": "FILE"}),
    Argument("program", "the program and its words, as without memtrace", {"nargs": "*", "metavar": "-- PROGRAM ..."}),
)
# An option's name in the parsed words, and the variable that gets its value.
_VALUES = {
    "depth": "DEPTH",
    "stack_sizes": "STACK_SIZES",
    "peak": "PEAK_MB",
    "signal": "SIGNAL",
    "max_log": "MAX_LOG",
    "reserve": "RESERVE",
}
_SWITCHES = {"free_stacks": ("FREE_STACKS", "1"), "paused": ("PAUSED", "1"), "no_children": ("CHILDREN", "0")}


def variables(options: Namespace, before: Mapping[str, str], folder: str) -> Dict[str, str]:
    """Returns the recorder's variables. What no option says stays as it is in the environment `before`."""
    made = {f"MEMTRACE_{name}": getattr(options, key) for key, name in _VALUES.items() if getattr(options, key)}
    made.update({f"MEMTRACE_{name}": value for key, (name, value) in _SWITCHES.items() if getattr(options, key)})
    # A child's line could stand in what the program reads from it.
    made["MEMTRACE_SUMMARY"] = "0" if options.no_summary else str(os.getpid())
    log = os.path.expanduser(options.output or before.get("MEMTRACE_LOG") or DEFAULT_LOG)
    # A child may start in another folder. A % in this one's name would be taken for a blank.
    made["MEMTRACE_LOG"] = log if "%" in folder else os.path.join(folder, log)
    return made


def preloaded(library: str, before: Mapping[str, str]) -> str:
    """Returns LD_PRELOAD with the recorder in front of what is there, and no other recorder."""
    if set(library) & set(" :\n\t"):
        raise UserError(f"{library}: LD_PRELOAD cannot name it for its blank or colon: copy it, and give --library")
    others = [one for one in re.split("[ :]+", before.get("LD_PRELOAD", "")) if one]
    return ":".join([library, *(one for one in others if one != library and os.path.basename(one) != RECORDER)])


def library_of(options: Namespace) -> str:
    """Returns the path of the recorder."""
    path = os.path.abspath(os.path.expanduser(options.library)) if options.library else str(PACKAGE / RECORDER)
    if not os.path.isfile(path):
        advice = "" if options.library else ": `make setup` builds it, or make -C c_helpers/linux (--library)"
        raise UserError(f"{path} is not there{advice}")
    return path


def log_of(pattern: str, path: str, process: int) -> str:
    """Returns the path of the log as the recorder will choose it: a file that is there is not replaced."""
    name = re.sub(r"[^!-~]", "_", os.path.basename(os.path.realpath(path)))
    whole = re.sub("%[pn]", lambda blank: str(process) if blank[0] == "%p" else name, pattern)
    stem, extension = (whole[:-4], ".log") if whole.endswith(".log") else (whole, "")
    names = (whole, *(f"{stem}.{number}{extension}" for number in range(2, _MOST_LOGS + 1)))
    return next((one for one in names if not os.path.lexists(one)), whole)


def start(options: Namespace, more: List[str]) -> int:
    """Becomes the program. Returns only if it cannot be started, by UserError."""
    if options.program:
        raise UserError(f"put -- before the program: memtrace run [OPTIONS] -- {shlex.join([*options.program, *more])}")
    library, program = library_of(options), started(more)
    check_program(program.path, library)
    made = variables(options, os.environ, os.getcwd())
    made["LD_PRELOAD"] = preloaded(library, os.environ)
    if not options.no_summary:
        log = os.path.relpath(log_of(made["MEMTRACE_LOG"], program.path, os.getpid()))
        begun = f"paused: memtrace start --pid {os.getpid()} begins" if options.paused else "recording"
        say(f"{begun}; afterwards: memtrace report {shlex.quote(log)}")
    become(program.path, program.words, {**given(os.environ), **made})


def given(environment: Mapping[str, str]) -> Dict[str, str]:
    """Returns the environment as it was before Python: in the C locale it sets LC_CTYPE, for itself and for what it
    starts.
    """
    try:
        with open("/proc/self/environ", "rb") as file:
            before = [entry for entry in file.read().split(b"\0") if entry.startswith(_LOCALE)]
    except OSError:
        return dict(environment)
    left = {name: value for name, value in environment.items() if name != "LC_CTYPE"}
    for entry in before[:1]:
        left["LC_CTYPE"] = os.fsdecode(entry[len(_LOCALE) :])
    return left


def become(path: str, words: List[str], environment: Dict[str, str]) -> NoReturn:
    """Replaces this process. Signals that Python ignores are as before for the program."""
    for name in ("SIGPIPE", "SIGXFSZ", "SIGXFZ"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
    try:
        os.execve(path, words, environment)
    except OSError as problem:
        raise UserError(f"{path} cannot be started: {problem.strerror}") from None


COMMAND = Tool(__name__, __doc__, _ARGUMENTS, start, needs_program=True)
