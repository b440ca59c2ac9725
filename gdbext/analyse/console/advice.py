# SPDX-License-Identifier: Apache-2.0
"""What to do next: the lines of configuration with which the next crash names who did it, for each framework.

To add a framework, add a row to the two tables. Approach: no more than three lines, the most telling first; what the
log shows to be set already is not said again.
"""

from __future__ import annotations

import re
from typing import Mapping, Optional, Pattern, Tuple

from gdbext.analyse.console.case import Case, Verdict
from gdbext.analyse.console.messages import OF_A_HEAP, OUT_OF_MEMORY, STACK_OVERFLOW, WATCHDOG
from gdbext.model.said import Said, said

_IDF, _ARDUINO, _ESP8266, _ZEPHYR, _NUTTX, _LINUX, _R128 = (
    "idf",
    "arduino",
    "esp8266",
    "zephyr",
    "nuttx",
    "linux",
    "r128",
)
_SIGNS: Tuple[Tuple[str, str], ...] = (
    ("esp8266", _ESP8266),
    ("arduino", _ARDUINO),
    ("zephyr", _ZEPHYR),
    ("nuttx", _NUTTX),
    ("glibc", _LINUX),
    ("linux", _LINUX),
    ("r128", _R128),
    ("tina", _R128),
    ("esp-idf", _IDF),
)
_BY_MESSAGE = (("says-glibc", _LINUX), ("says-asan", _LINUX), ("says-r128", _R128))
# What only these print.
_PRINTED = (
    (re.compile(r"panic'ed \(|Guru Meditation|CORRUPT HEAP|assert failed: |abort\(\) was called|/esp-idf/"), _IDF),
    (re.compile(r"^(?:\*\*\* Error in |\w+\(\): |double free or corruption|corrupted size vs)|core dumped\)"), _LINUX),
)
_ARDUINO_TASK = "loopTask"
_OF_HEAPS: Mapping[str, Tuple[Said, ...]] = {
    _IDF: (said("next-idf-poison"), said("next-idf-trace")),
    _ARDUINO: (said("next-arduino-check"), said("next-arduino-idf")),
    _ESP8266: (said("next-esp8266-poison"), said("next-esp8266-debug")),
    _ZEPHYR: (said("next-zephyr-validate"), said("next-zephyr-asan")),
    _NUTTX: (said("next-nuttx-kasan"), said("next-nuttx-backtrace")),
    _LINUX: (said("next-linux-asan"), said("next-linux-valgrind")),
    _R128: (said("next-r128-start"),),
}
_OF_STACKS: Mapping[str, Said] = {
    _IDF: said("next-idf-stack"),
    _ARDUINO: said("next-arduino-stack"),
    _ZEPHYR: said("next-zephyr-stack"),
    _NUTTX: said("next-nuttx-stack"),
}


def framework_of(case: Case) -> Optional[str]:
    """Returns the framework that advice is known for; None if the text does not tell it."""
    name = (case.crash.framework or "").lower()
    found = next((framework for sign, framework in _SIGNS if sign in name), None)
    printed = "" if case.facts.message is None else case.facts.message.words.key
    found = next((framework for key, framework in _BY_MESSAGE if printed.startswith(key)), found)
    if (case.facts.task or case.crash.task) == _ARDUINO_TASK or _names_arduino(case):
        return found if found == _ESP8266 else _ARDUINO
    if found is None and (case.crash.chip or "").startswith("esp"):
        return _ESP8266 if case.crash.chip == "esp8266" else _IDF
    return found or next((framework for sign, framework in _PRINTED if _prints(case, sign)), None)


def _prints(case: Case, sign: Pattern[str]) -> bool:
    return any(sign.search(line.text) for line in case.crash.lines)


def _names_arduino(case: Case) -> bool:
    """Tells whether a source's path is of Arduino's build of ESP-IDF."""
    return any("arduino" in line.text.lower() for line in case.crash.lines)


def advice(case: Case, verdict: Verdict) -> Tuple[Said, ...]:
    """Returns what to do next."""
    framework = framework_of(case)
    lines: Tuple[Said, ...] = ()
    if case.facts.message is not None and case.facts.message.words.key == "says-asan":
        return ()  # its report has all that there is to know
    if verdict.situation in OF_A_HEAP:
        lines = (*_OF_HEAPS.get(framework or "", (said("next-any-check"),)), said("next-recorder"))
    elif verdict.situation == STACK_OVERFLOW:
        lines = (_OF_STACKS.get(framework or "", said("next-any-stack")),)
    elif verdict.situation == OUT_OF_MEMORY:
        lines = (said("next-memory"),)
    elif verdict.situation == WATCHDOG:
        lines = (said("next-watchdog"),)
    return (*lines, *_wanted_program(case))


def _wanted_program(case: Case) -> Tuple[Said, ...]:
    """Which ELF file would name the addresses."""
    crash = case.crash
    named = sum(frame.function is not None for frame in case.frames)
    if named * 2 > len(case.frames) or not (crash.backtrace or case.pc is not None):
        return ()
    if crash.elf_sha256:
        return (said("next-elf-sha", sha=crash.elf_sha256),)
    return (said("next-elf-build", build=crash.build_id) if crash.build_id else said("next-elf"),)
