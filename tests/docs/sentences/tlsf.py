# SPDX-License-Identifier: Apache-2.0
"""What makes the sentences of TLSF and multi_heap appear."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

from gdbext.analyse.recognised import evidence_of
from gdbext.heap.tlsf.used_blocks import read_used_blocks
from gdbext.source.known import Known
from gdbext.source.memory import Memory
from gdbext.source.snapshot import snapshot_of
from gdbext.target.target import Target
from tests.docs.sentences.world import Distant, Link, Symbols, ask, case, changed, check, option, word, world
from tests.image import overrun as overrun_heap
from tests.image.ask import without
from tests.image.broken import BY_HAND, CONTROL, HEAP, SOUND, Heap
from tests.support import fixtures
from tests.support.nuttx_image import STATICS, NuttX
from tests.support.tlsf_image import Shape, heap_image, payloads, shaped_image
from tests.support.tlsf_pools import BASE, FULL, LOADED, PLAIN, Images, Pools
from tests.unit.dumped_world import dumped, region

SEED = case("a005")
LISTS = CONTROL + 36 + 4 * (word(SEED, CONTROL + 16) & 0x1F)
NODE = 0x3FC8_0000
POOLED = f"tlsf@{BASE:#x}"


def broken(break_it: Callable[[Heap], None]) -> Callable[[], Any]:
    """A break of tests/image/broken.py."""

    def report() -> Any:
        heap = Heap()
        break_it(heap)
        return check(heap.images(), SOUND.heap.option)

    return report


def put(address: int, value: int) -> Callable[[], Any]:
    """The seed case with one word changed."""
    return lambda: check(changed(SEED, {address: value}), SOUND.heap.option)


def filled_list() -> int:
    """The head of the first list that holds a block."""
    return next(place for place in range(LISTS, HEAP + 700, 4) if word(SEED, place) != CONTROL)


def slack() -> Any:
    """A byte behind a tail canary."""
    heap = next(one for one in fixtures.select(poisoning="comprehensive") if one.truth.status == "clean")
    images = [(image.base, image.data) for image in heap.images]
    for block in heap.truth.blocks:
        if block.requested is not None and block.payload + block.requested + 5 < block.raw + block.size:
            return check(changed(images, {block.payload + block.requested + 4: b"!"}), heap.heap.option)
    raise AssertionError("no block with slack")


def two_neighbours() -> Any:
    """The length in front of one block, and the canary in front of the next."""
    name = "a006"
    images, blocks = case(name), fixtures.case(name).truth.blocks
    pairs = [(one, other) for one in blocks for other in blocks if one.raw + one.size + 4 == other.raw]
    one, other = pairs[len(pairs) // 2]
    return check(changed(images, {one.payload - 4: 0xFFFF_FFFF, other.raw: 0x4141_4141}), option(name))


def fixture(name: str) -> Callable[[], Any]:
    """A real damaged heap."""
    return lambda: check(case(name), option(name))


FIXTURES = ("a018", "a022", "a023", "a024", "a026", "a029", "a033", "a043", "a058", "a088", "a099", "a104")


def owner() -> Any:
    images, heap = case("a006"), fixtures.case("a006")
    block = heap.truth.blocks[len(heap.truth.blocks) // 2]
    return check(changed(images, {block.raw + 4: b"worn"}), heap.heap.option)


REGISTERED = Symbols(registered_heaps=(NODE - 4, 4))  # ESP-IDF's list of heaps


def node(heap: int, start: int, end: int, following: int = 0, head: int = NODE) -> tuple[int, bytes]:
    words = (head, 2, 4, 8, start, end, 0, 0, heap, following)
    return NODE - 4, b"".join(one.to_bytes(4, "little") for one in words)


def registered(**fields: int) -> Callable[[], Any]:
    def report() -> Any:
        (base, data), *_ = SEED
        told = {"heap": HEAP, "start": base, "end": base + len(data), **fields}
        return ask(world([*SEED, node(**told)], program=REGISTERED), "status")

    return report


def limited() -> Any:
    """The list of heaps ends a heap before its pool_size does."""
    (base, data), *_ = changed(SEED, {HEAP + 12: 0x7FFF_0000})
    images = [(base, data), node(HEAP, base, base + len(data))]
    return check(images, None, REGISTERED)


def without_list() -> Any:
    return ask(world(SEED, program=REGISTERED), "status")


def pools(images: Images, *more: str) -> Any:
    return check(images, POOLED, None, *more)


def in_front_of_a_pool() -> Any:
    found = Pools(PLAIN, [[*LOADED, (400, False)]], 0)
    return pools([(BASE, found.data)], f"--pool={BASE + 0x8000:#x},{BASE + 0x9000:#x}")


def unlisted_pool() -> Any:
    return pools([(BASE, Pools(PLAIN, [[*LOADED, (400, False)], FULL], 600).data)])


def missing_pool() -> Any:
    return pools(Pools(PLAIN, [[*LOADED, (400, False)], [*LOADED, (2000, False)]], 5000).apart[:1])


def nuttx() -> Any:
    """NuttX's structure: start and end of the one region, then the control block."""
    variable, heap = 0x1000_0000, 0x1000_0100
    image = shaped_image(BASE, [*LOADED, (400, False)], PLAIN)
    words = (heap, *[0] * 63, BASE, BASE + len(image), BASE)
    statics = b"".join(one.to_bytes(4, "little") for one in words)
    return ask(world([(variable, statics), (BASE, image)], program=Symbols(g_mmheap=(variable, 4))), "status")


def at_memory() -> Any:
    """The list of heaps is overwritten; the linker's symbols tell where the memory for heaps begins."""
    (base, data), *_ = SEED
    program = Symbols(registered_heaps=(NODE - 4, 4), _heap_start=(HEAP, 0), _heap_end=(base + len(data), 0))
    return ask(world([*SEED, (NODE - 4, b"AAAA")], program=program), "status")


def nuttx_with(change: Callable[[NuttX], None], begin: bool = True) -> Callable[[], Any]:
    """Its heap, with something wrong in front of it; `begin`: a symbol tells where its memory begins."""

    def report() -> Any:
        heap = NuttX([*LOADED, (400, False)])
        change(heap)
        names = {"g_mmheap": (STATICS, 4), **({"g_idle_topstack": (STATICS + 4, 4)} if begin else {})}
        known = Known([(STATICS, STATICS + 0x80), (heap.heap, heap.end_of_image)])
        memory = Memory(Distant(snapshot_of(heap.images())), known=known)
        return ask(Target(Link(memory), Symbols(**names)), "check")

    return report


def delayed(heap: NuttX) -> None:
    heap.put(heap.mm_delaylist, heap.payloads()[0])
    heap.put(heap.payloads()[0], 0)


def pointed_to() -> Any:
    variable = 0x1000_0000
    image = shaped_image(BASE, [*LOADED, (400, False)], PLAIN)
    program = Symbols(pool=(variable, 4), arena=(BASE, len(image)))
    return ask(world([(variable, BASE.to_bytes(4, "little")), (BASE, image)], program=program), "status")


def many_candidates() -> Any:
    """Places that look like empty lists, more than are looked at."""
    data = bytearray(70 * 256)
    for place in range(0, len(data), 256):
        data[place + 64 : place + 128] = (BASE + place).to_bytes(4, "little") * 16
    return ask(world([(BASE, bytes(data))], program=Symbols()), "status")


def used_blocks() -> Any:
    facts = read_used_blocks(dumped({}), region())
    assert facts is not None
    return [tuple(facts.allocator.remarks(facts)), evidence_of(facts)]


def read_in_part() -> Any:
    """Headers alone are read over a link so slow that what lies behind the damage is too dear."""
    blocks = [(30_000, True)] * 5
    images = [(BASE, heap_image(BASE, blocks))]
    source = Distant(snapshot_of(changed(images, {payloads(BASE, blocks, Shape())[1] - 4: 0xFFFF_FFF0})))
    memory = Memory(source, plan="headers")
    memory.link.seconds = lambda size: size / 1000  # type: ignore[method-assign]
    return ask(Target(Link(memory)), "check", heap=f"multi_heap@{BASE:#x}")


def behind_poison() -> Any:
    """A damaged header in front of blocks between canaries."""
    header = fixtures.case("a016").truth.blocks[20].raw - 4
    return check(changed(case("a016"), {header: 0xFFFF_FFF0}), option("a016"))


def flat(kind: str, data: bytes) -> Callable[[], Any]:
    """What is no heap, named as one."""
    return lambda: check([(BASE, data)], f"{kind}@{BASE:#x}")


def next_free(value: Callable[[], int]) -> Callable[[], Any]:
    """The next_free of the first listed block."""
    return lambda: check(changed(SEED, {word(SEED, filled_list()) + 8: value()}), SOUND.heap.option)


def in_front() -> Any:
    """The first block's word says that a free block is before it."""
    (heap,) = ask(world(SEED, [SOUND.heap.option]), "check", "--blocks", heap=SOUND.heap.option).heaps
    place = min(block.raw for block in heap.blocks) - 4
    return check(changed(SEED, {place: word(SEED, place) | 2}), SOUND.heap.option)


def single() -> Any:
    """One text over a block's header, in a heap of which little else is known."""
    shape, blocks = Shape(7, 3, multi=False), [(64, True), (32, True), (400, False)]
    image, places = shaped_image(BASE, blocks, shape), payloads(BASE, blocks, shape)
    text = b"the quick brown fox jumps over the lazy dog"
    return check(changed([(BASE, image)], {places[1] - 40: text[:40] + b"over"}), POOLED)


def overrun(run: bytes) -> Callable[[], Any]:
    """A block that was freed after it had been overrun."""
    data, _ = overrun_heap.written_before_the_free(run, 80)
    return lambda: check([(overrun_heap.BASE, data)], f"multi_heap@{overrun_heap.BASE:#x}")


def holed() -> Any:
    """An image that lacks some headers in the middle."""
    (base, data), *_ = SEED
    low = SOUND.truth.blocks[len(SOUND.truth.blocks) // 2].raw - 8 - base
    high = low + 64
    return check([(base, data[:low]), (base + high, data[high:])], SOUND.heap.option)


def beside(name: str, *holes: tuple[int, int]) -> Callable[[], Any]:
    """A sound image with holes that make what lies beside them a guess."""
    return lambda: check(reduce(without, holes, case(name)), option(name))


RECIPES: dict[str, Callable[[], Any]] = {
    "headers that are not there": holed,
    "a block behind a hole": beside("a008", (0x4FF419B2, 0x4FF425D7)),
    "a control block with a hole": beside("a013", (0x4FF402C3, 0x4FF40A39)),
    "blocks between two holes": beside("a009", (0x3F811389, 0x3F811F79), (0x3F81218F, 0x3F8126BC)),
    "overrun before its free": overrun(b"\xbb" * 120),
    "words overrun": overrun(b"\xde\xad\xbe\xef" * 30),
    **{f"break {rule}": broken(break_it) for rule, break_it in BY_HAND.items()},
    **{f"fixture {name}": fixture(name) for name in FIXTURES},
    "two neighbours": two_neighbours,
    "the first block's flag": in_front,
    "next_free to the end": next_free(lambda: check_end() - 8),
    "bitmaps": put(CONTROL + 28, 7),
    "lists": put(CONTROL + 32, 7),
    "bits": put(CONTROL + 16, 7),
    "pool_size": limited,
    "slack": slack,
    "owner": owner,
    "registered, unreadable": without_list,
    "registered, no heap": registered(start=8, end=4),
    "registered, broken": registered(following=NODE),
    "registered, none": registered(head=0),
    "--pool without a pool": in_front_of_a_pool,
    "a full pool": unlisted_pool,
    "a pool not given": missing_pool,
    "NuttX": nuttx,
    "a heap where memory begins": at_memory,
    "NuttX, a wrong pointer": nuttx_with(lambda heap: setattr(heap, "root", STATICS + 16)),
    "NuttX, no heap": nuttx_with(lambda heap: setattr(heap, "root", STATICS + 16), begin=False),
    "NuttX, elsewhere": nuttx_with(lambda heap: setattr(heap, "root", 0x8080_0000), begin=False),
    "NuttX, not yet": nuttx_with(lambda heap: setattr(heap, "root", 0), begin=False),
    "NuttX, delayed": nuttx_with(delayed),
    "a variable": pointed_to,
    "many candidates": many_candidates,
    "used blocks alone": used_blocks,
    "a slow link": read_in_part,
    "damage in front of canaries": behind_poison,
    "no TLSF": flat("tlsf", bytes(4096)),
    "no multi_heap": flat("multi_heap", b"\x11" * 4096),
    "not initialised": flat("multi_heap", bytes(4096)),
    "no memory": lambda: check([(BASE, bytes(64))], "tlsf@0x100"),
    "one text": single,
}


def check_end() -> int:
    """The payload of the end marker."""
    (heap,) = check(SEED, SOUND.heap.option)[0].heaps
    return int(heap.end)
