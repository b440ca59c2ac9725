# SPDX-License-Identifier: Apache-2.0
"""The stacks of the kernel's tasks in numbers: what is in use, and what never was.

The kernel fills a stack when it makes a task: what still holds that was never used. A stack without any of it is full,
and the heap behind it may be what it ran into.
Cost: registers, the kernel's lists, and of each stack what was never used.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Optional, Tuple

from gdbext.commands.collect import Collected
from gdbext.commands.host import Host
from gdbext.model import Skipped, TaskStackUse
from gdbext.source.memory import Memory

_FILL = b"\xa5"
_PIECE = 1024


def stack_uses(host: Host, found: Collected) -> Tuple[TaskStackUse, ...]:
    """The stacks of the kernel's tasks; what is wrong with them and with its lists is among what was skipped."""
    known = host.tasks()
    found.skipped += [Skipped("tasks", problem) for problem in known.problems]
    if not known.tasks:
        return ()
    from gdbext.analyse.reach import Reach  # not needed by those who only load us
    from gdbext.analyse.stacks import task_stacks
    from gdbext.commands.roots import held_blocks

    memory = host.memory()
    pointers = [thread.stack for thread in host.roots().threads]
    stacks = task_stacks(known.tasks, Reach(memory.snapshot, held_blocks(found)), pointers, memory.known_end)
    places = {stack.low: stack for stack in stacks.known}
    uses = []
    for task in known.tasks:
        stack = places.get(task.low)
        if stack is None:
            why = f"the stack of {task.name} cannot be what its control block at {task.address:#x} says"
            found.skipped.append(Skipped("tasks", why))
            continue
        unknown = task.running and stack.top == stack.low
        in_use = None if unknown else stack.end - stack.top
        never = _never_used(memory, stack.low, stack.top if in_use else stack.end)
        uses.append(TaskStackUse(task.name, task.address, stack.low, stack.end - stack.low, in_use, never))
    filled = any(use.never_used for use in uses)
    return tuple(uses if filled else (replace(use, never_used=None) for use in uses))


def _never_used(memory: Memory, low: int, top: int) -> Optional[int]:
    """Bytes from the far end of a stack on that hold the kernel's fill; None: they could not be read."""
    for start in range(low, top, _PIECE):
        data = None if memory.fragile else memory.get(start, min(_PIECE, top - start))
        if data is None:
            return None
        used = data.lstrip(_FILL)
        if used:
            return start + len(data) - len(used) - low
    return top - low
