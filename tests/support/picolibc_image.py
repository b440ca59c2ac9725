# SPDX-License-Identifier: Apache-2.0
"""picolibc's malloc since 2026-03 as a model that writes the bytes which the library would write.

    heap = Picolibc(0x20001000, Form(buckets=5))
    load(heap, Random(1), 300)
    heap.images()                   # the variables, and the heap's memory

Written from libc/stdlib/local-malloc.h and malloc.c of 630c45e, and compared with them byte by byte over 160 lives when
it was written: the free bit, the list in address order whose chunks are joined, buckets of powers of two and one unit
in last-in first-out order, and remainders that go to a bucket if they fit it exactly. A last free chunk should grow at
sbrk's end, but never does: the library takes its free bit for a part of its size there.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

STATICS = 0x2000_0000
_MEMORY = 64 << 10


@dataclass(frozen=True)
class Form:
    """The size of a word, the alignment of the largest scalar, and the number of buckets."""

    word: int = 4
    unit: int = 16
    buckets: int = 0

    @property
    def smallest(self) -> int:
        """Bytes of the smallest chunk."""
        return -(-2 * self.word // self.unit) * self.unit

    def bucket_size(self, number: int) -> int:
        """Bytes of a bucket's chunks with their heads."""
        return (16 << number) + self.unit


class Picolibc:
    """The heap; `used` and `requested` are its books, by payload."""

    def __init__(self, start: int, form: Form) -> None:
        self.form, word = form, form.word
        self.start = -(-(start + word) // form.unit) * form.unit - word  # the first head
        self.top = self.start
        self.buckets, self.head = STATICS + 8 * word, STATICS + 31 * word
        self.sbrk_start, self.sbrk_top = STATICS + 29 * word, STATICS + 30 * word
        self.parts = {STATICS: bytearray(40 * word), start: bytearray(_MEMORY)}
        self.used: dict[int, int] = {}
        self.put(self.sbrk_start, self.start)

    @property
    def hints(self) -> dict[str, int]:
        """What symbols tell of it."""
        known = {"free_list": self.head, "sbrk_start": self.sbrk_start, "sbrk_top": self.sbrk_top}
        return {**known, "buckets": self.buckets, "bucket_count": self.form.buckets}

    def _place(self, address: int) -> tuple[bytearray, int]:
        base = max(base for base in self.parts if base <= address)
        return self.parts[base], address - base

    def get(self, address: int) -> int:
        """A word of memory."""
        data, place = self._place(address)
        return int.from_bytes(data[place : place + self.form.word], "little")

    def put(self, address: int, value: int) -> None:
        """Writes a word."""
        data, place = self._place(address)
        data[place : place + self.form.word] = value.to_bytes(self.form.word, "little")

    def write(self, address: int, data: bytes) -> None:
        """Writes bytes."""
        part, place = self._place(address)
        part[place : place + len(data)] = data

    def size(self, chunk: int) -> int:
        """Bytes of a chunk with its head."""
        return self.get(chunk - self.form.word) & ~1

    def _set(self, chunk: int, size: int, free: bool) -> None:
        self.put(chunk - self.form.word, size | free)

    def _bucket_for(self, size: int) -> int | None:
        """The bucket whose chunks have at least so many bytes; None if there is none."""
        return next((n for n in range(self.form.buckets) if size <= self.form.bucket_size(n)), None)

    def _bucket_of(self, size: int) -> int | None:
        return next((n for n in range(self.form.buckets) if size == self.form.bucket_size(n)), None)

    def _push(self, number: int, chunk: int) -> None:
        head = self.buckets + number * self.form.word
        self.put(chunk, self.get(head))
        self.put(head, chunk)

    def malloc(self, requested: int) -> int | None:
        """A chunk, or None."""
        unit = self.form.unit
        size = max(self.form.smallest, -(-(requested + self.form.word) // unit) * unit)
        bucket = self._bucket_for(size)
        if bucket is not None:
            size, head = self.form.bucket_size(bucket), self.buckets + bucket * self.form.word
            chunk = self.get(head)
            if chunk:
                self.put(head, self.get(chunk))
        else:
            chunk = self._first_fit(size)
        if not chunk:
            chunk = self._more(size)
        if not chunk:
            return None
        self._set(chunk, self.size(chunk), False)
        self.write(chunk, bytes(size - self.form.word))
        self.used[chunk] = requested
        return chunk

    def _first_fit(self, size: int) -> int:
        link, chunk = self.head, self.get(self.head)
        while chunk:
            rest = self.size(chunk) - size
            if rest >= 0:
                self.put(link, self.get(chunk))
                if rest >= self.form.smallest:
                    self._split(link, chunk, size, rest)
                return chunk
            link, chunk = chunk, self.get(chunk)
        return 0

    def _split(self, link: int, chunk: int, size: int, rest: int) -> None:
        """The rest behind a chunk goes to a bucket, or takes the chunk's place on the list."""
        self._set(chunk, size, False)
        self._set(chunk + size, rest, True)
        bucket = self._bucket_of(rest)
        if bucket is not None:
            self._push(bucket, chunk + size)
        else:
            self.put(chunk + size, self.get(link))
            self.put(link, chunk + size)

    def _sbrk(self, size: int) -> bool:
        if self.top + size > max(self.parts) + _MEMORY:
            return False
        self.top += size
        self.put(self.sbrk_top, self.top)
        return True

    def _more(self, size: int) -> int:
        chunk = self.top + self.form.word
        if not self._sbrk(size):
            return 0
        self._set(chunk, size, False)
        return chunk

    def free(self, chunk: int) -> None:
        """Gives a chunk back. What is free already is refused."""
        if self.get(chunk - self.form.word) & 1:
            return
        del self.used[chunk]
        self.put(chunk, 0)
        self._set(chunk, self.size(chunk), True)
        bucket = self._bucket_of(self.size(chunk))
        if bucket is not None:
            self._push(bucket, chunk)
            return
        link, other = self.head, self.get(self.head)
        while other and other < chunk and other + self.size(other) != chunk:
            link, other = other, self.get(other)
        if other and other < chunk:  # it ends where the freed one begins
            self._set(other, self.size(other) + self.size(chunk), True)
            chunk = other
        else:
            self.put(chunk, other)
            self.put(link, chunk)
        behind = self.get(chunk)
        if chunk + self.size(chunk) == behind:
            self._set(chunk, self.size(chunk) + self.size(behind), True)
            self.put(chunk, self.get(behind))
        bucket = self._bucket_of(self.size(chunk))
        if bucket is not None:
            self.put(link, self.get(chunk))
            self._push(bucket, chunk)

    def blocks(self) -> list[tuple[int, int, bool]]:
        """Payload, bytes and whether it is used, of each chunk."""
        found, place = [], self.start
        while place < self.top:
            chunk = place + self.form.word
            found.append((chunk, self.size(chunk) - self.form.word, chunk in self.used))
            place += self.size(chunk)
        return found

    def images(self) -> list[tuple[int, bytes]]:
        """The variables, and the heap's memory."""
        return [(base, bytes(data)) for base, data in self.parts.items()]


def load(heap: Picolibc, rng: Random, calls: int) -> None:
    """A life: mallocs of many sizes, whose users fill them, and frees."""
    for _ in range(calls):
        if heap.used and rng.random() < 0.45:
            heap.free(rng.choice(list(heap.used)))
            continue
        size = rng.choice((rng.randrange(64), rng.randrange(400), rng.randrange(1500)))
        chunk = heap.malloc(size)
        if chunk is not None:
            text = (b"reading 17.4 " * (size // 13 + 1))[:size]
            heap.write(chunk, rng.choice((rng.randbytes(size), bytes([rng.randrange(256)]) * size, text)))
