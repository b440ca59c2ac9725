# SPDX-License-Identifier: Apache-2.0
"""Broken texts of consoles through the reader and the decoder, each from one number.

python -m tests.fuzz.console_logs FIRST COUNT
"""

from __future__ import annotations

import gc
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from random import Random

from gdbext.console.names import Chosen
from gdbext.model.console import Crash
from gdbext.model.events import Frame, Stack
from gdbext.report.decode import Decoder
from gdbext.source.console_text import as_utf_8, utf_16_of
from tests.support.console import log_bytes, manifest
from tests.support.mutate import ANY, mutated
from tests.support.terminal import HOSTILE

LONGEST_SECONDS, MOST_TIMES = 10.0, 60  # of the processor; what comes out, in sizes of what goes in
_LARGEST = 40_000

Breaker = Callable[[bytes, Random], bytes]


def _lines(data: bytes) -> list[bytes]:
    return data.splitlines(keepends=True)


def _shuffled(data: bytes, random: Random) -> bytes:
    lines = _lines(data)
    at = random.randrange(len(lines) + 1)
    part = lines[at : at + random.choice((3, 30, 300))]
    random.shuffle(part)
    return b"".join([*lines[:at], *part, *lines[at + len(part) :]])


def _repeated(data: bytes, random: Random) -> bytes:
    return b"".join(line * random.choice((1, 1, 1, 2, 40)) for line in _lines(data))[: 4 * _LARGEST]


def _wrapped(data: bytes, random: Random) -> bytes:
    width = random.choice((1, 7, 40, 80, 81, 120))
    lines = [line[at : at + width] for line in _lines(data) for at in range(0, len(line), width)]
    return b"\n".join(lines)


def _mixed(data: bytes, random: Random) -> bytes:
    other = _lines(some_log(random))
    return b"".join(one for line in _lines(data) for one in (line, random.choice(other) if other else b""))


def _torn(data: bytes, random: Random) -> bytes:
    pieces = []
    for line in _lines(data):
        cut = random.randrange(len(line) + 1)
        noise = random.choice((b"", b"", b"", random.choice(HOSTILE).encode(), b"I (1) wifi: x\n", random.randbytes(5)))
        pieces += [line[:cut], noise, line[cut:]]
    return b"".join(pieces)


def _without_ends(data: bytes, random: Random) -> bytes:
    return data.replace(b"\n", random.choice((b"", b"\r", b"\r\r\n", b"\0", b" ")))


def _digits(data: bytes, random: Random) -> bytes:
    return bytes(random.choice(b"0123456789abcdefxF:") if random.random() < 0.02 else byte for byte in data)


def _wide(data: bytes, random: Random) -> bytes:
    return data.decode("latin-1").encode(random.choice(("utf-16", "utf-16-le", "utf-16-be")))


def _bytes(data: bytes, random: Random) -> bytes:
    return mutated(data, random, (), ANY)


BREAKERS: tuple[Breaker, ...] = (
    _shuffled, _repeated, _wrapped, _mixed, _torn, _without_ends, _digits, _wide, _bytes, _bytes,
)  # fmt: skip


def some_log(random: Random) -> bytes:
    """A part of a log of the shared set."""
    data = log_bytes(random.choice(sorted(manifest())))
    start = random.choice((0, random.randrange(len(data) + 1)))
    return data[start : start + random.choice((_LARGEST, 3000))]


def text_of(number: int) -> bytes:
    """The broken text of a number."""
    random = Random(number)
    data = some_log(random)
    for _ in range(random.choice((1, 1, 2, 3))):
        data = random.choice(BREAKERS)(data, random)[: 4 * _LARGEST]
    return data


def _names(addresses: Sequence[int]) -> Mapping[int, Stack]:
    return {one: (Frame(one, "inner", "a.c", 1, True), Frame(one, "outer", "b.c", 2)) for one in addresses if one & 4}


def problem(number: int) -> str | None:
    """What is wrong with what comes out for the text of a number; None: nothing."""
    random = Random(number)
    data = text_of(number)
    began = time.process_time()
    try:
        decoder = Decoder(lambda sha, build_id: Chosen(_names, None))
        out, crashes = _run(decoder, data, random)
    except Exception:
        return traceback.format_exc()
    seconds = time.process_time() - began
    if seconds > LONGEST_SECONDS or len(out) > MOST_TIMES * (len(data) + 1000):
        return f"{seconds:.1f} s, {len(data):,} bytes became {len(out):,}"
    if any(len(crash.lines) > 512 or sum(len(piece) for _, piece in crash.stack) > 1 << 16 for crash in crashes):
        return "a crash that has no bound"
    passed = b"".join(line for line in _lines_by_newline(out) if not line.startswith(b"--- "))
    came = b"".join(line for line in _lines_by_newline(b"".join(as_utf_8([data]))) if not line.startswith(b"--- "))
    if not utf_16_of(data) and b"\r" not in data and passed.rstrip(b"\n") != came.rstrip(b"\n"):
        return "the text did not pass as it was"
    return None


def _lines_by_newline(data: bytes) -> list[bytes]:
    return [line + b"\n" for line in data.split(b"\n")]


def _run(decoder: Decoder, data: bytes, random: Random) -> tuple[bytes, list[Crash]]:
    out, crashes = b"", []
    size = random.choice((100, 4096, 1 << 18))
    for piece in as_utf_8(data[at : at + size] for at in range(0, len(data), size)):
        found = [*decoder.add(piece), *(decoder.idle() if random.random() < 0.02 else ())]
        out += b"".join(one for one in found if isinstance(one, bytes))
        crashes += [one for one in found if isinstance(one, Crash)]
    found = list(decoder.finish())
    out += b"".join(one for one in found if isinstance(one, bytes))
    return out, crashes + [one for one in found if isinstance(one, Crash)]


def main(words: list[str]) -> int:
    """Runs some numbers and prints what went wrong."""
    first, count = (int(word) for word in words)
    wrong = 0
    for number in range(first, first + count):
        found = problem(number)
        if found is not None:
            wrong += 1
            print(f"{number}: {found}")
        if number % 500 == 0:
            gc.collect()
    print(f"{count:,} texts, {wrong:,} problems")
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
