# SPDX-License-Identifier: Apache-2.0
"""Kinds of broken input by name. Each kind writes the files of a case and gives the words of its command.

Approach: what breaks is seldom a byte's value and mostly how structures point at each other. So each kind knows what it
breaks: blocks and rings, headers of cores and programs, debug sections, the order and the ends of images, a server's
manners, texts. Most cases of a kind have some random damage of the bytes beside.
"""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, repeat
from pathlib import Path
from random import Random
from typing import NamedTuple

from gdbext.trace.convert import Conversion
from gdbext.trace.log_writer import LogWriter
from tests.fuzz import carriers, console_texts, dumps, flash_images
from tests.fuzz.subjects import HOSTILE_NAME, Ranges, Subject, log_of, ring_of, subjects
from tests.support import mutate
from tests.support.core import core_bytes, esp_log, esp_partition
from tests.support.listings import any_text
from tests.support.log import Log
from tests.support.mutate import ANY, EXTREMES, STEADY, Mutator, mutated
from tests.support.process_log import ProcessLog
from tests.support.program_elf import FORMS, program_elf, sections
from tests.support.rsp_target import Memory
from tests.support.rsp_virtual import HANG_UP, Piece, VirtualServer
from tests.support.rsp_wire import packet
from tests.support.terminal import HOSTILE

COMMANDS = ("check", "check", "check", "last", "blocks", "free", "log", "status", "refs", "leaks")


OF_RUN_BEFORE = ("check", "last", "blocks", "log", "status", "leaks")


class Case(NamedTuple):
    """The words of a command, and what must hold of it beside what holds of all."""

    words: list[str]
    server: VirtualServer | None = None
    same: list[str] | None = None  # words of which the report must be the same
    undamaged: bool = False


Kind = Callable[[Path, Random], Case]


def command_of(subject: Subject, random: Random, command: str = "") -> list[str]:
    """A command with its options, without its files; the command first."""
    command = command or random.choice(COMMANDS)
    address = (
        [f"{random.choice((*subject.targets, 0, (1 << 32) - 4, 1 << 63)):#x}"] if command in ("last", "refs") else []
    )
    kind, _, at = subject.heap.partition("@")
    kind, at = random.choice(((kind, at),) * 4 + (("auto", at), (kind, f"{random.choice(subject.targets):#x}")))
    heap = ["--heap", f"{kind}@{at}"] if command != "log" and random.random() < 0.8 else []
    option = {"check": "--blocks", "leaks": "--unreachable"}.get(command)
    more = [option] if option is not None and random.random() < 0.7 else []
    if command in OF_RUN_BEFORE and random.random() < 0.15:
        return [command, *address, "--previous", *(["--json"] if random.random() < 0.8 else [])]
    return [command, *address, *heap, *more, *(["--json"] if random.random() < 0.8 else [])]


def moved(base: int, random: Random) -> int:
    """The base of an image, now and then one near the end of what addresses can say."""
    return base if random.random() < 0.96 else random.choice(((1 << 32) - 4096, (1 << 32) - 8, (1 << 64) - 4096, 0))


def as_images(folder: Path, ranges: Ranges, spoil: Callable[[bytes], bytes] = bytes) -> list[str]:
    """Images, every other one packed."""
    words = []
    for number, (base, data) in enumerate(ranges):
        path = folder / f"image{number}"
        path.write_bytes(spoil(gzip.compress(data, 1) if number % 2 else data))
        words += ["--image", f"{base:#x}={path}"]
    return words


def width_of(ranges: Ranges) -> int:
    """The bytes of a word in a core of these ranges."""
    return 8 if any(base >> 32 for base, _ in ranges) else 4


Wrap = Callable[[bytes], bytes]
WRAPS: tuple[Wrap, ...] = (
    lambda elf: elf,
    lambda elf: esp_partition(elf, header=24, sha=True),
    lambda elf: esp_log(esp_partition(elf, header=20, sha=False)).encode(),
)


def in_file(folder: Path, data: bytes, name: str = "core") -> list[str]:
    """A file of these bytes."""
    path = folder / name
    path.write_bytes(data)
    return [str(path)]


def bytes_by(mutator: Mutator) -> Kind:
    """Broken memory, in raw images or a core."""

    def case(folder: Path, random: Random) -> Case:
        subject = random.choice(subjects())
        ranges = [(moved(base, random), bytearray(data)) for base, data in subject.ranges]
        mutator(random.choice(ranges)[1], random, subject.targets)
        broken = [(base, mutated(bytes(data), random, subject.targets)) for base, data in ranges]
        wrap = random.choice((None, None, *WRAPS))
        if wrap is None:
            files = as_images(folder, broken)
        else:
            files = in_file(folder, wrap(core_bytes(broken, word=width_of(broken))))
        return Case([*command_of(subject, random), *files])

    return case


def file_by(mutator: Mutator) -> Kind:
    """Broken files: images, packed ones, cores, what ESP-IDF wraps around them."""

    def case(folder: Path, random: Random) -> Case:
        subject = random.choice(subjects())

        def spoil(data: bytes) -> bytes:
            changed = bytearray(data)
            mutator(changed, random, ())
            return mutated(bytes(changed), random, (), ANY) if random.random() < 0.3 else bytes(changed)

        wrap = random.choice((None, None, *WRAPS))
        if wrap is None:
            files = as_images(folder, list(subject.ranges), spoil)
        else:
            core = core_bytes(subject.ranges, word=width_of(list(subject.ranges)))
            files = in_file(folder, spoil(wrap(core)))
        return Case([*command_of(subject, random), *files])

    return case


def core_headers(folder: Path, random: Random) -> Case:
    """Words of a core's header, of its segments' headers and of its notes are extreme or each other's."""
    subject = random.choice(subjects())
    width = width_of(list(subject.ranges))
    data = core_bytes(subject.ranges, word=width)
    end = (52 + 32 * (len(subject.ranges) + 1) if width == 4 else 64 + 56 * (len(subject.ranges) + 1)) + 48
    head = mutated(data[:end], random, (*range(0, end, 8), len(data)), (mutate.set_word, mutate.copy_within))
    return Case([*command_of(subject, random), *in_file(folder, head + data[end:])])


def overlapping_segments(folder: Path, random: Random) -> Case:
    """Segments over each other: with the same bytes or others, few or thousands, at odd places."""
    subject = random.choice(subjects())
    ranges = list(subject.ranges)
    for _ in range(random.choice((1, 3, 30))):
        base, data = random.choice(subject.ranges)
        start = random.randrange(len(data))
        piece = data[start : start + random.choice((1, 64, 4096, len(data)))]
        ranges.append((base + start + random.choice((0, 0, 4, -64)), mutated(piece, random, ()) or b"x"))
    ranges = [(max(0, base), data) for base, data in ranges]
    random.shuffle(ranges)
    width = width_of(ranges)
    core = core_bytes(ranges, word=width)
    if random.random() < 0.5 and width == 4:
        core = amplified(core, len(ranges), random)
    return Case([*command_of(subject, random), *in_file(folder, core)])


def amplified(core: bytes, segments: int, random: Random) -> bytes:
    """The same core with thousands of further segments over the bytes that it has."""
    count = random.choice((100, 3000, 30_000))
    size, step = random.choice((16, 4096, len(core), 1 << 20)), random.choice((0, 1, 4096, 1 << 20))
    rows = [core[52 : 52 + 32 * (segments + 1)]]
    for number in range(count):
        rows.append(struct.pack("<8I", 1, 52, (0x5000_0000 + number * step) & 0xFFFF_FFFF, 0, size, size, 6, 4))
    table, total = len(core), count + segments + 1
    head = core[:28] + table.to_bytes(4, "little") + core[32:44] + total.to_bytes(2, "little") + core[46:]
    return head + b"".join(rows)


def images_cut(folder: Path, random: Random) -> Case:
    """Images that end early. What is not there is no damage."""
    subject = random.choice([one for one in subjects() if one.is_clean])
    ranges = [(base, data[: random.randrange(1, len(data) + 1)]) for base, data in subject.ranges[:-1]]
    words = ["check", "--heap", subject.heap, "--json", *as_images(folder, [*ranges, subject.ranges[-1]])]
    return Case(words, undamaged=True)


def images_holed(folder: Path, random: Random) -> Case:
    """Images with holes, in raw files or the segments of a core. What is not there is no damage."""
    subject = random.choice([one for one in subjects() if one.is_clean])
    pieces: Ranges = [subject.ranges[-1]]
    for base, data in subject.ranges[:-1]:
        edges = sorted(random.sample(range(len(data) + 1), min(len(data), random.choice((2, 2, 4, 8)))))
        kept = [(0, edges[0]), *zip(edges[1::2], [*edges[2::2], len(data)], strict=False)]
        pieces += [(base + low, data[low:high]) for low, high in kept if low < high]
    if random.random() < 0.5:
        files = as_images(folder, pieces)
    else:
        files = in_file(folder, core_bytes(pieces, word=width_of(pieces)))
    return Case(["check", "--heap", subject.heap, "--json", *files], undamaged=True)


def images_in_any_order(folder: Path, random: Random) -> Case:
    """The same pieces of memory in two orders; some overlap, of which some differ."""
    subject = random.choice(subjects())
    pieces: Ranges = []
    for base, data in subject.ranges:
        step = max(1, len(data) // random.choice((1, 2, 5)))
        for at in range(0, len(data), step):
            pieces.append((base + at, data[at : at + step + random.choice((0, 8, 100))]))
    if random.random() < 0.4:
        number = random.randrange(len(pieces))
        pieces[number] = (pieces[number][0], mutated(pieces[number][1], random, ()) or b"x")
    words = as_images(folder, pieces)
    pairs = [words[at : at + 2] for at in range(0, len(words), 2)]
    command = command_of(subject, random)
    orders = [random.sample(pairs, len(pairs)) for _ in range(2)]
    first, second = ([*command, *chain.from_iterable(order)] for order in orders)
    return Case(first, same=second)


def of_program(broken: Callable[[bytes, Random], bytes]) -> Kind:
    """A core whose ring has stacks in a program that is broken."""

    def case(folder: Path, random: Random) -> Case:
        subject = random.choice([one for one in subjects() if one.width == 4])
        elf = broken(program_elf(random.choice(list(FORMS))), random)
        (folder / "app.elf").write_bytes(elf)
        if random.random() < 0.3:
            files = as_images(folder, list(subject.ranges))
        else:
            files = in_file(folder, core_bytes(subject.ranges))
        return Case([*command_of(subject, random), *files, "--elf", str(folder / "app.elf")])

    return case


def program_bytes(elf: bytes, random: Random) -> bytes:
    """Anything anywhere."""
    return mutated(elf, random, (), ANY)


def section_headers(elf: bytes, random: Random) -> bytes:
    """Fields of section headers are extreme, off by little or another's; or the fields that lead to them are."""
    changed, known = bytearray(elf), sections(elf)
    for _ in range(random.choice((1, 1, 2, 5))):
        one, other = random.choice(known), random.choice(known)
        place = one.header + 4 * random.randrange(10)
        if random.random() < 0.15:
            place = random.choice((16, 24, 32, 46, 48))
        (old,) = struct.unpack_from("<I", changed, place)
        near = (old + 1, old - 1, old ^ 1 << random.randrange(32))
        value = random.choice((random.choice(EXTREMES), *near, *other[2:], len(elf)))
        struct.pack_into("<I", changed, place, value & 0xFFFF_FFFF)
    return bytes(changed)


def within(prefixes: tuple[str, ...]) -> Callable[[bytes, Random], bytes]:
    """The bytes of some sections."""

    def broken(elf: bytes, random: Random) -> bytes:
        named = [one for one in sections(elf) if one.name.startswith(prefixes) and one.size and one.kind != 8]
        for one in random.choices(named, k=random.choice((1, 1, 3))) if named else ():
            part = elf[one.offset : one.offset + one.size]
            elf = elf[: one.offset] + mutated(part, random, range(0, one.size, 16)) + elf[one.offset + one.size :]
        return elf

    return broken


def escapes(folder: Path, random: Random) -> Case:
    """Texts that would command a terminal: in the ring, in notes, in symbols, in file names, in what is typed."""
    subject = random.choice([one for one in subjects() if one.width == 4])

    def hostile(size: int) -> bytes:
        return "".join(random.choices(HOSTILE, k=9)).encode()[:size]

    ring = ring_of(4, [(target, 32) for target in subject.targets[:20]], random)
    notes = [(b"ESP_PANIC_DETAILS", 679, b"assert failed: " + hostile(12) + b" tlsf.c:9 (" + hostile(20) + b")\0")]
    core = core_bytes([*subject.ranges[:-1], (ring.address, ring.data())], notes=notes)
    elf = program_elf(random.choice(list(FORMS)))
    for name in (b"leaf", b"middle", b"app_main", b"app.c", b"heap_of_mine"):
        elf = elf.replace(name, hostile(len(name)).ljust(len(name), b"\x1b"))
    name = "app" + random.choice(("", *HOSTILE[:-1])).replace("/", "")
    files = [*in_file(folder, core, name), "--elf", *in_file(folder, elf, name + ".elf")]
    command = command_of(subject, random)
    task = ["--task", random.choice((HOSTILE_NAME, *HOSTILE[:-1]))] if command[0] in ("log", "blocks") else []
    return Case([*command, *task, *files, *([random.choice(HOSTILE[:-1])] if random.random() < 0.1 else [])])


def memory_answer(memory: Memory, request: bytes) -> bytes:
    """What a sound server says."""
    if request.startswith(b"qSupported"):
        return b"PacketSize=1000;QStartNoAckMode+"
    if request == b"QStartNoAckMode":
        return b"OK"
    if request == b"?":
        return b"T05"
    if request[:1] == b"m":
        start, length = (int(word, 16) for word in request[1:].split(b","))
        return memory.read(start, length).hex().encode() or b"E01"
    return b""


Manners = Callable[[bytes, Random], Iterator[Piece]]


def _in_pieces(data: bytes, random: Random) -> Iterator[Piece]:
    at = 0
    while at < len(data):
        size = random.choice((1, 1, 7, 100, 1000))
        yield random.choice((0.0, 0.01, 0.5, 2.0, 6.0)), data[at : at + size]
        at += size


def _misbehaves(reply: bytes, random: Random) -> Iterator[Piece]:
    sound = b"+" + packet(reply)
    yield from random.choice(
        (
            [(0.0, mutated(sound, random, (), ANY))],
            [(0.0, b"+" + packet(mutated(reply, random, (), ANY)))],
            [(0.0, b"-")] * random.choice((1, 2, 9)) + [(0.0, sound)],
            [(0.0, sound + packet(b"O4142") + packet(b"T0b") + sound)],
            [(0.0, packet(b"T05"))] * random.choice((1, 70)) + [(0.0, sound)],
            [(0.0, b"+" + packet(reply[: len(reply) // 2]))],
            [(0.0, b"+" + packet(reply + reply))],
            [(0.0, b"+" + packet(random.choice((b"", b"E01", b"E.why", b"zz", b"OK", b"00" * 9))))],
            [(0.0, sound[: random.randrange(len(sound))]), (0.0, HANG_UP)],
            [(11.0, sound)],
            [(0.0, b"+$0*~0*~0*~#00" * 99)],
            [],
        )
    )


def _drips(reply: bytes, random: Random) -> Iterator[Piece]:
    sound = b"+" + packet(reply)
    drips: tuple[Callable[[], Iterator[Piece]], ...] = (
        lambda: repeat((random.choice((0.1, 2.0, 9.9)), b"+")),
        lambda: _in_pieces(sound, random),
        lambda: _in_pieces(sound, random),
        lambda: repeat((random.choice((0.1, 1.0, 9.0)), random.choice((b"$", b"$00", b"#", b"x", b"-", b"%a#61")))),
        lambda: chain(repeat((0.5, packet(b"O")), random.choice((3, 40, 100))), [(0.0, sound)]),
        lambda: repeat((random.choice((0.01, 5.0)), packet(random.choice((b"O41", b"T05", b""))))),
        lambda: chain([(9.0, sound)], repeat((0.1, b"+"))),
    )
    yield from random.choice(drips)()


def server(manners: Manners) -> Kind:
    """A server that now and then has manners of its own."""

    def case(_: Path, random: Random) -> Case:
        subject = random.choice(subjects())
        memory, often = Memory.of(subject.ranges), random.choice((0.02, 0.2, 1.0))

        def answer(request: bytes) -> Iterator[Piece]:
            reply = memory_answer(memory, request)
            if random.random() < often:
                yield from manners(reply, random)
            else:
                yield 0.001, b"+" + packet(reply)

        command = command_of(subject, random, random.choice([name for name in COMMANDS if name != "leaks"]))
        heap = [] if "--heap" in command or command[0] == "log" else ["--heap", subject.heap]
        return Case([*command, *heap, "--rsp", "here:1"], VirtualServer(answer))

    return case


def log_of_any_form(random: Random) -> bytes:
    """A log: in rows or packs, with streams in or out of order, or of another tool."""
    form = random.choice(
        (
            "rows",
            "rows",
            "packs",
            "zstd",
            "streams",
            "unsorted",
            "process",
            "media_lib",
            "py_malloc",
            "heaptrack",
            "raw",
        )
    )
    if form in ("packs", "zstd"):
        writer = LogWriter(True, 3 if form == "zstd" else None)
        return b"".join(piece or b"" for piece in Conversion(writer, "all").pieces([log_of(random)]))
    if form == "process":
        return process_log_of(random)
    if form in ("streams", "unsorted"):
        log = Log(random.choice((4, 8)), random.choice(("little", "big")), 2 if form == "streams" else 10)
        for number in range(random.randrange(1, 12)):
            inside = log.inside()
            for inside.time in range(number, number + random.randrange(1, 20)):
                inside.event(random.choice(("alloc", "free")), 64 * random.randrange(9), 24)
            log.region(random.randrange(3), random.choice((number, 20 - number, 0)), inside.data)
        return bytes(log.data)
    calls = [(random.randrange(1, 1 << 28), random.randrange(200)) for _ in range(80)]
    if form == "py_malloc":
        line = '{{"op":{op},"p":"{p:#x}","p2":"{p:#x}","size":{size},"return_addr":["0x401000"]}}\n'
        return "".join(line.format(op=random.randrange(1, 4), p=p, size=size) for p, size in calls).encode()
    if form in ("heaptrack", "raw"):
        return heaptrack_of(random, form == "raw", calls)
    taken = [b"+\2\0\0" + struct.pack("<4I", place, size, 0x4200_0000, 0x4200_0100) for place, size in calls]
    return b"".join(chain(taken, (b"-\0" + struct.pack("<I", place) for place, _ in calls[::2])))


def process_log_of(random: Random) -> bytes:
    """A log as the recorder of Linux processes writes them: of threads, with windows that are packs or rows."""
    width, room = random.choice((4, 8)), random.choice((512, 4096))
    log = ProcessLog(how=random.randrange(3), region_bytes=room, pointer_size=width)
    for number in range(16, 16 + random.randrange(1, 6)):
        log.thread(number, HOSTILE_NAME)
    for time in range(random.choice((5, 300))):
        thread = random.randrange(16, 16 + len(log.threads) - 1)
        log.event(thread, 10 * time, random.choice(("alloc", "free", "map")), 64 * random.randrange(30), 24)
        if random.random() < 0.05:
            log.pack(thread)
    return log.finish(torn=random.random() < 0.5)


def heaptrack_of(random: Random, raw: bool, calls: list[tuple[int, int]]) -> bytes:
    """What heaptrack writes of calls, of two versions, with names that would command a terminal."""
    version = random.choice((2, 3))
    names = [
        random.choice(("main", "std::vector<int>::push_back(int)", "/lib/libheaptrack_preload.so", *HOSTILE))
        for _ in "abc"
    ]

    def sized(text: str) -> str:
        return f"{len(text.encode()):x} {text}" if version == 3 else text

    lines = [
        f"v 10400 {version}",
        f"x {sized('/app')}" if raw else "X app",
        "I 1000 10",
        random.choice(("A", "S leak:x")),
    ]
    if raw:
        lines += [
            f"m {sized('-')}",
            f"m {sized('x')} 400000 0 1000 1000 2000",
            f"m {sized('libheaptrack_preload.so')} 700000 0 9",
        ]
        lines += ["t 401000 0", "t 700004 1"]
        lines += [f"+ {size:x} {random.randrange(1, 3):x} {place:x}" for place, size in calls]
        lines += ["c a", *(f"- {place:x}" for place, _ in calls[::2])]
    else:
        lines += [*(f"s {sized(name)}" for name in names), "i 401000 1 1 2 7 2 3 9", "i 402000 3", "t 1 0", "t 2 1"]
        lines += [f"a {size:x} {random.randrange(1, 3):x}" for _, size in calls]
        lines += [f"+ {number:x}" for number in range(len(calls))] + [
            f"- {number:x}" for number in range(0, len(calls), 2)
        ]
    return "".join(f"{line}\n" for line in [*lines, "c 14", "R 99", "# strings: 3"]).encode()


def logs(folder: Path, random: Random) -> Case:
    """A broken log, and reports over it; sometimes beside another one, or packed."""
    files = []
    for name in ("a.log", "b.log"):
        data = mutated(log_of_any_form(random), random, (0x2000_0000, 0x2000_0040), ANY)
        files += in_file(folder, gzip.compress(data, 1) if random.random() < 0.2 else data, name)
    command = random.choice(("report", "report", "tree", "diff", "last", "blocks", "log", "leaks", "status"))
    words = {"diff": files, "last": [random.choice(("0x20000040", "0x40", "100")), files[0]]}.get(command, files[:1])
    more = [["--run", random.choice(("all", "1", "2"))]] if random.random() < 0.3 else []
    more += [["--json"] if random.random() < 0.8 else ["--leaks", "--timeline", "--all"] if command == "report" else []]
    return Case([command, *words, *chain(*more)])


def listed(folder: Path, random: Random) -> Case:
    """A command on listings in a console text."""
    data = [any_text(random) for _ in range(2)]
    broken = [mutated(one, random, (0x3FCA_0000, 0x3FCA_0040), ANY) if random.random() < 0.5 else one for one in data]
    files = [word for one, name in zip(broken, "ab", strict=True) for word in in_file(folder, one, name)]
    command = random.choice(("report", "report", "tree", "diff", "last", "blocks", "log", "leaks", "status"))
    words = {"diff": files, "last": ["0x3fca0000", files[0]]}.get(command, files[:1])
    return Case([command, *words, *(["--json"] if random.random() < 0.8 else [])])


def dumped(folder: Path, random: Random) -> Case:
    """A command on what other tools have listed or added up."""
    return Case(list(dumps.words_on(random, folder)))


def carried(carry: Callable[[Random], bytes]) -> Kind:
    """A command on a file that carries a log."""

    def case(folder: Path, random: Random) -> Case:
        command = random.choice((["log"], ["last", "0x1010"], ["leaks"]))
        packed = gzip.compress if random.random() < 0.2 else bytes
        json = ["--json"] if random.random() < 0.8 else []
        return Case([*command, *json, *in_file(folder, packed(carry(random)), "carrier")])

    return case


def flash_image(folder: Path, random: Random) -> Case:
    """A broken flash image: what is in it, a file of it, or a report on the log in it."""
    image = folder / "flash.bin"
    path = flash_images.write(image, random)
    if random.random() < 0.3:
        return Case(["report", str(image), "--json", *(["--path", path] if random.random() < 0.5 else [])])
    taken = ["--path", path, "--output", str(folder / "out")]
    return Case(["extract", str(image), *(["--list", "--json"] if random.random() < 0.5 else taken)])


def console_text(folder: Path, random: Random) -> Case:
    """A broken console text, and what is said of it."""
    path = folder / "console.log"
    path.write_bytes(console_texts.broken(random))
    return Case(["explain", str(path), random.choice(("--json", "--json", "--summary"))])


KINDS: dict[str, Kind] = {
    **{mutator.__name__: bytes_by(mutator) for mutator in dict.fromkeys(STEADY)},
    "logs": logs,
    "listings": listed,
    "dumps": dumped,
    "cut": file_by(mutate.cut),
    "drop": file_by(mutate.drop),
    "core_headers": core_headers,
    "overlapping_segments": overlapping_segments,
    "images_cut": images_cut,
    "images_holed": images_holed,
    "images_in_any_order": images_in_any_order,
    "program_bytes": of_program(program_bytes),
    "program_section_headers": of_program(section_headers),
    "program_debug_sections": of_program(within((".debug_",))),
    "program_symbols": of_program(within((".symtab", ".strtab", ".shstrtab", ".note"))),
    "escapes": escapes,
    "server_misbehaves": server(_misbehaves),
    "server_drips": server(_drips),
    "flash_partition": carried(carriers.partition),
    "serial_line": carried(carriers.line),
    "flash_image": flash_image,
    "console_text": console_text,
}


def kind_of(number: int) -> str:
    """The name of a case's kind."""
    names: Sequence[str] = tuple(KINDS)
    return names[number % len(names)]
