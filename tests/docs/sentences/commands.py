# SPDX-License-Identifier: Apache-2.0
"""What makes the sentences of commands appear: of rings that are sought, of what could not be read or scanned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gdbext.collect.absent import no_heap
from gdbext.collect.collected import Collected
from gdbext.collect.requests import told_of
from gdbext.model.said import Said, said
from gdbext.source.memory import Memory
from gdbext.source.snapshot import snapshot_of
from gdbext.target.files import no_target
from gdbext.target.recorded_process import Answer, RecordedProcess
from gdbext.target.target import Code, Target
from gdbext.trace.format import parse_header
from gdbext.trace.idf_heap_trace import HEAP_TRACING
from tests.docs.sentences.traces import BASE, CODE, HEAP, IMAGE, PLACES, RING, A
from tests.docs.sentences.world import Distant, Link, Symbols, ask, case, changed, linked, option, word, world
from tests.image.broken import HEAP as CONTROL_OF_SOUND
from tests.support.kernel_image import KernelImage
from tests.support.ring import Ring
from tests.unit import kernel_world, slow_world

NOTHING = 0x2000_0000
VARIABLE, NOWHERE = 0x1000_0000, 0x9000_0000
SOUND = "a005"
PROGRAM = Symbols(memtrace_ring=(VARIABLE, 4))


class Writing(Symbols):
    """A program with sections that it writes to."""

    def __init__(self, *sections: tuple[str, int, int], **variables: tuple[int, int]) -> None:
        super().__init__(**variables)
        self.sections = list(sections)

    def writable(self) -> list[tuple[str, int, int]]:
        return self.sections


class Built(Symbols):
    """A program with a build-id."""

    def build_id(self) -> str | None:
        return "5f" * 20


class Writable(Link):
    """A target that takes what is written to it."""

    def write(self, address: int, data: bytes) -> None:
        pass


def ring_at(address: int, told: int | None = None, time: int = 0) -> tuple[int, bytes]:
    """A ring, which may say that it lies elsewhere."""
    ring = Ring(address if told is None else told, time=time)
    ring.event("mark", 0x1000)
    return address, ring.data()


def status(*images: tuple[int, bytes], program: Symbols | None = None) -> Callable[[], Any]:
    return lambda: ask(world([(BASE, IMAGE), *images], [HEAP], program), "status", heap=HEAP)


def live(program: Symbols | None, *images: tuple[int, bytes]) -> Callable[[], Any]:
    """The status of a live target."""
    return lambda: ask(linked([(BASE, IMAGE), *images], program), "status", heap=HEAP)


def searched(*images: tuple[int, bytes]) -> Callable[[], Any]:
    """A range is searched that has these and the heap."""
    words = ("check", f"--search={RING:#x},{RING + 0x4000:#x}")
    return lambda: ask(world([(BASE, IMAGE), (RING, bytes(0x4000)), *images], [HEAP]), *words, heap=HEAP)


class Other(Symbols):
    """A program of which its file tells something."""

    def __init__(self, *facts: Said, code: bytes = b"", **variables: tuple[int, int]) -> None:
        super().__init__(**variables)
        self.said, self.file = facts, code

    def facts(self) -> Sequence[Said]:
        return self.said

    def code(self) -> list[tuple[int, bytes]]:
        return [(NOTHING, self.file), (NOTHING + 64, self.file)] if self.file else []


def absent(program: Code | None) -> Callable[[], Any]:
    """Nothing looks like a heap, with this program."""
    return lambda: ask(world([(NOTHING, bytes(range(1, 200)))], program=program), "status")


def misplaced() -> Any:
    return ask(world([(base + 4, data) for base, data in case(SOUND)]), "status")


def without_heaps() -> Any:
    targets = linked([], None), world([(NOTHING, bytes(4))])
    return [no_heap(target, None) for target in targets]


def asked() -> Any:
    target = Target(Writable(Memory(Distant(snapshot_of([ring_at(RING)])))))
    return ask(target, "mark", "boot", f"--ring={RING:#x}")


def listed(*words: str, tasks: tuple[str, ...] = ()) -> Callable[[], Any]:
    """A list of a heap and a ring, where these tasks have allocated."""

    def report() -> Any:
        ring = Ring(RING, names=[(1, ""), (1, ""), (1, ""), *((1, name) for name in tasks)])
        for number in range(len(tasks)):
            ring.event("alloc", PLACES[number], 16, context=3 + number)
        return ask(
            world([(BASE, IMAGE), *([(RING, ring.data())] if tasks else [])], [HEAP]),
            *words,
            heap=HEAP if words[0] == "blocks" else None,
        )

    return report


def with_holes() -> Any:
    """Ten words of a heap are not in the files."""
    images, start = [], BASE
    for place in range(PLACES[4], PLACES[4] + 160, 16):
        images.append((start, IMAGE[start - BASE : place - BASE]))
        start = place + 4
    return ask(world([*images, (start, IMAGE[start - BASE :])], [HEAP]), "check", heap=HEAP)


def counted_late() -> Any:
    """The target has asserted while a counter of the heap was behind."""
    ring = Ring(RING, names=[(1, ""), (1, ""), (1, ""), (1, "main")])
    ring.event("assert")
    ring.state, ring.assertion = 3, (0, "block already marked as free", "tlsf_free")
    images, counter = case(SOUND), CONTROL_OF_SOUND + 4
    late = changed(images, {counter: word(images, counter) + 8})
    return ask(world([*late, (RING, ring.data())], [option(SOUND)]), "check", heap=option(SOUND))


def broken(*words: str) -> Callable[[], Any]:
    """A heap of which some bytes are no blocks."""
    images = changed([(BASE, IMAGE)], {PLACES[3] - 4: b"\xee" * (PLACES[5] - PLACES[3])})
    return lambda: ask(world(images, [HEAP]), *words, heap=HEAP)


def unreachable(*holes: range) -> Callable[[], Any]:
    """What is scanned has holes."""
    return lambda: slow_world.ask(slow_world.Live(holes=holes), "leaks --unreachable")


def without_globals() -> Any:
    return ask(linked([(BASE, IMAGE)]), "leaks", "--unreachable", heap=HEAP)


def large_section() -> Any:
    program = Writing(("globals", VARIABLE, VARIABLE + (65 << 20)))
    return ask(linked([(BASE, IMAGE)], program), "leaks", "--unreachable", heap=HEAP)


def absent_section() -> Any:
    program = Writing((".data", VARIABLE, VARIABLE + 64), (".bss", VARIABLE + 0x1000, VARIABLE + 0x1800))
    return ask(world([(BASE, IMAGE), (VARIABLE, bytes(64))], [HEAP], program), "leaks", "--unreachable", heap=HEAP)


def many_pointers() -> Any:
    images = [(BASE, IMAGE), (VARIABLE, A.to_bytes(4, "little") * 1100)]
    return ask(world(images, [HEAP]), "refs", hex(A), heap=HEAP)


def kernel(
    command: str, *words: tuple[Callable[[KernelImage], int], int], names: tuple[str, ...] = ()
) -> Callable[[], Any]:
    """A heap beside a kernel with some words changed."""

    def report() -> Any:
        image = KernelImage(dict.fromkeys(names, "ready0"), names[:1]) if names else kernel_world.kernel()
        for place, value in words:
            image.put(place(image), value)
        target = world([*case(SOUND), *image.images()], [option(SOUND)], kernel_world.Symbols(image))
        return ask(target, command, heap=option(SOUND))

    return report


WORKERS = tuple(f"worker {number}" for number in range(1, 20))


class Process(RecordedProcess):
    """A process that has been asked."""

    def __init__(self) -> None:
        self.number, self.name, self.log = 4711, "process 4711 (server)", "/tmp/memtrace.server.4711.log"


def process_asked(obeyed: bool) -> Callable[[], Any]:
    """What `memtrace mark boot --pid 4711` says. The header is that of any ring."""

    def run() -> Any:
        header = parse_header(ring_at(RING)[1])
        return told_of(Process(), "mark", "boot", Answer(obeyed, header), Collected(no_target()))

    return run


RECIPES: dict[str, Callable[[], Any]] = {
    "absent: any": without_heaps,
    "absent: a wrong BASE": misplaced,
    "absent: no program": absent(None),
    "absent: no program in GDB": absent(Other(said("no-program-loaded"))),
    "absent: another program": absent(Other(code=b"\xff" * 32)),
    "absent: stripped": absent(Other(said("symbols-stripped", file="app.elf"))),
    "absent: unknown allocator": absent(Other(mi_malloc=(0x100, 4))),
    "no symbol of a ring": live(None),
    "a ring that is not started": live(PROGRAM, (VARIABLE, bytes(4))),
    "a pointer that is not there": live(PROGRAM),
    "no ring in a range": searched(),
    "two rings in a range": searched(ring_at(RING + 0x100), ring_at(RING + 0x2000)),
    "two rings": status(ring_at(RING, time=70), ring_at(RING + 0x10000, time=900)),
    "a ring's copy": status(ring_at(RING, 0x8001_4000)),
    "another program": status(ring_at(RING), program=Built()),
    "records without types": status(program=Symbols(**{HEAP_TRACING: (CODE, 4), "records": (VARIABLE, 64)})),
    "no records": status(program=Symbols(**{HEAP_TRACING: (CODE, 4)})),
    "a mark": asked,
    "a process that obeys": process_asked(True),
    "a process that does not allocate": process_asked(False),
    "holes": with_holes,
    "no events": listed("log"),
    "no event that passes": listed("log", "--kind", "mark", "--task", "nobody", tasks=("net", "ui")),
    "no block that passes": listed("blocks", "--size", "1:2", "--task", "nobody"),
    "no blocks": lambda: ask(world([(BASE, bytes(64))], [HEAP]), "blocks", heap=HEAP),
    "an assertion": counted_late,
    "bytes that are no blocks": broken("blocks"),
    "bytes that are not scanned": broken("refs", hex(A)),
    "Ctrl-C before totals": lambda: slow_world.interrupted("free"),
    "no globals": without_globals,
    "a root that is not there": unreachable(range(slow_world.GLOBALS, slow_world.GLOBALS + 0x10000)),
    "a root with a hole": unreachable(range(slow_world.GLOBALS + 0x100, slow_world.GLOBALS + 0x200)),
    "a root that is too large": large_section,
    "a section that is not there": absent_section,
    "many pointers": many_pointers,
    "tasks": kernel("status"),
    "tasks of lists that are broken": kernel("status", (lambda image: image.link(image.item("ui"), 1), NOWHERE)),
    "many tasks": kernel("status", names=WORKERS),
    "a stack that cannot be": kernel("free", (lambda image: image.control("ui"), NOWHERE)),
}
