# SPDX-License-Identifier: Apache-2.0
"""What allocators, kernels and C libraries print when they give up, and what each of these messages shows.

To add a message, add a row: what the device prints, as a pattern. The first row that fits a crash counts, so that
the telling ones stand first. Approach: a table of the upstream format strings; a rule in code only where numbers
must be compared (rules.py).
"""

from __future__ import annotations

import re
from typing import NamedTuple, Pattern

from gdbext.model.said import Said, said

OVERFLOW, UNDERFLOW, WRITE_AFTER_FREE = "overflow", "underflow", "write-after-free"
DOUBLE_FREE, FOREIGN_FREE, INTERIOR_FREE = "double-free", "foreign-free", "interior-free"
STACK_OVERFLOW, OUT_OF_MEMORY, WATCHDOG = "stack-overflow", "out-of-memory", "watchdog"
IN_ALLOCATOR, ELSEWHERE, UNKNOWN = "fault-in-allocator", "fault-elsewhere", "unknown"
SHOWN, LIKELY, POSSIBLE = "shown", "likely", "possible"
OF_A_HEAP = frozenset((OVERFLOW, UNDERFLOW, WRITE_AFTER_FREE, DOUBLE_FREE, FOREIGN_FREE, INTERIOR_FREE, IN_ALLOCATOR))

# Groups of a message: `at` an address, `task` a task, `size` and `caps` of an allocation.


class Message(NamedTuple):
    """A message, and what it shows."""

    pattern: Pattern[str]
    situation: str
    certainty: str
    words: Said


def _row(pattern: str, situation: str, certainty: str, words: Said) -> Message:
    return Message(re.compile(pattern), situation, certainty, words)


MESSAGES = (
    # memtrace's own console
    _row(r"MT1 X double-free ", DOUBLE_FREE, SHOWN, said("says-both-frees")),
    _row(r"^freed twice: (?P<at>0x[0-9a-f]+)", DOUBLE_FREE, SHOWN, said("says-both-frees")),
    # TLSF, and ESP-IDF around it
    _row(r"block already marked as free|tlsf_(?:free|realloc)\b.*!block_is_free\(block\)",
         DOUBLE_FREE, LIKELY, said("says-already-free")),
    _row(r"\bfree\(\) target p|heap_caps_free\b.*heap != NULL", FOREIGN_FREE, SHOWN, said("says-outside")),
    _row(r"realloc\(\) pointer is", FOREIGN_FREE, SHOWN, said("says-outside-realloc")),
    _row(r"block_size\(block\) >= size|free list cannot have a null entry|cannot insert a null entry into the free list"
         r"|(?:prev|next)_free field can ?not be null|block must be (?:free|used)|previous block must be free"
         r"|prev block is not free though marked as such|(?:prev|next) physical block can't be null"
         r"|previous block can't be last|second level bitmap is null|first-level bitmap is null"
         r"|block not aligned properly|remaining block not aligned|block split with invalid size"
         r"|block size does not match|block_is_prev_free\(block\)|free block must be free|block merged with itself"
         r"|could not find any non-zero",
         IN_ALLOCATOR, SHOWN, said("says-tlsf-damage")),
    _row(r"!block_is_last\(", IN_ALLOCATOR, SHOWN, said("says-no-header")),
    _row(r"tlsf_(?:check|walk)\w*|block_(?:next|prev|absorb|merge\w*|trim\w*|split|locate\w*|remove|insert)\b.*tlsf",
         IN_ALLOCATOR, SHOWN, said("says-tlsf-damage")),
    # Zephyr
    _row(r"unexpected heap state \(double-free\?\) for memory at (?P<at>0x[0-9a-fA-F]+)", DOUBLE_FREE, LIKELY,
         said("says-zephyr-double")),
    _row(r"chunk_used\(h, c\)\]? @ .*heap\.c", DOUBLE_FREE, LIKELY, said("says-zephyr-double")),
    _row(r"corrupted heap bounds \(buffer overflow\?\) for memory at (?P<at>0x[0-9a-fA-F]+)", OVERFLOW, LIKELY,
         said("says-zephyr-bounds")),
    _row(r"left_chunk\(h, right_chunk\(h, c\)\) == c", OVERFLOW, LIKELY, said("says-zephyr-bounds")),
    _row(r"pointer beyond heap bounds", FOREIGN_FREE, LIKELY, said("says-outside")),
    # lwIP and RT-Thread's mem.c
    _row(r"mem_free: illegal memory: (?:non-linked: )?double free|mem_free: mem->used", DOUBLE_FREE, LIKELY,
         said("says-already-free-plain")),
    _row(r"mem_(?:free|trim): (?:il)?legal memory", FOREIGN_FREE, LIKELY, said("says-outside")),
    _row(r"mem_free: sanity check alignment", INTERIOR_FREE, LIKELY, said("says-unaligned")),
    _row(r"(?:mem|memp) overflow", OVERFLOW, SHOWN, said("says-guard-behind")),
    _row(r"(?:mem|memp) underflow", UNDERFLOW, LIKELY, said("says-guard-before")),
    _row(r"heap element used valid|mem_sanity|mem_(?:malloc|free|trim): .{0,80}(?:corrupt|invalid)",
         IN_ALLOCATOR, SHOWN, said("says-damaged")),
    _row(r"mem: (?P<at>0x[0-9a-f]+), used flag: 0, magic code: 0x1ea0", DOUBLE_FREE, LIKELY,
         said("says-already-free-plain")),
    _row(r"mem: (?P<at>0x[0-9a-f]+), (?:used flag: -?\d+, )?magic code: 0x"
         r"|(?:magic == |RT_MEMHEAP_).* assertion failed at function:rt_\w*free",
         IN_ALLOCATOR, SHOWN, said("says-head-destroyed")),
    _row(r"\(mem->used\) assertion failed at function:rt_free", DOUBLE_FREE, LIKELY, said("says-already-free-plain")),
    _row(r"RT_ALIGN_SIZE - 1\).* assertion failed at function:rt_free", INTERIOR_FREE, LIKELY, said("says-unaligned")),
    _row(r"rt_interrupt_get_nest\(\) == 0|Function\[rt_(?:malloc|free|realloc|calloc)\] shall not be used in ISR",
         ELSEWHERE, LIKELY, said("says-in-interrupt")),
    _row(r"assertion failed at function:rt_(?:\w*free|malloc|realloc|calloc|smem\w*|memheap\w*)", IN_ALLOCATOR, SHOWN,
         said("says-damaged")),
    # FreeRTOS
    _row(r"heapBLOCK_IS_ALLOCATED|xBlockAllocatedBit|heapBLOCK_ALLOCATED_BITMASK", DOUBLE_FREE, LIKELY,
         said("says-freertos-free")),
    _row(r"pxNextFreeBlock\s*==|heapVALIDATE_BLOCK_POINTER", IN_ALLOCATOR, SHOWN, said("says-freertos-link")),
    # NuttX
    _row(r"MM_NODE_IS_ALLOC|\bnode.*(?:alloc|used)", DOUBLE_FREE, LIKELY, said("says-already-free-plain")),
    _row(r"mm_heapmember", FOREIGN_FREE, LIKELY, said("says-outside")),
    _row(r"kasan_report:.*kasan detected a (?:read|write) access error, address at (?P<at>0x[0-9a-fA-F]+)",
         OVERFLOW, POSSIBLE, said("says-kasan")),
    # umm_malloc of ESP8266
    _row(r"[Nn]o poison after (?:the )?block(?: at:?|\. Expected .{0,16}:) (?P<at>0x[0-9a-f]+)", OVERFLOW, SHOWN,
         said("says-guard-behind")),
    _row(r"[Nn]o poison before (?:the )?block(?: at:?|\. Expected .{0,16}:) (?P<at>0x[0-9a-f]+)", UNDERFLOW, LIKELY,
         said("says-guard-before")),
    # memleak of Allwinner's R128
    _row(r"double free checked", DOUBLE_FREE, LIKELY, said("says-r128-double")),
    # glibc
    _row(r"double free detected in tcache|double free or corruption \((?:fasttop|top)\)", DOUBLE_FREE, SHOWN,
         said("says-already-free-plain")),
    _row(r"double free or corruption \((?:!prev|out)\)", DOUBLE_FREE, LIKELY, said("says-glibc-prev")),
    _row(r"free\(\): invalid next size|realloc\(\): invalid next size|malloc\(\): invalid next size"
         r"|malloc\(\): corrupted top size|corrupted size vs\. prev_size|malloc\(\): mismatching next->prev_size"
         r"|malloc\(\): invalid size \(unsorted\)|realloc\(\): invalid old size|sysmalloc: Assertion",
         OVERFLOW, LIKELY, said("says-glibc-size")),
    _row(r"munmap_chunk\(\): invalid pointer|mremap_chunk\(\): invalid pointer|(?:free|realloc)\(\): invalid pointer",
         FOREIGN_FREE, LIKELY, said("says-glibc-pointer")),
    _row(r"free\(\): invalid size", IN_ALLOCATOR, SHOWN, said("says-no-header")),
    _row(r"unaligned (?:tcache chunk|fastbin chunk|chunk) detected|corrupted unsorted chunks|tcache_thread_shutdown"
         r"|unsorted double linked list corrupted|corrupted double-linked list|malloc\(\): memory corruption"
         r"|malloc\(\): smallbin double linked list corrupted|malloc_consolidate\(\): (?:invalid|unaligned)"
         r"|free\(\): corrupted unsorted chunks|malloc\(\): (?:invalid|corrupted)",
         IN_ALLOCATOR, SHOWN, said("says-glibc-links")),
    # AddressSanitizer
    _row(r"AddressSanitizer: heap-buffer-overflow on address (?P<at>0x[0-9a-f]+)", OVERFLOW, SHOWN, said("says-asan")),
    _row(r"AddressSanitizer: heap-use-after-free on address (?P<at>0x[0-9a-f]+)", WRITE_AFTER_FREE, SHOWN,
         said("says-asan")),
    _row(r"AddressSanitizer: attempting double-free on (?P<at>0x[0-9a-f]+)", DOUBLE_FREE, SHOWN, said("says-asan")),
    _row(r"AddressSanitizer: attempting free on address which was not malloc\(\)-ed: (?P<at>0x[0-9a-f]+)",
         FOREIGN_FREE, SHOWN, said("says-asan")),
    _row(r"AddressSanitizer: (?:stack-use-\w+-\w+|global-buffer-overflow|dynamic-stack-buffer-overflow"
         r"|use-after-poison|container-overflow)", ELSEWHERE, SHOWN, said("says-asan")),
    _row(r"AddressSanitizer: (?:stack-overflow|stack-buffer-\w+)", STACK_OVERFLOW, SHOWN, said("says-stack-smashed")),
    _row(r"AddressSanitizer: (?:allocator is |out-of-memory|allocation-size-too-big)", OUT_OF_MEMORY, SHOWN,
         said("says-no-memory")),
    # Stacks
    _row(r"(?i)\bA stack overflow in task (?P<task>.{1,16}?) has been detected", STACK_OVERFLOW, SHOWN,
         said("says-stack-some")),
    _row(r"Stack canary watchpoint triggered \((?P<task>[^)]{1,16})\)", STACK_OVERFLOW, SHOWN, said("says-stack-some")),
    _row(r"Detected in task \"(?P<task>[^\"]{1,16})\"", STACK_OVERFLOW, SHOWN, said("says-stack-some")),
    _row(r"panic'ed \(Stack (?:protection fault|overflow)", STACK_OVERFLOW, SHOWN, said("says-stack-some")),
    _row(r"thread:(?P<task>\S{1,16}) stack overflow", STACK_OVERFLOW, SHOWN, said("says-stack-some")),
    _row(r"(?i)(?<!no )\bstack ?overflow(?: detected)?(?:!|:| in| on)?[ :]*(?:in |of )?(?:the )?(?:task|thread)[ :=]+"
         r"[\"'(]?(?P<task>[\w .-]{1,16}?)[\"')]?\s*(?:$|[!,.])", STACK_OVERFLOW, SHOWN, said("says-stack-some")),
    _row(r"(?i)stack smashing|__stack_chk_fail|stack canary (?:corrupt|overwritten|violat)", STACK_OVERFLOW, SHOWN,
         said("says-stack-smashed")),
    _row(r"ZEPHYR FATAL ERROR 2\b|Stack pointer is not within the stack|CMSIS-RTOS error: Stack overflow"
         r"|vApplicationStackOverflowHook|(?i:(?:^|[\]:*>-])\s*stack overflow(?: detected)?\b)"
         r"|Stacking error \(context area",
         STACK_OVERFLOW, SHOWN, said("says-stack-some")),
    _row(r"^\W*Stacking error\s*$", STACK_OVERFLOW, LIKELY, said("says-stack-some")),
    # Memory that ran out
    _row(r"Mem alloc fail\. size (?P<size>0x[0-9a-f]+) caps (?P<caps>0x[0-9a-f]+)", OUT_OF_MEMORY, SHOWN,
         said("says-alloc-failed")),
    _row(r"std::bad_alloc|Unhandled C\+\+ exception: OOM|Operator new(?:\[\])? out of memory", OUT_OF_MEMORY, SHOWN,
         said("says-no-memory")),
    _row(r"memory allocation of (?P<size>\d+) bytes failed", OUT_OF_MEMORY, SHOWN, said("says-alloc-failed")),
    _row(r"(?i)vApplicationMallocFailedHook|\bmalloc failed\b.*(?:hook|halt|assert|!)|Out of memory: Killed process"
         r"|Kernel panic.*out of memory", OUT_OF_MEMORY, SHOWN, said("says-no-memory")),
    _row(r"ESP_ERROR_CHECK failed: esp_err_t 0x101\b", OUT_OF_MEMORY, SHOWN, said("says-no-memory-checked")),
)  # fmt: skip
# What an application or a driver prints when it is refused memory, and goes on. It explains a crash right behind it.
REFUSED = re.compile(
    r"(?i)(?:fail(?:ed|ure)?|unable|cannot|can't|could not|couldn't) (?:to )?(?:m?alloc|allocat)\w*\b(?:[^0-9\n]{0,20}?"
    r"(?P<size>\d+) ?(?:b\b|bytes))?|\bno (?:more )?memory\b|\bout of (?:heap )?memory\b|\bENOMEM\b|ESP_ERR_NO_MEM"
    r"|\b[mc]alloc (?:failed|returned NULL)|alloc(?:ation)? failed|mm_malloc: Allocation failed, size (?P<more>\d+)"
    r"|:oom\((?P<of_core>\d+)\)@|ssl\w*.{0,60}? returned -?0x(?:7F00|2880|3F80|5180|4D80|0{0,2}10)\b"
    r"|memory allocation of (?P<asked>\d+) bytes failed"
)
FAILED_ALLOCATION = re.compile(
    r"(?i)failed to allocate (?P<size>\d+) bytes(?: of memory)? with (?:capabilities )?(?P<caps>0x[0-9a-f]+)"
)
ALLOCATOR_FILE = re.compile(
    r"(?:^|[/\\])(?:(?:heap_|lv_)?tlsf\w*\.[ch]|multi_heap\w*\.[ch]|heap_caps\w*\.c|heap_[1-5]\.c|mm_(?!fault)\w+\.c"
    r"|umm_\w+\.(?:c|cpp|h)|lib[/\\](?:os[/\\])?heap[/\\]?\w*\.[ch]|(?:mem)?heap\.c|memheap\.c|lv_mem\w*\.c|malloc\.c)$"
)
