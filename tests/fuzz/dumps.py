# SPDX-License-Identifier: Apache-2.0
"""Broken checkpoints of alloc_hook, files of DHAT and of massif, one or several, some of other kinds among them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from random import Random

from tests.support.alloc_hook import Block, Frame, dump
from tests.support.mutate import ANY, EXTREMES, mutated
from tests.support.terminal import HOSTILE

COMMANDS = ("report", "report", "tree", "leaks", "log", "last", "status", "diff")
SIZES = (0, 1, 8, 1023, 1 << 20, *EXTREMES)


def _text(random: Random) -> str:
    return "".join(random.choices(("f", "::g", "<int>", "(int)", " ", "'", *HOSTILE), k=random.randrange(1, 5)))


def checkpoint(random: Random) -> bytes:
    """A dump, of which some numbers are beyond reason."""
    frames = [Frame(random.choice((16, 0x1200, *EXTREMES)), f"/opt/{_text(random)}", _text(random)) for _ in range(9)]
    blocks = [
        Block(
            random.choice(SIZES),
            random.choice(("host", "mmap", "dma", "other")),
            random.choices(frames, k=random.choice((0, 1, 5, 300))),
            random.choice((1, 1, 1, 3, 0, 100_000, 1 << 40)),
            f"20{random.randrange(100):02}-1{random.randrange(9)}-0{random.randrange(9)} 23:5{number % 9}:59.9",
        )
        for number in range(random.choice((0, 1, 30)))
    ]
    return dump(blocks, random.choice(("current", "peak"))).encode("utf-8", "replace")


def dhat(random: Random) -> bytes:
    """Sums of stacks that name frames which may not be there, numbers that are none, now and then more depth."""
    numbers = (0, 1, 64, 1 << 40, *SIZES, -1, 1.5, "x", None, [[[]]], {"a": {}})
    names = ("tb", "tbk", "tl", "mb", "mbk", "gb", "gbk", "eb", "ebk")
    stacks = [
        {
            **{name: random.choice(numbers if random.random() < 0.01 else SIZES[:5]) for name in names},
            "fs": [random.choice((0, 1, 2, 3, 9, -1)) for _ in range(random.choice((0, 1, 5, 300)))],
        }
        for _ in range(random.choice((0, 1, 40)))
    ]
    frames = ["[root]", *(f"0x{random.choice((0, 16, 1 << 64)):X}: {_text(random)} (a.c:{at})" for at in range(1, 6))]
    whole = {"dhatFileVersion": random.choice((*[2] * 20, 3)), "mode": _text(random), "bklt": random.random() < 0.9}
    text = json.dumps({**whole, "cmd": _text(random), "pps": stacks, "ftbl": frames})
    deeper = random.random() < 0.2
    return (text.replace(random.choice(("{", '"fs"', "[")), "[[" * 9, 40) if deeper else text).encode()


def massif(random: Random) -> bytes:
    """Snapshots with trees that do not fit their depths and their sums."""
    lines = ["desc: (none)", f"cmd: {_text(random)}", f"time_unit: {random.choice(('i', 'ms', 'B'))}"]
    for number in range(random.choice((0, 1, 20, 300))):
        size = random.choice(SIZES)
        lines += ["#-----------", f"snapshot={number}", "#-----------", f"time={number * random.choice((1, 9))}"]
        lines += [f"mem_heap_B={size}", "mem_heap_extra_B=8", "mem_stacks_B=0"]
        is_told = random.random() < 0.5
        lines.append(f"heap_tree={random.choice(('detailed', 'peak')) if is_told else 'empty'}")
        for depth in range(random.choice((1, 6)) if is_told else 0):
            place = f"0x{random.choice((0, 16, 1 << 63)):X}: {_text(random)} (a.c:{depth})"
            at = depth if random.random() < 0.9 else random.randrange(40)
            lines.append(f"{' ' * at}n{depth}: {random.choice((size, *SIZES))} {place}")
    return "\n".join([*lines, ""]).encode("utf-8", "replace")


def words_on(random: Random, folder: Path) -> Sequence[str]:
    """A command on one or several files, most of one kind."""
    maker, files = random.choice((checkpoint, checkpoint, dhat, massif)), []
    for number in range(random.choice((1, 1, 2, 3))):
        make = maker if random.random() < 0.95 else random.choice((checkpoint, dhat, massif))
        data = make(random)
        if random.random() < 0.6:
            data = mutated(data or b"x", random, (), ANY)
        path = folder / f"{number}.txt"
        path.write_bytes(gzip.compress(data, 1) if random.random() < 0.1 else data)
        files.append(str(path))
    command = random.choice(COMMANDS)
    since = ["--since", "0.txt"] if command in ("report", "leaks") and random.random() < 0.2 else []
    shown = ["--json"] if random.random() < 0.8 else ["--leaks", "--timeline", "--all"] if command == "report" else []
    return [command, *(["0x10"] if command == "last" else []), *files, *since, *shown]
