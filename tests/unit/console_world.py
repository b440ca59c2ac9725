# SPDX-License-Identifier: Apache-2.0
"""Names the frames of console texts, in place of a program's symbols."""

from __future__ import annotations

from collections.abc import Callable

from gdbext.model.console import Crash
from gdbext.model.events import Frame, Stack
from tests.support.console_texts import Text


def names_of(one: Text) -> Callable[[Crash], Stack]:
    """Returns what names the frames of a text's crashes: as a program's symbols would."""

    def named(crash: Crash) -> Stack:
        told = {frame.pc: frame for frame in crash.told}
        pcs = crash.backtrace or tuple(0x4038_0000 + 4 * at for at in range(len(one.frames)))
        plain = [told.get(pc, Frame(pc)) for pc in pcs]
        return (*[Frame(pc, *frame) for pc, frame in zip(pcs, one.frames, strict=False)], *plain[len(one.frames) :])

    return named
