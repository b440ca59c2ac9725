# SPDX-License-Identifier: Apache-2.0
"""Recognises well-known reasons for memory that stays, by the functions of a stack.

What a stack looks like proves nothing: each is said with the function that made it look so, and as "looks like".
"""

from __future__ import annotations

import re
from typing import Callable, Iterable, Tuple

from gdbext.heap.names import is_wrapper
from gdbext.model.events import Stack
from gdbext.model.said import Said, said

_CAUSES: Tuple[Tuple[str, Callable[[str], Said]], ...] = (
    (
        r"_Sp_counted|__shared_count|__shared_ptr|\bmake_shared\b|\ballocate_shared\b",
        lambda function: said("cause-shared-ptr", function=function),
    ),
    (
        r"_Function_base|_Function_handler|\bstd::function<",
        lambda function: said("cause-function", function=function),
    ),
    (
        r"\bpthread_(mutex|cond|rwlock|key)_\w+|__gthread_\w*mutex\w*|\bstd::(\w+_)?mutex\b|condition_variable"
        r"|\b_*(retarget_)?lock_(init|acquire)\w*",
        lambda function: said("cause-mutex", function=function),
    ),
    (
        r"\b_?v?(f|s|sn|d|as)?i?printf(_r)?\b|\b(__smakebuf_r|__swsetup_r|__sinit|__sfp|_IO_file_doallocate|_?_Balloc"
        r"|_dtoa_r|__dtoa)\b",
        lambda function: said("cause-printf", function=function),
    ),
    (
        r"\b(setlocale|newlocale|duplocale|uselocale|__get_locale\w*|nl_langinfo)\b|\bstd::locale\b",
        lambda function: said("cause-locale", function=function),
    ),
)


_ANY = re.compile("|".join(pattern for pattern, _ in _CAUSES))


def causes_of(stacks: Iterable[Stack]) -> Tuple[Said, ...]:
    """Returns what the stacks look like, each cause once, with the function that is its evidence."""
    frames = [frame for stack in stacks for frame in stack]
    named = dict.fromkeys(frame.function for frame in frames)
    functions = [function for function in named if function and _ANY.search(function)]
    found = []
    for pattern, cause in _CAUSES:
        evidence = next((function for function in functions if re.search(pattern, function)), None)
        found += [] if evidence is None else [cause(evidence)]
    if frames and all(map(is_wrapper, frames)):
        found.append(said("cause-ends-early", function=frames[-1].function))
    return tuple(found)
