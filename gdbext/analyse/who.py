# SPDX-License-Identifier: Apache-2.0
"""Answers the one question of a damage report, before its details: who did it, or that it cannot be told.

Approach: the answer is the best explanation of the first damage, if that explanation names a block. A stray write names
none. Then the answer says which blocks are nearest, and how the next run tells more.
Rejected: an answer for each damage. Later damage is mostly of the same cause, and its explanations are in the report.
"""

from __future__ import annotations

from typing import Optional, Sequence

from gdbext.analyse.values import ONE_BIT
from gdbext.model.diagnosis import Answer, Finding
from gdbext.model.reports.check import HeapReport
from gdbext.model.said import Said, said

_MOST_NEAR = 2


def answer(heaps: Sequence[HeapReport]) -> Optional[Answer]:
    """Returns the answer of a report; None if no damage was found and nothing wrong was freed."""
    findings = [finding for heap in heaps for finding in heap.findings if finding.explanations]
    damage = [finding for finding in findings if finding.severity == "damage"]
    first = next(iter(damage or findings), None)
    if first is None:
        return None
    best = first.explanations[0]
    if best.certainty == "possible":
        return Answer("unknown", first.group, None, None, None, _unknown(first))
    # A pointer that is no block's is the first suspect of its own free.
    meant = first.suspects if best.kind == "invalid-free" and best.payload is None else ()
    suspect = next((one for one in first.suspects if one.payload == best.payload or one in meant), None)
    return Answer(best.certainty, first.group, best.kind, best.payload, suspect, best.text)


def next_step(heaps: Sequence[HeapReport], who: Optional[Answer]) -> Optional[Said]:
    """Returns the command that tells more of the first damage: the history of the block that is suspected, the use of
    all stacks if one ran over, or, if the bytes do not tell whose write it was, the next run's stop at the write. None
    if nothing is damaged.
    """
    if who is not None and who.certainty == "unknown":
        return said("next-watch")
    findings = [finding for heap in heaps for finding in heap.findings]
    if who is not None and who.kind == "shared-memory":
        return said("next-status")
    if who is not None and who.kind == "stack-overflow":
        return said("next-stacks")
    if who is not None and who.kind == "invalid-free" and who.payload is None and who.suspect is not None:
        return said("next-refs", address=who.suspect.payload)
    suspects = (one for finding in findings for one in finding.suspects)
    first = next(suspects, None)
    return None if first is None else said("next-last", address=first.payload)


def _unknown(finding: Finding) -> Said:
    near = [one.payload for one in finding.explanations if one.payload is not None]
    near = list(dict.fromkeys(near))[:_MOST_NEAR]
    what = finding.explanations[0].text
    if finding.got_is == ONE_BIT:
        return said("who-unknown-bit", what=what)
    if near:
        return said("who-unknown-near", what=what, near=tuple(said("who-near", block=block) for block in near))
    return said("who-unknown", what=what)
