# SPDX-License-Identifier: Apache-2.0
"""Explains what the calls at a stop gave to the allocator wrongly, from the frames, the heap and any trace."""

from __future__ import annotations

from typing import Optional

from gdbext.analyse.case import LIKELY, PROVEN, RUN, Case
from gdbext.analyse.explain_frees import explain_refused_free, tell_double_free
from gdbext.analyse.rules_given import foreign_function
from gdbext.analyse.values import owner_words
from gdbext.model.diagnosis import Given
from gdbext.model.events import Generation
from gdbext.model.memory import Reference
from gdbext.model.record import replace
from gdbext.model.said import Said, said


def explain_double_free(case: Case) -> None:
    """Names both frees of a block: of the trace, else the second of the frames, and the first as far as it is known."""
    given = case.witness.given
    if tell_double_free(case, case.block) or given is None:
        return
    first = case.witness.history.newest(case.user)
    if first is not None and first.freed is not None:
        # A record that has room for one free may have this one in place of the first.
        here = set(given.stack[:1]) & set(first.freed)
        case.accuse(PROVEN, case.block, first, said("first-free-or-this") if here else said("first-free"))
    case.accuse(RUN, case.block, _under_way(case, given, first), said("second-free-refused"))
    told = said("given-at-stop", function=given.function)
    case.tell(PROVEN, "double-free", case.user, said("freed-twice", block=case.user), told, said("free-by-heap"))


def explain_refused(case: Case) -> None:
    """Explains a free of what is no block of that heap: by the trace, else by the frames."""
    given = case.witness.given
    if given is None or any(life.payload == case.user for life in case.witness.history.refused()):
        explain_refused_free(case)
        return
    told, holder = said("given-at-stop", function=given.function), case.facts.holder(case.block)
    if given.read is not None or holder is None:
        case.accuse(PROVEN, case.facts.raw(given.pointer), _under_way(case, given, None), said("given-to-free"))
        text = said("no-heap-free", pointer=given.pointer, what=given.what or said("is-nowhere"))
        case.tell(PROVEN, "invalid-free", None, text, told, *map(_held, given.held_by))
    elif holder == case.block and (stranger := foreign_function(case.facts, given)) is not None:
        case.accuse(PROVEN, case.block, why=said("given-to-free"))
        case.accuse(LIKELY, case.block, _under_way(case, given, case.witness.history.newest(case.user)))
        text = said("foreign-free", block=case.user, kind=case.facts.region.kind, function=stranger)
        case.tell(PROVEN, "wrong-heap-free", case.user, text, told)
    elif holder == case.block:
        known = case.witness.history.newest(case.user)
        case.accuse(LIKELY, case.block, _under_way(case, given, known), said("given-to-free"))
        case.tell(LIKELY, "wrong-heap-free", case.user, said("given-to-other", block=case.user), told)
    else:
        owner = case.facts.user(holder)
        case.accuse(PROVEN, holder, why=said("pointer-inside", pointer=case.user))
        case.accuse(LIKELY, case.block, _under_way(case, given, None), said("given-to-free"))
        text = said("interior-free", block=owner, offset=case.user - owner)
        case.tell(PROVEN, "invalid-free", case.user, text, told, said("no-block-there"), *map(_held, given.held_by))


def explain_handed_out(case: Case) -> None:
    """Accuses the last owner of a block whose fill was found changed when it was handed out."""
    freed = [life for life in case.witness.history.generations(case.user) if life.is_freed]
    former = freed[-1] if freed else case.witness.former_owner(case.user)
    stale = case.user if former is None else former.payload
    case.accuse(PROVEN, case.facts.raw(stale), former, None if former is None else said("last-owner"))
    unknown = said("last-owner-unknown") if former is None else None
    case.tell(PROVEN, "write-after-free", stale, said("write-after-free-in", block=stale), unknown)


def _held(reference: Reference) -> Said:
    """Says where a pointer is stored, and whose object that is."""
    if reference.block is None:
        return said("held-in", name=reference.name)
    offset = (reference.address or reference.block) - reference.block
    where = said("held-in-block", block=reference.block, offset=offset)
    owner = owner_words(reference.owner)
    return where if owner is None else said("spot-owned", where=where, owner=owner)


def _under_way(case: Case, given: Given, known: Optional[Generation]) -> Generation:
    """Returns the life that the free at the stop would have ended. It has no place in the order of the trace."""
    life = known or Generation(given.pointer if given.read is not None else case.user, None, None, None, ())
    return replace(life, seq=None, freed_seq=None, freed_task=None, freed=given.stack, in_flight=True, refused=True)
