# SPDX-License-Identifier: Apache-2.0
"""What a fault of the processor shows: inside of the allocator or elsewhere, and what its address was made of.

Approach: names decide where there are any. Without them an allocator is told by what only it does: its control block is
in a register, or the address is an overwritten link or size word. Code that runs from internal RAM is the allocator's
or the kernel's; a wild address there is a possibility, and is said as one.
"""

from __future__ import annotations

import re
from typing import List, Optional, Tuple

from gdbext.analyse.console.case import Case, Verdict
from gdbext.analyse.console.memory import CODE, EXECUTABLE, FLASH, IRAM, NULL, RAM, ROM
from gdbext.analyse.console.messages import (
    ELSEWHERE,
    IN_ALLOCATOR,
    LIKELY,
    OUT_OF_MEMORY,
    POSSIBLE,
    SHOWN,
    WRITE_AFTER_FREE,
)
from gdbext.analyse.console.wild import Wild, holds_control_block, wild_address
from gdbext.model.said import Said, said

READ, WRITE, EXECUTE, ACCESS = "read", "write", "execute", "access"
_READ = re.compile(r"(?i)load access|LoadProhibited|load page|read access")
_WRITE = re.compile(r"(?i)store access|StoreProhibited|store/amo|store page|write access|AMO access")
_EXECUTE = re.compile(r"(?i)instruction (?:access|page|bus)|InstrFetch|InstFetch|instruction fetch")
_ACCESS = re.compile(
    r"(?i)LoadStore|access|prohibited|bus (?:fault|error)|mpu|mem ?manage|data abort|segmentation|SIGSEGV|hard ?fault"
    r"|cache error"
)
_ILLEGAL = re.compile(r"(?i)illegal instruction|IllegalInstr|undefined instruction|SIGILL")
_MISALIGNED = re.compile(r"(?i)misaligned|alignment|unaligned")
_DIVIDED = re.compile(r"(?i)divide|division|floating point")
_ESP8266 = {
    0: "IllegalInstruction", 2: "InstrFetchError", 3: "LoadStoreError", 4: "Level1Interrupt", 6: "IntegerDivideByZero",
    9: "LoadStoreAlignment", 20: "InstrFetchProhibited", 28: "LoadProhibited", 29: "StoreProhibited",
}  # fmt: skip
_OF_FAULTS = (2, 3, 9, 20, 28, 29)  # causes that Xtensa's panic handlers give no other meaning
_LITTLE_LEFT = 32  # of so many bytes in a heap one may be free when memory is nearly used up


def of_fault(case: Case) -> Optional[Verdict]:
    """Judges a fault."""
    facts = case.facts
    reason = facts.panic or (None if facts.exception is None else _ESP8266.get(facts.exception, str(facts.exception)))
    reason = reason or facts.fault or (facts.fatal[1] if facts.fatal and facts.fatal[0] < 2 else None) or _cause(case)
    if reason is None:
        return None
    address, access = facts.fault_address, _access(reason)
    wild = None if address is None or access is None else wild_address(case.crash, address, case.places)
    return (
        _without_memory(case, address, access)
        or (_in_allocator(case, address, access, wild) if access is not None else None)
        or _through_freed(address, access, wild)
        or _elsewhere(case, reason, address, access, wild)
    )


def _cause(case: Case) -> Optional[str]:
    """The reason as Xtensa's register has it, where the line that says it is cut off."""
    facts, cause = case.facts, case.crash.named_registers.get("exccause")
    if cause not in _OF_FAULTS or facts.abort is not None or facts.assertion is not None or facts.silent is not None:
        return None
    return _ESP8266[cause]


def _access(reason: str) -> Optional[str]:
    pairs = ((_MISALIGNED, None), (_EXECUTE, EXECUTE), (_READ, READ), (_WRITE, WRITE), (_ACCESS, ACCESS))
    return next((access for pattern, access in pairs if pattern.search(reason)), None)


def _without_memory(case: Case, address: Optional[int], access: Optional[str]) -> Optional[Verdict]:
    """A write through NULL right behind an allocation that was refused."""
    facts = case.facts
    is_null = address is not None and case.places.kind(address) == NULL and access in (READ, WRITE, ACCESS)
    if not is_null or address is None or not (facts.is_refused or is_used_up(case)):
        return None
    text = [said("null-after-refusal", access=_word(access), address=address), *of_refusal(case)]
    return Verdict(OUT_OF_MEMORY, LIKELY, tuple(text), (address,))


def is_used_up(case: Case) -> bool:
    """Tells whether a summary right before the crash shows that memory is nearly used up."""
    found = case.facts.free
    return found is not None and found[0] * _LITTLE_LEFT < found[0] + found[1]


def of_refusal(case: Case) -> List[Said]:
    """What the text says of an allocation that was refused, and of the memory that was left."""
    facts, text = case.facts, []
    if facts.size is not None and facts.caps is not None:
        text.append(said("refused-caps", size=facts.size, caps=facts.caps))
    elif facts.size is not None and facts.caller is not None:
        text.append(said("refused-caller", size=facts.size, caller=facts.caller))
    elif facts.size is not None:
        text.append(said("refused", size=facts.size))
    elif facts.is_refused:
        text.append(said("refused-some"))
    if facts.free is not None:
        free, used, largest = facts.free
        left = said("left-used-up") if is_used_up(case) else said("left")
        text.append(said("left-of", left=left, free=free, total=free + used, largest=largest))
    return text


def _in_allocator(case: Case, address: Optional[int], access: Optional[str], wild: Optional[Wild]) -> Optional[Verdict]:
    """A fault in an allocator, by its name or by what only it does."""
    frame, found = case.allocator_frame(), () if address is None else (address,)
    if frame is not None:
        what = said("fault-in", function=frame.function or "")
        text = (what, *_made_of(wild), *_unread(case, address), said("possible-causes"))
        return Verdict(IN_ALLOCATOR, SHOWN, text, found)
    place = None if case.pc is None else case.places.kind(case.pc)
    if case.is_named or place not in (IRAM, ROM, RAM) or access == EXECUTE:
        return None
    control = holds_control_block(case.crash)
    is_wild = address is not None and case.places.kind(address) is None
    if is_wild and control is not None:
        text = (said("fault-follows"), said("has-control-block", heap=control), *_made_of(wild))
        return Verdict(IN_ALLOCATOR, LIKELY, (*text, said("possible-causes")), found)
    if wild is not None and wild.is_of_links:
        return Verdict(IN_ALLOCATOR, LIKELY, (said("fault-follows"), wild.words, said("possible-causes")), found)
    if place == IRAM and (is_wild or address is None):
        text = (said("fault-in-iram", pc=case.pc or 0), *_made_of(wild), *_unread(case, address))
        return Verdict(IN_ALLOCATOR, POSSIBLE, (*text, said("possible-causes")), found)
    return None


def _made_of(wild: Optional[Wild]) -> Tuple[Said, ...]:
    return () if wild is None else (wild.words,)


def _unread(case: Case, address: Optional[int]) -> Tuple[Said, ...]:
    return (said("address-not-in-text"),) if address is None and case.is_cut else ()


def _through_freed(address: Optional[int], access: Optional[str], wild: Optional[Wild]) -> Optional[Verdict]:
    """A pointer that was read out of freed memory, which the allocator had filled."""
    if wild is None or not wild.is_freed or address is None:
        return None
    text = (said("used-freed", access=_word(access), address=address), wild.words)
    return Verdict(WRITE_AFTER_FREE, LIKELY, text, (address,))


def _elsewhere(case: Case, reason: str, address: Optional[int], access: Optional[str], wild: Optional[Wild]) -> Verdict:
    """A fault in the program itself."""
    text = [_where(case, reason, address, access), *_made_of(wild)]
    text += _unread(case, address) if access in (READ, WRITE, ACCESS) else ()
    text += _flash_register(case, address, access)
    is_placed = case.pc is not None or bool(case.frames) or access is None
    found = () if address is None or access is None else (address,)
    return Verdict(ELSEWHERE, SHOWN if is_placed else POSSIBLE, tuple(text), found)


def _flash_register(case: Case, address: Optional[int], access: Optional[str]) -> List[Said]:
    """Where the text ends before the address: an argument that points to what cannot be written."""
    if address is not None or access != WRITE:
        return []
    arguments = [value for name, value in case.crash.registers if re.fullmatch(r"a[0-5]", name)]
    found = next((value for value in arguments if case.places.kind(value) == FLASH), None)
    return [] if found is None else [said("register-in-flash", value=found)]


def _where(case: Case, reason: str, address: Optional[int], access: Optional[str]) -> Said:
    pc, ra = case.pc, case.crash.named_registers.get("ra", case.crash.named_registers.get("lr"))
    is_lost = pc is not None and case.places.is_known and case.places.kind(pc) not in (*EXECUTABLE, RAM)
    if pc is not None and (access == EXECUTE or (is_lost and _ILLEGAL.search(reason))):
        return said("jumped", pc=pc) if ra is None else said("jumped-from", pc=pc, ra=ra)
    if access is None:
        return _not_of_memory(reason)
    if address is None:
        return said("fault-plain", reason=reason)
    kind = case.places.kind(address)
    if kind == NULL:
        return said("access-null", access=_word(access), address=address, reason=reason)
    if kind in (FLASH, CODE, ROM) and access in (WRITE, ACCESS):
        return said("access-read-only", address=address, reason=reason)
    return said("access-nowhere", access=_word(access), address=address, reason=reason)


def _not_of_memory(reason: str) -> Said:
    if _DIVIDED.search(reason):
        return said("divided", reason=reason)
    if _MISALIGNED.search(reason):
        return said("misaligned", reason=reason)
    if _ILLEGAL.search(reason):
        return said("illegal", reason=reason)
    return said("fault-plain", reason=reason)


def _word(access: Optional[str]) -> Said:
    if access == READ:
        return said("access-read")
    return said("access-write") if access == WRITE else said("access-any")
