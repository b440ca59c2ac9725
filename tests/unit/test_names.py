# SPDX-License-Identifier: Apache-2.0
"""What a chain of calls says of an allocator, by names and by sources."""

from __future__ import annotations

import pytest

from gdbext.heap.names import operation_in
from gdbext.model.diagnosis import Operation
from gdbext.model.events import Assertion, Frame
from gdbext.model.said import said

_USER = ("app_main", "main.c")
_MALLOC = ("tlsf_malloc", "components/heap/tlsf/tlsf.c")
_HELPER = ("block_split", "C:\\idf\\heap\\tlsf\\tlsf.c")


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ((_USER,), Operation()),
        ((_HELPER, _MALLOC, _USER), Operation(True, said("stopped-in", function="tlsf_malloc"))),
        ((_HELPER, _USER), Operation(True, said("stopped-in", function="block_split"))),
        (
            (("abort", "abort.c"), _HELPER, _USER),
            Operation(True, said("stopped-in", function="block_split"), True, Assertion("", "block_split", None)),
        ),
        ((("abort", "abort.c"), _USER), Operation()),
    ],
    ids=["user", "named", "by-source", "asserted", "abort"],
)
def test_a_chain_of_calls_says_whether_an_allocator_is_at_work(
    calls: tuple[tuple[str, str], ...], expected: Operation
) -> None:
    """A name is worth more than a source: both faces then say the same function."""
    assert operation_in(tuple(Frame(0, function, file) for function, file in calls)) == expected
