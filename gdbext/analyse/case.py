# SPDX-License-Identifier: Apache-2.0
"""One group of damage while it is being explained: its bytes, its suspects and its explanations, each with a score."""

from __future__ import annotations

from itertools import compress
from typing import Dict, List, Optional, Sequence, Tuple

from gdbext.analyse.suspects import Witness
from gdbext.heap.facts import Fault
from gdbext.model.diagnosis import Explanation, Extent, Suspect
from gdbext.model.events import Generation
from gdbext.model.record import replace
from gdbext.model.said import Said

# Scores of explanations. Only their order and their distance to the score of a stray write matter.
PROVEN = 5.0  # the heap and the trace both show it
RUN = 4.0  # one run of bytes goes from the suspect's block into the damage
LINKED = 3.0
LIKELY = 2.5
OPEN = 2.0  # a stray write, and nothing points to anybody else
NEAR = 1.5  # the suspect's block is next to the damage
WEAK = 1.0
# By so much the best explanation must lead over one that names another block, and over one that names none. Else the
# two cannot be told apart.
_LEAD_OF_BLOCK, _LEAD = 0.6, 0.3

Ranked = Tuple[Tuple[Suspect, ...], Tuple[Explanation, ...]]


class Case:
    """One group of damage, and the explanations and suspects gathered for it."""

    def __init__(self, witness: Witness, faults: Sequence[Fault], extent: Extent) -> None:
        self.witness = witness
        self.facts = witness.facts
        self.faults = faults
        self.fault = faults[0]
        self.extent = extent
        self.block = self.fault.block if self.fault.block is not None else self.fault.address  # raw
        self.user = witness.facts.user(self.block)
        self.length = extent.end - extent.start
        self._told: List[Tuple[float, Explanation]] = []
        self._suspects: Dict[Tuple[Optional[int], ...], Tuple[float, Suspect]] = {}  # by block and life

    def tell(self, score: float, kind: str, payload: Optional[int], text: Said, *evidence: Optional[Said]) -> None:
        """Adds an explanation. Evidence that is None is left out."""
        self._told.append((score, Explanation(kind, payload, text, tuple(filter(None, evidence)))))

    def accuse(
        self,
        score: float,
        raw: int,
        life: Optional[Generation] = None,
        why: Optional[Said] = None,
        witness: Optional[Witness] = None,
    ) -> None:
        """Adds a suspect, unless more speaks for it already. `witness` is that of the suspect's heap, if it is another
        heap.
        """
        suspect = (witness or self.witness).suspect(raw, self.extent, life, why)
        key = (suspect.payload, suspect.seq, suspect.freed_seq)
        if key not in self._suspects or self._suspects[key][0] < score:
            self._suspects[key] = (score, suspect)

    def ranked(self) -> Ranked:
        """Returns the suspects and the explanations, likeliest first."""
        suspects = sorted(self._suspects.values(), key=lambda scored: -scored[0])
        told = sorted(self._told, key=lambda scored: -scored[0])
        explanations = [explanation for _, explanation in told]
        if told and (told[0][1].payload is not None or told[0][0] >= PROVEN):
            score, best = told[0]
            rivals = (other + (_LEAD if one.payload is None else _LEAD_OF_BLOCK) for other, one in told)
            others = (one.payload != best.payload for _, one in told)
            # Two owners of one address, at different times, are one block to its reader.
            alone = all(score - other >= _LEAD_OF_BLOCK for other, _ in told[1:])
            if score >= max(compress(rivals, others), default=0):
                explanations[0] = replace(best, certainty="shown" if score >= PROVEN and alone else "likely")
        return tuple(suspect for _, suspect in suspects), tuple(explanations)
