# SPDX-License-Identifier: Apache-2.0
"""The allocators of the C libraries, and how their heaps are found."""

from gdbext.heap.allocator import Body
from gdbext.heap.libc.allocators import DLMALLOC, NANO, PICO
from gdbext.heap.libc.find import find_named

BODY = Body(allocators=(DLMALLOC, NANO, PICO), find=find_named)
