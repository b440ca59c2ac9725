# SPDX-License-Identifier: Apache-2.0
"""Heap images with known truth (shared/fixtures/heaps, whose README says what each field means) as dataclasses."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from tests.support import paths


@dataclass(frozen=True)
class Image:
    """Raw memory at an address; `file` may be gzip, `length` counts unpacked bytes."""

    base: int
    file: str
    length: int

    @property
    def path(self) -> Path:
        """The file as it lies there, packed or not."""
        return paths.HEAPS / self.file

    @property
    def data(self) -> bytes:
        """The unpacked bytes."""
        data = unpacked(self.file)
        if len(data) != self.length:
            raise ValueError(f"{self.file}: {len(data)} bytes, the manifest says {self.length}")
        return data


@dataclass(frozen=True)
class Region:
    """A FreeRTOS heap region: the address of its first header and of its end marker."""

    first_block: int
    end_marker: int


@dataclass(frozen=True)
class Heap:
    """What goes into `--heap KIND@ADDRESS`. All but kind and address belongs to the truth, not to the hints."""

    kind: str
    address: int
    symbols: Mapping[str, int]
    control: int | None
    pool: int | None
    control_bytes: int | None
    regions: tuple[Region, ...]
    header_bytes: int | None
    canary: int | None

    @property
    def option(self) -> str:
        """The value of `--heap`."""
        return f"{self.kind}@{self.address:#x}"


@dataclass(frozen=True)
class Block:
    """A used block before the damage. `raw` is the TLSF payload; `affected`: a consistent heap no longer has it."""

    payload: int
    raw: int
    size: int
    requested: int
    state: str
    affected: bool


@dataclass(frozen=True)
class Damage:
    """One changed range; the images hold `after`."""

    kind: str
    address: int
    before: bytes
    after: bytes


@dataclass(frozen=True)
class Culprit:
    """The block whose owner did it."""

    payload: int
    size: int
    state: str
    why: str


@dataclass(frozen=True)
class Totals:
    """Before the damage; None where the damage legally changed it. `accepted`: every value a tool may show."""

    used_blocks: int
    free_blocks: int
    used_bytes: int
    free_payload_bytes: int | None
    free_bytes: int | None
    minimum_free: int | None
    largest_free: int
    accepted: Mapping[str, Sequence[int]]


@dataclass(frozen=True)
class Truth:
    """What is true of a case. `primary_status` is that of `Case.heap` alone, where other heaps differ."""

    status: str
    primary_status: str
    incomplete: bool
    undecidable: bool
    damage: tuple[Damage, ...]
    damaged_blocks: tuple[int, ...]
    culprit: Culprit | None
    acceptable_blocks: tuple[int, ...]
    acceptable_ranges: tuple[tuple[int, int], ...]
    blocks: tuple[Block, ...]
    totals: Totals | None


@dataclass(frozen=True)
class MoreHeap:
    """A further heap in the same images."""

    kind: str
    address: int
    status: str
    where: str
    totals: Totals | None

    @property
    def option(self) -> str:
        """The value of `--heap`."""
        return f"{self.kind}@{self.address:#x}"


@dataclass(frozen=True)
class Case:
    """One heap with what is known of it."""

    id: str
    title: str
    note: str
    damage_kind: str
    allocator: str
    allocator_version: str
    pointer_size: int
    byte_order: str
    layout: str
    fl_index_max: int | None
    poisoning: str
    task_tracking: bool
    images: tuple[Image, ...]
    heap: Heap
    more_heaps: tuple[MoreHeap, ...]
    truth: Truth
    official: Mapping[str, str] | None


Json = Mapping[str, Any]


@lru_cache(maxsize=64)
def unpacked(file: str) -> bytes:
    """Return the bytes of a fixture file, unpacked if its name ends in .gz."""
    data = paths.require(paths.HEAPS / file).read_bytes()
    return gzip.decompress(data) if file.endswith(".gz") else data


@lru_cache(maxsize=1)
def load_cases() -> tuple[Case, ...]:
    """Return every case of the manifest, in its order."""
    manifest = json.loads(paths.require(paths.HEAPS / "manifest.json").read_text())
    if manifest["version"] != 1:
        raise ValueError(f"heap fixtures are of version {manifest['version']}, this reader knows 1")
    return tuple(_case(item) for item in manifest["cases"])


def case(case_id: str) -> Case:
    """Return one case by its id."""
    return next(item for item in load_cases() if item.id == case_id)


def select(*, layout: str | None = None, poisoning: str | None = None, kind: str | None = None) -> tuple[Case, ...]:
    """Return the cases of a layout, a poisoning and a kind of heap; None stands for any. Never returns nothing."""
    chosen = tuple(
        item
        for item in load_cases()
        if layout in (None, item.layout) and poisoning in (None, item.poisoning) and kind in (None, item.heap.kind)
    )
    if not chosen:
        raise LookupError(f"no heap fixture has layout={layout} poisoning={poisoning} kind={kind}")
    return chosen


def _case(item: Json) -> Case:
    names = (
        "id title note damage_kind allocator allocator_version pointer_size byte_order layout poisoning task_tracking "
        "official"
    ).split()
    return Case(
        **{name: item[name] for name in names},
        fl_index_max=item.get("fl_index_max"),
        images=tuple(Image(**image) for image in item["images"]),
        heap=_heap(item["heap"]),
        more_heaps=tuple(_more_heap(heap) for heap in item.get("more_heaps", ())),
        truth=_truth(item["truth"]),
    )


def _heap(item: Json) -> Heap:
    return Heap(
        kind=item["kind"],
        address=item["address"],
        symbols=item["symbols"],
        control=item.get("control"),
        pool=item.get("pool"),
        control_bytes=item.get("control_bytes"),
        regions=tuple(Region(**region) for region in item.get("regions", ())),
        header_bytes=item.get("header_bytes"),
        canary=item.get("canary"),
    )


def _more_heap(item: Json) -> MoreHeap:
    return MoreHeap(item["kind"], item["address"], item["status"], item["where"], _totals(item.get("totals")))


def _truth(item: Json) -> Truth:
    culprit = item["culprit"]
    return Truth(
        status=item["status"],
        primary_status=item.get("primary_status", item["status"]),
        incomplete=item["incomplete"],
        undecidable=item["undecidable"],
        damage=tuple(_damage(change) for change in item["damage"]),
        damaged_blocks=tuple(item["damaged_blocks"]),
        culprit=culprit and Culprit(**culprit),
        acceptable_blocks=tuple(item["acceptable_blocks"]),
        acceptable_ranges=tuple((span["start"], span["end"]) for span in item["acceptable_ranges"]),
        blocks=tuple(_block(block) for block in _raw_blocks(item)),
        totals=_totals(item["totals"]),
    )


def _raw_blocks(item: Json) -> list[Json]:
    if "blocks_file" not in item:
        return list(item["blocks"] or ())
    blocks: list[Json] = json.loads(unpacked(item["blocks_file"]))
    return blocks


def _block(item: Json) -> Block:
    payload = item["payload"]
    return Block(
        payload=payload,
        raw=item.get("raw", payload),
        size=item["size"],
        requested=item["requested"],
        state=item["state"],
        affected=bool(item.get("affected", False)),
    )


def _damage(item: Json) -> Damage:
    damage = Damage(
        item["kind"], item["address"], bytes.fromhex(item["bytes_before"]), bytes.fromhex(item["bytes_after"])
    )
    if len(damage.after) != item["length"]:
        raise ValueError(f"damage at {damage.address:#x}: length {item['length']} does not fit its bytes")
    return damage


def _totals(item: Json | None) -> Totals | None:
    if not item:
        return None
    names = "used_blocks free_blocks used_bytes free_payload_bytes free_bytes minimum_free largest_free".split()
    values: dict[str, Any] = {name: item.get(name) for name in names}
    return Totals(**values, accepted=item.get("accepted", {}))
