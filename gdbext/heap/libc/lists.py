# SPDX-License-Identifier: Apache-2.0
"""newlib-nano's and picolibc's heaps: from the first chunk to the end of what sbrk gave, with the free lists.

Approach: chunks follow each other by their sizes. They end where sbrk's own variable says, or, if that is not known or
is wrong, at the address that some variable of the program holds and that a chain of chunks leads to. A chunk is free
if it is on a list; only newer picolibc has a bit for it, which is recognised by the chunks on the list. The head of the
list is a variable. If symbols do not tell where, it is looked for beside the one that holds the first chunk's address.
Rejected: taking chunks for free by what lies in them (old links stay in used chunks).
Cost: one word for each chunk, two more for each free one. Without symbols, a pass over the small ranges of the file.
Assumptions: sbrk gives one piece after the other. Memory that somebody else took from sbrk in between looks like a
damaged size, because nothing tells it from one.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Callable, List, Optional, Set, Tuple

from gdbext.heap.allocator import LARGEST_HEAP
from gdbext.heap.cover import NOTHING_KNOWN, Agrees, Evidence
from gdbext.heap.ends import FAR_BYTES, WINDOW_BYTES, PagedReader, chains, follow, known_until, look_ahead
from gdbext.heap.geometry import FLAG_BITS, FREE_BIT, Pool
from gdbext.heap.libc.layout import MAIN_LIST, ListChunks, NanoChunks, PicoChunks
from gdbext.heap.libc.variables import Variables, words_of_variables
from gdbext.heap.walk import LinkFault, Node, Walk, walk_pools
from gdbext.model.record import replace
from gdbext.model.region import Region
from gdbext.model.said import Said, said
from gdbext.source.memory import Memory
from gdbext.source.snapshot import WordReader

_COARSE = 16  # bytes; picolibc's granule where the largest scalar has so many
_FEWEST_BLOCKS = 4  # chunks that speak for a heap that nobody has named
_AS_TOLD, _BY_VARIABLE, _BY_SIZES = said("top-told"), said("top-found"), said("top-by-sizes")
_FEWEST_ZEROS = 3
_ZEROS_PER_OTHER = 16  # of so many chunks one, and one more, may be damaged

Form = Callable[[int, int, Pool], ListChunks]  # of a word's size, the first head's address, and a pool


def nano_form(word: int, address: int, pool: Pool) -> ListChunks:
    """Returns newlib-nano's form of chunks."""
    return NanoChunks(f"newlib-nano-{8 * word}", word, word, word, 8, address, (pool,), (), word, False)


def pico_form(word: int, address: int, pool: Pool) -> ListChunks:
    """Returns picolibc's form of chunks, without flags."""
    return PicoChunks(f"picolibc-{8 * word}", word, word, word, word, address, (pool,), (), 0, False)


def recognise_lists(memory: Memory, region: Region, form: Form, claimed: bool) -> Optional[ListChunks]:
    """Returns the layout of the heap whose first chunk is at a region's address; None if there is none. `claimed`: a
    user or a symbol says that it is of this form.
    """
    word, address = memory.source.pointer_size, region.address
    if address % word:
        return None
    memory.fetch(address, 2 * word)
    high = known_until(memory, address, LARGEST_HEAP)
    read = PagedReader(memory, address)
    probe = form(word, address, Pool(address + word, high - (high - address) % word + word))
    known, probe = _with_lists(memory, region, probe, read)
    stop, _, count = follow(probe, probe.header_reader(read), probe.first, probe.end)
    look_ahead(memory, stop, high)
    layout = _ended(memory, probe, read, stop - word, high, known)
    if layout is None or (
        not claimed and (known.head is None or count < _FEWEST_BLOCKS or layout.ends_at == _BY_SIZES)
    ):
        return None
    return _listed(layout, read)


def _with_lists(memory: Memory, region: Region, probe: ListChunks, read: WordReader) -> Tuple[Variables, ListChunks]:
    """Returns the layout with its lists, and what variables hold. picolibc has three forms: that is taken of which more
    list pointers lead to heads with the right flag.
    """
    forms: List[ListChunks] = [probe]
    if isinstance(probe, PicoChunks):
        flagged = replace(probe, name=f"{probe.name}-flagged", flagged=True)
        forms = [probe, replace(probe, to_payload=probe.word), flagged]
    found = []
    for form in forms:
        known = Variables.of(memory, region, form)
        listed = replace(form, head=known.head, buckets=known.buckets, lists_known=known.told)
        found.append((known, _listed(_granular(listed, read), read)))
    return max(found, key=lambda pair: _fitness(pair[1], read))


def _fitness(layout: ListChunks, read: WordReader) -> Tuple[int, int, int]:
    """Returns how many chunks on lists have a size and a flag as they must, less how many have not, and how many chunks
    the sizes lead over.
    """
    lists, header, right = read_lists(layout, read), layout.header_reader(read), 0
    payloads = _chain(layout, read)
    for node in lists.nodes:
        word = header(node.payload - layout.word) or 0
        sound = layout.smallest <= word & ~FLAG_BITS <= layout.end - node.payload
        flag = bool((read(node.payload - layout.word) or 0) & 1) == layout.flagged
        right += sound and flag and (node.payload in payloads or node.payload > max(payloads, default=0))
    return right, right - len(lists.nodes) - len(lists.faults), len(payloads)


def _chain(layout: ListChunks, read: WordReader) -> Set[int]:
    """Returns the payloads that sizes lead to from the first chunk on, with the one where they stop."""
    header, payload, found = layout.header_reader(read), layout.first, set()
    while payload < layout.end:
        size = (header(payload - layout.word) or 0) & ~FLAG_BITS
        if size < layout.smallest or size > layout.end - payload:
            break
        found.add(payload)
        payload += size + layout.word
    return found | {payload}


def _granular(layout: ListChunks, read: WordReader) -> ListChunks:
    """Returns the layout with the coarser granule if every chunk keeps to it."""
    places = {*_chain(layout, read), *(node.payload for node in read_lists(layout, read).nodes)}
    if not isinstance(layout, PicoChunks) or not layout.flagged or len(places) < _FEWEST_BLOCKS:
        return layout
    return layout if any(place % _COARSE for place in places) else replace(layout, granule=_COARSE)


def _listed(layout: ListChunks, read: WordReader) -> ListChunks:
    nodes = read_lists(layout, read).nodes
    return replace(layout, listed=frozenset(node.payload - layout.word for node in nodes))


def _ended(
    memory: Memory, probe: ListChunks, read: WordReader, stop: int, high: int, known: Variables
) -> Optional[ListChunks]:
    """Returns the layout with the heap's end. `stop`: the address where the chain of chunks stops."""
    doubtful = _doubtful(probe, read, stop)

    def to(end: int, why: Said, is_open: bool = False) -> Optional[ListChunks]:
        pool = Pool(probe.first, end + probe.word, is_open)
        return replace(probe, pools=(pool,), ends_at=why) if end > probe.control or known.told else None

    def fits(value: int) -> bool:
        return doubtful <= value <= high + FAR_BYTES and (value - probe.control) % probe.word == 0

    if known.top is not None and probe.control <= known.top <= high + FAR_BYTES and known.top % probe.word == 0:
        return to(known.top, _AS_TOLD)
    lists = {head[1] for head in probe.heads if head is not None}  # they may lead to heads of chunks, no ends
    words = words_of_variables(memory, probe.control)
    ends = {value for value in words if fits(value) and value <= high and value not in lists}
    leads_past = (probe.header_reader(read)(stop) or 0) & ~FLAG_BITS
    # Memory is missing, or the size is damaged.
    unread = read(stop) is None or high - stop - probe.word < leads_past < FAR_BYTES
    if stop == max(ends, default=high):
        return to(stop, _BY_VARIABLE) if stop in ends else to(stop, _BY_SIZES, unread)
    if unread and not ends:
        return to(stop, _BY_SIZES, True)
    low, last = doubtful + probe.word, min(high, doubtful + WINDOW_BYTES) + probe.word
    behind = chains(
        probe, probe.header_reader(read), lists_agree(probe, read), low, last,
        lambda payload: payload if payload - probe.word in ends else None,
    )  # fmt: skip
    count, end = max(behind.values(), default=(0, 0))
    if count > 1:
        return to(end - probe.word, _BY_VARIABLE)
    if stop in ends:
        return to(stop, _BY_VARIABLE)
    further = [value for value in ends if value > stop + 2 * probe.smallest]
    return to(max(further), _BY_VARIABLE) if further else to(stop, _BY_SIZES, unread)


def _doubtful(probe: ListChunks, read: WordReader, stop: int) -> int:
    """Returns the head of the first chunk that holds another one that is on a list; `stop` if there is none."""
    chain = sorted(_chain(probe, read))
    inside = [node.payload for node in read_lists(probe, read).nodes if node.payload not in chain]
    first = min((payload for payload in inside if payload - probe.word < stop), default=None)
    return stop if first is None else chain[bisect_right(chain, first) - 1] - probe.word


def lists_agree(layout: ListChunks, read: WordReader) -> Agrees:
    """Returns a check of what stands behind a chunk's head: the link of a free one, nano's offset in a used one."""

    def agrees(payload: int, word: int, _: int) -> bool:
        value = read(payload)
        if word & FREE_BIT:
            return value is None or value == 0 or layout.payload_of(value) is not None
        if isinstance(layout, NanoChunks) and layout.lead(payload):
            return value in (None, layout.offset_word(payload)) or may_be_link(layout, payload, value)
        return True

    return agrees


def may_be_link(layout: ListChunks, payload: int, value: Optional[int]) -> bool:
    """True if a chunk's first word may be its link in the list in address order."""
    target = layout.payload_of(value)
    return value == 0 or (target is not None and target > payload)


def read_lists(layout: ListChunks, read: WordReader) -> Walk:
    """Follows every list. Returns a walk with the lists alone. Each chunk is visited only once."""
    walk = Walk(layout)
    seen: Set[int] = set()
    for slot, head in enumerate(layout.heads):
        if head is not None:
            _follow(walk, layout, read, slot, head[0], head[1], seen)
    return walk


def _follow(
    walk: Walk, layout: ListChunks, read: WordReader, slot: int, place: int, value: int, seen: Set[int]
) -> None:
    previous: Optional[int] = None
    while value:
        rule, target = "list-link", layout.payload_of(value)
        if target is None and layout.is_beyond(value):
            walk.cut_slots.add(slot)
            return
        why = None
        if target is None:
            why = said("chunk-nowhere")
        elif target in seen:
            rule, why = "list-cycle", said("chunk-again")
        elif slot == MAIN_LIST and previous is not None and target < previous:
            why = said("chunk-back")
        if target is None or why is not None:
            to, text = value + layout.to_payload, why or said("chunk-nowhere")
            walk.faults.append(LinkFault(rule, place, value, slot, previous, to, target, text))
            walk.cut_slots.add(slot)
            return
        seen.add(target)
        following = read(target)
        walk.nodes.append(Node(target, slot, place, previous, following, None))
        if following is None:
            walk.cut_slots.add(slot)
            return
        place, value, previous = target, following, target


def walk_lists(layout: ListChunks, read: WordReader, evidence: Evidence = NOTHING_KNOWN) -> Walk:
    """Returns every chunk that can be proven, with the lists."""
    walk = read_lists(layout, read)
    nodes = walk.nodes
    if layout.flagged and not layout.lists_known:
        walk.nodes = []  # a free chunk that is on none of these lists may be in a bucket
    walk_pools(walk, read, lists_agree(layout, read), evidence)
    walk.nodes = nodes
    return walk


def free_beyond(walk: Walk) -> Optional[int]:
    """Returns the last payload up to which the main list could be followed; None if it ends as it should."""
    if MAIN_LIST not in walk.cut_slots:
        return None
    return max((node.payload for node in walk.nodes if node.slot == MAIN_LIST), default=0)


def is_of_wider_words(walk: Walk, read: WordReader) -> bool:
    """True if behind nearly every size stands a word of 0: sizes of 64 bits, read as 32 bits, lead on as well."""
    zeros = sum(1 for payload in walk.payloads if not read(payload))
    others = len(walk.payloads) - zeros
    fewest = 2 if not walk.nodes else _FEWEST_ZEROS  # a list that is not empty speaks for these words
    return zeros >= fewest and others <= 1 + zeros // _ZEROS_PER_OTHER
