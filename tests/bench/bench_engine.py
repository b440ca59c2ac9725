# SPDX-License-Identifier: Apache-2.0
"""How fast a log becomes a profile, and in how much memory; beside heaptrack's two programs on the same events.

All is CPU time of one thread, the best of three; the file is in the page cache. heaptrack_interpret and
heaptrack_print are Debian's, and get a raw file of their own form.
"""

from __future__ import annotations

import resource
import struct
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import zstandard

from gdbext.model.profile import Owner
from gdbext.source.log_file import open_log
from gdbext.trace.replay import Wish
from tests.bench import churn
from tests.support.bench import Row

EVENTS, LIVE, MANY, TIMES = 20_000_000, 10_000, 1_000_000, 3
INTERPRET = "/usr/lib/heaptrack/libexec/heaptrack_interpret"
PACK, PACK_HEAD, ZSTD = 19, 32, 1


def rows() -> Iterable[Row]:
    """The table of issue 2.4."""
    with tempfile.TemporaryDirectory() as folder:
        program = churn.build(Path(folder))
        plain = churn.write(program, "rows32", EVENTS, LIVE)
        first = yield from _speed("16-byte rows", lambda: churn.pieces(plain), 1e9 / 30e6)
        yield from _beside_heaptrack(program, first)
        wide = churn.write(program, "rows64", EVENTS, LIVE)
        yield from _speed("32-byte rows", lambda: churn.pieces(wide), 1e9 / 20e6)
        wide.unlink()
        yield from _speed("16-byte rows, tree of five levels and tasks", lambda: churn.pieces(plain), 2 * first, Tree)
        yield from _packed(program, plain)
        yield from _many(program, first, plain)


class Tree:
    """Numbers nodes as they come: the paths of each owner's outer five frames, and its task."""

    def __init__(self) -> None:
        self._numbers: dict[object, int] = {}

    def __call__(self, owner: Owner, stack: tuple[int, ...]) -> list[int]:
        nodes = [owner.context, *(stack[-depth:] for depth in range(1, 6))]
        return [self._numbers.setdefault(node, len(self._numbers)) for node in nodes]


def _speed(
    what: str, log: Callable[[], Iterable[bytes]], bound: float | None, group: type[Tree] | None = None
) -> Iterator[Row]:
    runs = [churn.replayed(log(), Wish(group=group() if group else None)) for _ in range(TIMES)]
    seconds, profile, _ = min(runs, key=lambda run: run[0])
    assert profile.totals.events == EVENTS and profile.totals.lost == profile.totals.unread == 0
    assert sum(use.at_peak_bytes for use in profile.uses) == profile.totals.peak_bytes
    each = seconds / EVENTS * 1e9
    note = f"{1000 / each:.1f} M/s; {profile.totals.peak_blocks:,} blocks, {len(profile.nodes):,} nodes"
    yield Row(f"replay of an event, {what}", each, bound, "ns", note)
    return each


def _beside_heaptrack(program: Path, ours: float) -> Iterator[Row]:
    if not Path(INTERPRET).exists():
        yield Row("heaptrack is not installed: apt install heaptrack", 0)
        return
    raw = churn.write(program, "heaptrack", EVENTS, LIVE)
    theirs = min(_heaptrack(raw) for _ in range(TIMES)) / EVENTS * 1e9
    raw.unlink()
    yield Row("the same, heaptrack_interpret and heaptrack_print", theirs, None, "ns", f"{1000 / theirs:.1f} M/s")
    yield Row("the engine's share of that, 16-byte rows", ours / theirs, 1 / 12, "", f"1/{theirs / ours:.1f}")


def _heaptrack(raw: Path) -> float:
    """CPU seconds of both programs."""
    interpreted, began = raw.with_suffix(".interpreted"), _children()
    with raw.open("rb") as source, interpreted.open("wb") as made:
        subprocess.run([INTERPRET], stdin=source, stdout=made, stderr=subprocess.DEVNULL, check=True)
    subprocess.run(["heaptrack_print", "-f", str(interpreted)], stdout=subprocess.DEVNULL, check=True)
    return _children() - began


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _packed(program: Path, plain: Path) -> Iterator[Row]:
    """From a packed file, with the thread that unpacks it; from packs."""
    squeezed = plain.with_suffix(".zst")
    with plain.open("rb") as source, squeezed.open("wb") as made:
        zstandard.ZstdCompressor(level=3).copy_stream(source, made)
    yield from _speed("16-byte rows in a .zst, both threads", lambda: open_log(str(squeezed)).chunks(), None)
    packs = churn.write(program, "packs32", EVENTS, LIVE)
    yield from _speed("packs", lambda: churn.pieces(packs), 1e9 / 20e6)
    columns = list(_squeezed(packs.read_bytes()))
    yield from _speed("packs, columns by zstd", lambda: columns, 1e9 / 20e6)
    note = f"rows in a .zst: {squeezed.stat().st_size / EVENTS:.2f}"
    yield Row("bytes of an event, packs by zstd -3", sum(map(len, columns)) / EVENTS, None, "bytes", note)
    packs.unlink()


def _squeezed(log: bytes) -> Iterator[bytes]:
    """The records of a log of packs, their columns compressed."""
    compress = zstandard.ZstdCompressor(level=3).compress
    yield log[:416]
    at = 416
    while at < len(log):
        number, length, _, kind = struct.unpack_from("<4I", log, at)
        payload, total = log[at + 16 : at + 16 + length], 16 + length + -length % 16
        if kind == PACK:
            head = struct.pack("<3Q2I", *struct.unpack_from("<3Q", payload), ZSTD, length - PACK_HEAD)
            payload = head + compress(payload[PACK_HEAD:])
            yield struct.pack("<4I", number, len(payload), 0, kind) + payload + bytes(-len(payload) % 16)
        else:
            yield log[at : at + total]
        at += total


def _many(program: Path, first: float, plain: Path) -> Iterator[Row]:
    """A million live blocks: speed, and what each needs."""
    log = churn.write(program, "rows32", EVENTS, MANY)
    yield from _speed("16-byte rows, 1,000,000 live blocks", lambda: churn.pieces(log), 3 * first)
    _, many, most = churn.replayed(churn.pieces(log), Wish())
    log.unlink()
    _, few, least = churn.replayed(churn.pieces(plain), Wish())
    blocks = many.totals.peak_blocks - few.totals.peak_blocks
    yield Row("memory of a live block", (most - least) / blocks, 64, "bytes", f"{least / 1e6:.1f} MB with {LIVE:,}")
    with churn.piped(program, "rows32", 10 * EVENTS, LIVE) as longer:
        _, _, tenfold = churn.replayed(longer, Wish())
    yield Row("memory, a log of ten times the length", tenfold / least, 1.05, "times", f"{tenfold / 1e6:.2f} MB")
