# SPDX-License-Identifier: Apache-2.0
"""Chooses who replays a log: the engine in C, or the reference in Python where it was not built.

Approach: both have the same methods, so nobody else needs to know.
Assumptions: inside GDB the engine is never there: its Python is another one.
"""

from __future__ import annotations

from gdbext.trace.replay import Replay, Wish


def replay_of(wish: Wish) -> Replay:
    """Returns a replay of a log."""
    return Replay(wish)
