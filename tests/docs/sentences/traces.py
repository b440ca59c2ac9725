# SPDX-License-Identifier: Apache-2.0
"""What makes the sentences of traces, and of a trace beside a heap, appear."""

from __future__ import annotations

import struct
from argparse import Namespace
from collections.abc import Callable, Sequence
from typing import Any
from unittest.mock import patch

from gdbext.analyse.check import check_heap
from gdbext.analyse.rules import run_rules
from gdbext.analyse.rules_trace import run_trace_rules
from gdbext.analyse.stacks import FullStack
from gdbext.analyse.suspects import Witness
from gdbext.analyse.who import answer, next_step
from gdbext.collect.collect import collect
from gdbext.heap.capabilities import capability_hints
from gdbext.heap.names import operation_in
from gdbext.kernel.freertos import read_tasks
from gdbext.model.diagnosis import Operation
from gdbext.model.events import Frame, Generation
from gdbext.model.record import replace
from gdbext.source.memory import Memory
from gdbext.source.snapshot import Snapshot, snapshot_of
from gdbext.symbols.shapes import Member, Shape, Variable
from gdbext.target.target import Debugger
from gdbext.trace.format import parse_header
from gdbext.trace.history import History
from gdbext.trace.idf_heap_trace import HEAP_TRACING, Books, read_records
from gdbext.trace.idf_task_stats import TASK_TRACKING, read_owners
from gdbext.trace.ring import read_before, read_ring
from tests.docs.sentences.world import Distant, Symbols, ask, changed, check, refused, word, world
from tests.support import tlsf_image
from tests.support.kernel_image import LISTS
from tests.support.ring import Ring
from tests.unit import heaptrace_world, idf_world, interrupt_world, kernel_world, slow_world, witness_world

BASE, OTHER, RING = 0x2000_0000, 0x2100_0000, 0x8001_0000
MULTI = tlsf_image.Shape(12, 4)
BLOCKS = [
    (64, True),
    (64, False),
    (64, True),
    (128, True),
    (200, True),
    (88, True),
    (400, False),
    (48, True),
    (32, False),
]
IMAGE, PLACES = tlsf_image.shaped_image(BASE, BLOCKS, MULTI), tlsf_image.payloads(BASE, BLOCKS, MULTI)
FREE = [place for place, (_, used) in zip(PLACES, BLOCKS, strict=True) if not used]
USED = [place for place, (_, used) in zip(PLACES, BLOCKS, strict=True) if used]
SIZES = dict(zip(PLACES, (size for size, _ in BLOCKS), strict=True))
HEAP = f"multi_heap@{BASE:#x}"
CODE = 0x4200_1000
Deed = tuple[str, int, int]


def ring_of(deeds: Sequence[Deed], **form: Any) -> Ring:
    """A ring with these events of one task, at an assertion if the last is one."""
    made = Ring(**{"address": RING, "capacity": 64, **form}, names=[(1, ""), (1, ""), (1, ""), (1, "main")])
    for kind, address, size in deeds:
        made.event(kind, address, size, stack=made.stack(CODE + 16 * made.issued, CODE))
    if deeds and deeds[-1][0] == "assert":
        made.state, made.assertion = 3, (made.issued - 1, "block already marked as free", "tlsf_free")
    return made


def traced(*deeds: Deed, writes: dict[int, bytes | int] | None = None, **form: Any) -> Callable[[], Any]:
    """The heap with some bytes changed, beside a ring."""

    def report() -> Any:
        made = ring_of(deeds, **form)
        return check([*changed([(BASE, IMAGE)], writes or {}), (RING, made.data())], HEAP)

    return report


def written(writes: dict[int, bytes | int]) -> Callable[[], Any]:
    return lambda: check(changed([(BASE, IMAGE)], writes), HEAP)


def everybody() -> list[Deed]:
    return [("alloc", place, SIZES[place]) for place in USED]


def known(*lives: Generation, writes: dict[int, bytes | int]) -> Callable[[], Any]:
    """What is said where lives of blocks are known, as from records that do not tell when a block was freed."""

    def report() -> Any:
        target = world(changed([(BASE, IMAGE)], writes), [HEAP])
        (facts,) = collect(target, Namespace(heap=[HEAP], pool=[], ring=None, search=None)).heaps
        return check_heap(Witness(facts, History(lives=lives), target.frames, None), run_rules(facts)[0], 1)

    return report


def above_a_stack() -> Any:
    """A size word right below the stack of a task that has nothing unused."""
    target = world(changed([(BASE, IMAGE)], {B - 4: 0x4200_1234}), [HEAP])
    (facts,) = collect(target, Namespace(heap=[HEAP], pool=[], ring=None, search=None)).heaps
    witness = Witness(facts, History(), target.frames, None, full_stacks=[FullStack("net", B)])
    return check_heap(witness, run_rules(facts)[0], 1)


def whole_lines() -> Any:
    """Two lines of a cache, of one byte, over a size word of a heap that DMA reaches."""
    return cache_lines(0x2000_0000 + (USED[3] - BASE) // 32 * 32, 64, 8)


def cache_lines(start: int, length: int, capability: int) -> Any:
    """The report on the heap with a run of one byte, by what its memory is capable of."""
    target = world(changed([(BASE, IMAGE)], {start: b"\x3c" * length}), [HEAP])
    (facts,) = collect(target, Namespace(heap=[HEAP], pool=[], ring=None, search=None)).heaps
    facts.region = replace(facts.region, hints=capability_hints([capability]))
    return check_heap(Witness(facts, History(), target.frames, None), run_rules(facts)[0], 1)


def above_the_heap(task: str = "net") -> Any:
    """The end of the heap right below a variable with the stack of a task that has nothing unused."""
    end = BASE + len(IMAGE)
    target = world(changed([(BASE, IMAGE)], {end - 4: 0x4141_4141}), [HEAP])
    (facts,) = collect(target, Namespace(heap=[HEAP], pool=[], ring=None, search=None)).heaps
    witness = Witness(facts, History(), target.frames, None, full_stacks=[FullStack(task, end)])
    return check_heap(witness, run_rules(facts)[0], 1)


class Stopped(Debugger):
    """The target has stopped in the allocator."""

    def __init__(self, *calls: Frame) -> None:
        super().__init__()
        self.calls = (*calls, Frame(0x200, "app_main"))

    def operation(self) -> Operation:
        return operation_in(self.calls)


def stopped(call: Frame) -> Callable[[], Any]:
    """A link that an operation under way may leave like this."""
    images = changed([(BASE, IMAGE)], {FREE[0] + 4: PLACES[3] - 8})
    return lambda: ask(world(images, [HEAP], debugger=Stopped(call)), "check", heap=HEAP)


def two_heaps() -> Any:
    """A block of one heap on a list of another."""
    home = bytearray(IMAGE)
    other = tlsf_image.shaped_image(OTHER, BLOCKS, MULTI)
    head = next(at for at in range(0, len(home), 4) if word([(0, bytes(home))], at) == FREE[0] - 8)
    control = BASE + MULTI.info
    home[head : head + 4] = control.to_bytes(4, "little")
    lists = OTHER + MULTI.info + MULTI.lists
    empty = next(at for at in range(lists, lists + 400, 4) if word([(OTHER, other)], at) == OTHER + MULTI.info)
    images = [(BASE, bytes(home)), *changed([(OTHER, other)], {empty: FREE[0] - 8})]
    heaps = [HEAP, f"multi_heap@{OTHER:#x}"]
    return ask(world(images, heaps), "check", "--heap", heaps[0], heap=heaps[1])


def named_pointer() -> Any:
    """A pointer to a variable of the program over a size word."""
    variable = 0x1000_0040
    images = changed([(BASE, IMAGE)], {PLACES[3] - 4: variable})
    return ask(world(images, [HEAP], Symbols(counter=(variable, 4))), "check", heap=HEAP)


def many_places() -> Any:
    """Every bit of a bitmap is set."""
    bitmaps = BASE + MULTI.info + MULTI.bitmaps
    return check(changed([(BASE, IMAGE)], {bitmaps: b"\xff" * 4 * MULTI.levels}), HEAP)


def kernel_interrupted() -> Any:
    image, found = kernel_world.kernel(), []
    for at in range(1, 12):
        source = slow_world.Slow(image.images(), at)
        try:
            found.append(read_tasks(Memory(source), kernel_world.Symbols(image)))
        except KeyboardInterrupt:
            pass
    return found


def kernel(break_it: Callable[[kernel_world.Symbols], None]) -> Any:
    image = kernel_world.kernel()
    symbols = kernel_world.Symbols(image)
    break_it(symbols)
    return read_tasks(Memory(snapshot_of(image.images())), symbols)


def many_problems(symbols: kernel_world.Symbols) -> None:
    symbols.addresses.update(xDelayedTaskList2=0x9000_0000, xPendingReadyList=0x9000_0000)
    for name in LISTS:
        symbols.image.put(symbols.image.head(name), 77)


def long_list() -> Any:
    """The bound is lowered: it is 1,024."""
    with patch("gdbext.kernel.freertos._MOST_TASKS", 2):
        return kernel(lambda symbols: None)


def header(offset: int, *values: int, form: str = "<I") -> Callable[[], Any]:
    """Why a ring is refused of whose header some words were changed."""

    def report() -> Any:
        data = bytearray(Ring().data())
        for place, value in enumerate(values):
            struct.pack_into(form, data, offset + place * struct.calcsize(form), value)
        return refused(lambda: read_ring(Memory(snapshot_of([(Ring().address, bytes(data))])), Ring().address))

    return report


def no_ring() -> Any:
    return ask(world([(BASE, IMAGE)], [HEAP]), "status", f"--ring={BASE:#x}", heap=HEAP)


def records(**words: int) -> Callable[[], Any]:
    """ESP-IDF's records, with some of the tracing's numbers changed."""

    def report() -> Any:
        image = idf_world.filled()
        image.words.update(words)
        return image.read()

    return report


def no_counters() -> Any:
    return ask(world([(BASE, IMAGE)], [HEAP], Symbols(memtrace_usage_modules=(0x9000_0000, 44))), "free", heap=HEAP)


def two_runs(command: str, *words: str, previous: int = RING, died: bool = False) -> Any:
    """A run, and the ring of the one before it."""
    deeds: list[Deed] = [("alloc", USED[0], 64), ("assert", 0, 1)]
    older = ring_of(deeds[: 1 + died], run=6)
    newer = ring_of(deeds[: 1 + died], run=7, address=RING + len(older.data()), previous=previous)
    images = [(BASE, IMAGE), (older.address, older.data()), (newer.address, newer.data())]
    return ask(world(images, [HEAP] if command == "status" else []), command, f"--ring={newer.address:#x}", *words)


def no_run_before(previous: int) -> Callable[[], Any]:
    made = Ring(previous=previous).data()
    return lambda: refused(lambda: read_before(Memory(snapshot_of([(Ring().address, made)])), Ring().address))


def no_records(**words: int) -> Callable[[], Any]:
    return lambda: refused(records(**words))


def freed_twice_over() -> Any:
    """Several records of one address, in a hash table that notes a free in the oldest."""
    image = idf_world.filled()
    image.records[2][1] = image.records[0][1]
    members = {name.replace("tailq_list", "tailq_hashmap"): one for name, one in image.books().record.members.items()}
    del members["freed"]
    return records_with(image, members)


def without_stacks() -> Any:
    image = idf_world.filled()
    members = {**image.books().record.members, "alloced_by": Member(16, 0), "freed_by": Member(28, 0)}
    del members["freed"]
    return records_with(image, members)


def full_and_filtered() -> Any:
    records = heaptrace_world.filled()
    for slot in range(heaptrace_world.SLOTS):
        records.add(slot, 0x20 + 0x40 * slot, b"main", slot)
    records.filter = b"\x02\0\0\0"
    return records.read()


def paused() -> Any:
    image = idf_world.filled()
    image.words["tracing"] = 2
    with patch.dict(idf_world.STATES, {2: "TRACING_ALLOC_PAUSED"}):
        return image.read()


def records_with(image: idf_world.Image, members: dict[str, Member]) -> Any:
    books = image.books()
    shape = Shape(books.record.size, members, {})
    ranges = [(idf_world.STATICS, image.statics), (idf_world.BUFFER, image.buffer)]
    return read_records(Memory(snapshot_of(ranges)), books._replace(record=shape))


def list_that_leaves() -> Any:
    """The list leads on to what is not in the file."""
    image = idf_world.filled()
    image.words["list"] = 0
    data = [(idf_world.STATICS, image.statics[:4] + image.statics[8:]), (idf_world.BUFFER, image.buffer)]
    books = image.books()
    numbers = {**books.numbers, "list": Member(0x7000_0000, 4)}
    for name, at in books.numbers.items():
        numbers[name] = at if at.offset <= idf_world.STATICS else Member(at.offset - 4, 4)
    numbers["list"] = Member(0x7000_0000, 4)
    return read_records(Memory(snapshot_of(data)), books._replace(numbers=numbers))


class Idf(Symbols):
    """A program with ESP-IDF's heap tracing or its task tracking linked."""

    def __init__(self, books: Books | None) -> None:
        super().__init__(**{HEAP_TRACING if books is not None else TASK_TRACKING: (CODE, 4)})
        self.books = books

    def variable_of(self, function: str, name: str, follow: Sequence[str] = ()) -> Variable | None:
        if name == "task_stats":
            return idf_world.VARIABLE
        if self.books is None or (name != "records" and name not in self.books.values):
            return None
        members = {key: Member(one.offset - idf_world.STATICS, one.size) for key, one in self.books.numbers.items()}
        if name == "records":
            return Variable(idf_world.STATICS, (Shape(64, members, {}), self.books.record))
        place = self.books.numbers[name]
        return Variable(place.offset, (Shape(place.size, {}, self.books.values[name]),))


def imported(command: str, **words: int) -> Callable[[], Any]:
    """What a command says where the program has ESP-IDF's records, with some of the tracing's numbers changed."""

    def report() -> Any:
        image = idf_world.filled()
        image.words.update(words)
        images = [(idf_world.STATICS, image.statics), (idf_world.BUFFER, image.buffer)]
        return ask(world(images, program=Idf(image.books())), command)

    return report


def owners(**words: int) -> Callable[[], Any]:
    """The heap beside the lists of ESP-IDF's task tracking, with some words changed."""

    def report() -> Any:
        data = idf_world.task_lists()
        for place, value in words.items():
            at = int(place.removeprefix("at_"))
            data[at : at + 4] = value.to_bytes(4, "little")
        images = [(BASE, IMAGE), (idf_world.LISTS, bytes(data))]
        return ask(world(images, [HEAP], Idf(None)), "status", heap=HEAP)

    return report


class Holey(Snapshot):
    """A file whose reading fails at one place."""

    def read(self, address: int, length: int) -> bytes | None:
        hole = idf_world.LISTS + 40
        return None if address < hole + 24 and hole < address + length else super().read(address, length)


def node_unread() -> Any:
    holey = Holey()
    holey.add(idf_world.LISTS, bytes(idf_world.task_lists()))
    return read_owners(Memory(Distant(holey)), idf_world.VARIABLE)


def without_frees() -> Any:
    whole, source = witness_world.WHOLE, witness_world.FROM_IDF
    untold = replace(whole, imported=replace(source, frees_told=False))
    return run_trace_rules(witness_world.witness(untold), [])


A, B, C, D = PLACES[2], PLACES[3], PLACES[4], PLACES[5]  # used blocks side by side
X, U = FREE[0], USED[2]
OVER: dict[int, bytes | int] = {A: b"\xa5" * 68}  # one fill from a block's first byte over the next size word
RECIPES: dict[str, Callable[[], Any]] = {
    "a refused second free": traced(("alloc", X, 60), ("free", X, 0), ("free", X, 0), ("assert", 0, 0)),
    "a second free": traced(("alloc", X, 60), ("free", X, 0), ("free", X, 0), ("alloc", U, 8), writes={X: X - 8}),
    "a refused free of a used block": traced(("alloc", U, 60), ("free", U, 0), ("assert", 0, 0)),
    "a refused free inside a block": traced(("alloc", U, 60), ("free", U + 8, 0), ("assert", 0, 0)),
    "live and free": traced(("alloc", X, 60)),
    "handed out again": traced(("alloc", U, 60), ("alloc", U, 60)),
    "handed out over": traced(("alloc", U, 128), ("alloc", U + 16, 60)),
    "a trace with losses": traced(("alloc", X, 60), lost_stopped=3),
    "a recorder that is stopped": traced(("alloc", X, 60), state=2),
    "a trace without frees": without_frees,
    "two heaps": two_heaps,
    "damage below a full stack": above_a_stack,
    "damage beside a trace": traced(("alloc", U, 60), writes=OVER),
    "damage older than the trace": traced(*[("alloc", PLACES[7], 40)] * 9, writes=OVER, capacity=4),
    "a free that the heap has not seen": traced(("alloc", A, 60), ("free", A, 0), writes=OVER),
    "a former owner": traced(("alloc", A, 60), ("free", A, 0), ("alloc", A, 64), writes=OVER),
    "a former owner of that length": traced(("alloc", A, 68), ("free", A, 0), ("alloc", A, 64), writes=OVER),
    "a block that is used again": known(Generation(A, 60, None, 1, (CODE,), freed=(CODE + 8,)), writes=OVER),
    "a former owner of an unknown time": known(
        Generation(A, 60, None, 1, (CODE,), freed=(CODE + 8,)), Generation(A, 64, None, 2, (CODE,)), writes=OVER
    ),
    "a block that is too small": traced(*everybody(), writes={C - 4: 96, C + 96: b"\x7f" * 8}),
    "damage that a trace sees past": traced(*everybody(), writes={B - 4: 0xFFFF_FFF0}),
    "off by one": traced(("alloc", A, 64), writes={B - 4: b"\x41"}),
    "no size": written({B - 4: 0x0000_0042 + 0x20}),
    "an odd size": written({B - 4: 8}),
    "past the end": written({PLACES[7] - 4: 800}),
    "one run to the last byte": written({B - 4: b"\x5a" * 132}),
    "one run into a block": written({B - 4: b"\x5a" * 40}),
    "the last list's head": lambda: check(changed([(BASE, IMAGE)], {PLACES[0] - 8: 0x1234_5677}), HEAP),
    "a pointer to a variable": named_pointer,
    "stopped in the allocator": stopped(Frame(0x100, "tlsf_malloc")),
    "stopped in a helper": stopped(Frame(0x100, None, "components/heap/tlsf/tlsf.c")),
    "many places": many_places,
    "Ctrl-C": lambda: slow_world.interrupted("check"),
    "Ctrl-C in the kernel's lists": kernel_interrupted,
    "a list that is not there": lambda: kernel(lambda symbols: symbols.addresses.update(xPendingReadyList=0x9000_0000)),
    "many problems": lambda: kernel(many_problems),
    "a long list": long_list,
    "no ring": no_ring,
    "counters that are not there": no_counters,
    "the run before": lambda: two_runs("status"),
    "a run before that asserted": lambda: two_runs("status", died=True),
    "a run before that is nowhere": lambda: two_runs("status", previous=0x6000_0000),
    "heaps of the run before": lambda: two_runs("check", "--previous"),
    "no run before": no_run_before(0),
    "a run before elsewhere": no_run_before(0x6000_0000),
    "a header that is not there": lambda: refused(lambda: read_ring(Memory(snapshot_of([(0, bytes(4))])), 0x100)),
    "a short header": lambda: refused(lambda: parse_header(b"\x89MEMTRC\n")),
    "byte order": header(8, 9, form="<B"),
    "pointer size": header(9, 5, form="<B"),
    "version": header(12, 2, form="<H"),
    "header size": header(14, 16, form="<H"),
    "widths": header(18, 200, form="<B"),
    "a copy": header(24, 0x9000_0000, 0),
    "total size": header(32, 0x0100_0000),
    "a table's entries": header(64, 7),
    "a table outside": header(60, 0x00FF_0000),
    "capacity": header(68, 0),
    "features of a later writer": header(384, 1 << 20),
    "records, overflowed": records(has_overflowed=1, total_allocations=10),
    "records, off": records(tracing=1),
    "records, paused": paused,
    "records of another kind": lambda: refused(lambda: records_with(idf_world.filled(), {"address": Member(4, 4)})),
    "records, no buffer": no_records(buffer=0),
    "records, too many": no_records(count=9),
    "records, too large": no_records(capacity=0xFFFF_FFFF),
    "records, outside": no_records(buffer=0x5000_0000),
    "records, mode": no_records(mode=2),
    "records, a circle": lambda: records(list=idf_world.filled().place(1))(),
    "records, a list that is not there": list_that_leaves,
    "records that cannot be": imported("log", list=0),
    "records of one address": freed_twice_over,
    "records without stacks": without_stacks,
    "records without their variables": lambda: refused(lambda: idf_world.filled().read(statics=b"\0" * 8)),
    "Zephyr's records, full, with a filter": full_and_filtered,
    "a broken list of owners": owners(at_56=idf_world.LISTS + 16),
    "owners": owners(),
    "a node of owners that cannot be read": node_unread,
    "an interrupt allocates from a heap_4": lambda: interrupt_world.in_heap_4(
        ("alloc", interrupt_world.PLACES[2], interrupt_world.INTERRUPT), link=interrupt_world.PLACES[2] - 8
    ),
    "interrupts allocate from a heap_4": lambda: interrupt_world.in_heap_4(
        *[("alloc", interrupt_world.PLACES[2], interrupt_world.INTERRUPT)] * 6
    ),
    "an interrupt allocates from a byte pool": interrupt_world.in_byte_pool,
    "whole lines of a cache": whole_lines,
    "what to type next at a full stack": lambda: next_step([above_a_stack()[0]], answer([above_a_stack()[0]])),
}
