# SPDX-License-Identifier: Apache-2.0
"""What `memtrace explain` says of a console text: what happened, what it is told by, what to do next."""

SENTENCES = {
    # How sure it is
    "answer-likely": "most likely: {what}",
    "answer-possible": "possibly, the text does not show it for certain: {what}",
    # Marks
    "mark-head": "the head mark at {address:#010x} is not there: it belongs before user address {user:#010x}",
    "mark-tail": (
        "the tail mark at {address:#010x} was overwritten: the block whose data ends there was written past its end"
    ),
    "mark-data": "freed memory at {address:#010x} has changed since it was freed",
    "mark-data-more": "freed memory has changed since it was freed, at {address:#010x} first, in {count:,} places",
    "judged-head-unread": "a block's head was overwritten; what stands there is not in the text",
    "judged-free-link": (
        "the block is free already: a pointer (a link of the allocator's free list), {got:#010x}, stands in place "
        "of its "
        "head mark (double free)"
    ),
    "judged-free-fill": "the block is free already: its head mark was replaced when it was freed (double free)",
    "judged-unaligned": "the pointer is no start of a block: blocks begin at multiples of 4",
    "judged-inside-new": "the pointer leads into the middle of a block, where no head mark is",
    "judged-stack": "the pointer leads to memory of a stack, not to a block",
    "judged-one-bit": "one bit of what a check looks for has changed",
    "judged-small": (
        "{user:#010x} is no start of a block: a small number stands in place of the head mark, as the size does that "
        "stands behind one (a pointer 4 bytes into a block); or something wrote over the head"
    ),
    "judged-from-end": (
        "a write before a block's start: only the end of its head mark changed, which is next to the user's data"
    ),
    "judged-from-start": (
        "the block in front was written past its end, up to this block's head mark, of which only the first bytes "
        "changed"
    ),
    "judged-head": (
        "the block in front was written past its end, over the head of this one; or this one before its start"
    ),
    "judged-tail": "a block was written past its end, by 4 bytes or more: nothing is left of the mark behind it",
    "judged-tail-by": "a block was written past its end, by {count:byte}",
    "judged-data": "freed memory was written to: through a pointer that was kept, or from a block in front of it",
    "found-by-free": "the function that freed the block only found this: it need not be the one that wrote",
    "found-by-realloc": "realloc was the call that found this: it need not be the one that wrote",
    "found-by-malloc": "the call that allocated only found this: it need not be the one that wrote",
    "found-by-check": "the call that checked only found this: the damage was done before",
    # Messages of allocators
    "says-already-free": "a block was freed that is free already (double free)",
    "says-both-frees": "a block was freed twice: the recorder has both frees, and no allocation between them",
    "says-already-free-plain": "a block was freed that is free already (double free)",
    "says-r128-double": (
        "memleak reports a double free; the backtrace is that of the second free, the first is not in the log"
    ),
    "also-before-start": (
        "memleak reports frees of blocks from before it was started as double frees, too: so it is not certain"
    ),
    "says-freertos-free": (
        "a block was freed that is not allocated: freed before (double free), or its head was overwritten"
    ),
    "says-zephyr-double": "sys_heap was given memory that is free already (double free)",
    "says-zephyr-bounds": "a block was written past its end: sys_heap finds no sound header behind it",
    "says-outside": "the pointer that was freed lies in no heap",
    "says-outside-realloc": "the pointer that was to be resized lies in no heap",
    "says-unaligned": "the pointer that was freed is no start of a block: it is not aligned as blocks are",
    "says-tlsf-damage": (
        "the heap is damaged, memory has not run out: "
        "a block's header or a free list is not what the allocator left there"
    ),
    "says-no-header": (
        "the allocator read something that is no block header: the pointer may be no start of a block, or the heap is "
        "damaged"
    ),
    "says-damaged": "the heap is damaged: the allocator's own check says so",
    "says-head-destroyed": "the head of the block that was freed is destroyed, or the pointer is no start of a block",
    "says-guard-behind": "a block was written past its end: the guard behind it is gone",
    "says-guard-before": "a block was written before its start: the guard in front of it is gone",
    "says-freertos-link": "the heap is damaged: the head of the block that was freed has a link, as free blocks do",
    "says-in-interrupt": "memory was asked for or freed in an interrupt, where this allocator may not be called",
    "says-kasan": "memory was accessed that no live block owns: behind a block, or in a freed one",
    "says-glibc-prev": "a block was freed that is free already (double free), or its neighbour's size was overwritten",
    "says-glibc-size": "a block was written past its end, over the size of what follows it",
    "says-glibc-pointer": "free of an invalid pointer: it was not handed out by malloc, or it leads into a block",
    "says-glibc-links": "the heap is damaged: a link or a size of a free block was overwritten",
    "says-asan": "AddressSanitizer caught the access itself: its report names who did it, and whose block it was",
    "says-not-of-heap": "the pointer {address:#010x} is not of the heap that it was given to",
    "says-block-damaged": "the heap is damaged: the block at {address:#010x} is not what the allocator left there",
    "says-marks-bad": "the heap is damaged: a mark around a block, or the fill of freed memory, is not there",
    "says-allocator-gave-up": "the heap is damaged: an assertion of the allocator failed",
    "also-free-bit": (
        "the same message comes up for a pointer into a block, and where something wrote over the block's size: the "
        "text does not tell these apart"
    ),
    "possible-causes": (
        "what may have done it: a write past a block's end or before its start, a write into freed memory, a pointer "
        "that was freed and is no live block's; the text does not show which, nor who"
    ),
    "possible-pointers": (
        "what such a pointer may be: a constant, a variable, the inside of a block, never set; or it was read out of a "
        "structure that holds something else by now"
    ),
    "at-address": "the block is at {address:#010x}",
    "assert-of": "assertion {what}, {file} line {line}",
    "assert-at": "assertion at {file} line {line}",
    "assert-in": "the heap is damaged: an assertion failed in {function}",
    "first-assertion": "the first assertion counts: {file} line {line}, task {task}; what follows is of its handler",
    "abort-in-multi-heap": "abort() inside {function}: the pointer lies outside of that heap",
    # Faults
    "fault-in": (
        "the fault is inside the allocator, in {function}, while it followed its own words: the heap was damaged "
        "earlier"
    ),
    "fault-follows": (
        "the fault is inside the allocator while it followed its own words: the heap was damaged earlier"
    ),
    "fault-in-iram": (
        "the fault is inside the allocator while it followed its own words, and the heap was damaged earlier: "
        "{pc:#010x} is in internal RAM, where ESP-IDF has its allocator, and its kernel too"
    ),
    "has-control-block": (
        "a register holds the control block of the heap at {heap:#010x}, as the allocator's functions do"
    ),
    "wild-is": "{address:#010x} is {what}",
    "wild-plus": (
        "{address:#010x} is {word:#010x} ({what}) plus {offset}: a word that was overwritten was used as a pointer"
    ),
    "wild-less": (
        "{address:#010x} is {word:#010x} ({what}) less {offset}: a word that was overwritten was used as a pointer"
    ),
    "wild-size": (
        "{address:#010x} is an address in RAM plus {size:#010x}: a size word that was overwritten with {byte:#04x} was "
        "added to a block's address"
    ),
    "wild-size-pointer": (
        "{address:#010x} is {block:#010x} plus {size:#010x}: a size word that was overwritten with a pointer was added "
        "to a block's address"
    ),
    "wild-size-text": (
        "{address:#010x} is {block:#010x} plus {size:#010x}: a size word that was overwritten with text ('{text}') was "
        "added to a block's address"
    ),
    "address-not-in-text": "the address that it went to is not in the text, which ends before it",
    "used-freed": "a freed block was used: {access} at {address:#010x} went through a pointer read out of it",
    "access-read": "a read",
    "access-write": "a write",
    "access-any": "an access",
    "access-null": "{access} at {address:#010x}: a NULL pointer, or one plus the offset of a member ({reason})",
    "access-read-only": "a write to {address:#010x}, which is read-only: flash, as of a constant ({reason})",
    "access-nowhere": "{access} at {address:#010x}, through a pointer that leads nowhere ({reason})",
    "register-in-flash": "an argument, {value:#010x}, points to flash: a write to read-only memory would be this fault",
    "jumped": "jump to {pc:#010x}: a call through a bad function pointer, or a return address that was overwritten",
    "jumped-from": "jump to {pc:#010x}: a call through a bad function pointer; the caller is RA {ra:#010x}",
    "divided": "a division by zero ({reason})",
    "misaligned": "an access to an address that is not aligned for it ({reason})",
    "illegal": (
        "an instruction that the processor does not know ({reason}): a jump into data, or code that is not there"
    ),
    "fault-plain": "the processor stopped the program: {reason}",
    # Memory that ran out
    "null-after-refusal": (
        "memory ran out, and the result of the allocation was not checked: then {access} through NULL, at "
        "{address:#010x}"
    ),
    "says-alloc-failed": "memory ran out: an allocation was refused, and the program is built to stop then",
    "says-no-memory": "memory ran out: an allocation was refused, and the program stopped",
    "says-no-memory-checked": "memory ran out: ESP_ERROR_CHECK got ESP_ERR_NO_MEM",
    "stopped-after-refusal": "memory ran out: an allocation was refused right before the program stopped",
    "refused-caps": "an allocation of {size:,} bytes failed (caps {caps:#x})",
    "refused-caller": "the last allocation that failed: {size:,} bytes, called at {caller:#010x}",
    "refused": "an allocation of {size:,} bytes failed",
    "refused-alone": "memory ran out: an allocation was refused; nothing in the text shows that the program stopped",
    "refused-some": "an allocation failed",
    "left-of": "{left}: {free:,} of {total:,} bytes, {largest:,} in one piece",
    "left-used-up": "free memory is nearly used up",
    "left": "free memory was left",
    # Stacks
    "says-stack-some": "a stack overflowed",
    "says-stack-smashed": "a function wrote past its variables on the stack",
    "stack-of": "the stack of task {task} overflowed",
    "stack-filled": "the stack of task {task} is full ({percent:,} %): it overflowed",
    "recursion": "the same address {address:#010x} follows itself {count:,} times: a recursion",
    "backtrace-corrupted": "the backtrace ends with |<-CORRUPTED: what follows cannot be trusted",
    "stack-of-interrupts": (
        "the stack that is dumped is the one the check ran on (of interrupts), not the stack that overflowed"
    ),
    # Watchdogs, assertions, resets
    "watchdog-running": "watchdog: task {task} was running on CPU {cpu}, and let no other run",
    "watchdog-missed": "watchdog: {tasks} did not reset it in time",
    "watchdog-follows": "the interrupt watchdog that follows is a consequence",
    "watchdog-interrupts": "watchdog: interrupts were off too long",
    "watchdog-soft": "the software watchdog fired: a loop without yield or delay",
    "watchdog-some": "a watchdog fired: the program did not come back to reset it in time",
    "assert-own": "the application's own assertion failed, or one of the system that it uses: {where}",
    "assert-silent": (
        "an assertion failed, the application's own or one of the system that it uses: its text is left out by the "
        "build ({address:#010x} is inside the function that every assertion calls)"
    ),
    "assert-interrupt": "a function was called in an interrupt, or with interrupts off, where it may not be called",
    "allocates-there": "it was the allocator that was called there",
    "error-checked": "ESP_ERROR_CHECK stopped the program: {error}",
    "aborted": "abort() was called by the application, at {address:#010x}",
    "abort-in-iram": (
        "abort() was called at {address:#010x}, in code in internal RAM, so by ESP-IDF itself: its allocator does so "
        "when it is given a pointer that is not its own, its locks when they are taken in an interrupt"
    ),
    "brown-out": "the supply voltage fell too low, and the chip reset itself (brown-out)",
    "reset-watchdog": "reset by the watchdog {name} (rst:{code}), without any panic output",
    "kernel-stopped": "the kernel stopped the program: fatal error {number} ({words}), thread {task}",
    "nothing-known": "the program stopped; the text does not say why",
    # About the dump
    "own-frame": "the innermost function of the application is {function}",
    "own-frame-at": "the innermost function of the application is {function}, {file}:{line}",
    "own-frame-found": "the application came there from {function}, {file}:{line}",
    "cause-of-abort": "MCAUSE and MTVAL say nothing here: abort() itself makes the processor stop",
    "in-task": "it happened in task {task}",
    "cut-dump": "the log ends in the middle of the dump, or bytes of it are lost: what is missing is not made up",
    "followed": "what line {line:,} says is a consequence of this",
    "same-as": "the same as in line {line:,}",
    "same-times": "the same crash {count:,} times (a boot loop, if the device started in between)",
    "free-falls": (
        "the free memory that the program prints falls: from {first:,} to {last:,} bytes in {count:,} lines, {each:,} "
        "bytes a line: memory is not given back (a leak, or something that still fills up)"
    ),
    "listing-beyond": "of the listings {bytes:size} were read, from the first of their lines on",
    # What to do next
    "next-idf-poison": "CONFIG_HEAP_POISONING_COMPREHENSIVE=y: the check then fires nearer to the write",
    "next-idf-trace": (
        "CONFIG_HEAP_TRACING_STANDALONE=y with heap_trace_start(HEAP_TRACE_ALL): keeps who allocated and freed "
        "each block"
    ),
    "next-arduino-check": (
        "call heap_caps_check_integrity_all(true) between the steps of loop(): narrows down when it breaks"
    ),
    "next-arduino-idf": "with Arduino as an ESP-IDF component: CONFIG_HEAP_POISONING_COMPREHENSIVE=y",
    "next-esp8266-poison": "-DUMM_POISON_CHECK: guards around each block, checked at each free",
    "next-esp8266-debug": "-DDEBUG_ESP_PORT=Serial -DDEBUG_ESP_OOM: says who asked for memory",
    "next-zephyr-validate": "CONFIG_ASSERT=y and CONFIG_SYS_HEAP_VALIDATE=y: checks the whole heap at each call",
    "next-zephyr-asan": "CONFIG_ASAN=y on native_sim: names the write itself, where the code runs there",
    "next-nuttx-kasan": "CONFIG_MM_KASAN=y: stops at the write itself",
    "next-nuttx-backtrace": "CONFIG_MM_BACKTRACE=8: memdump then shows who allocated each block",
    "next-linux-asan": "-fsanitize=address -g: stops at the write itself, with the block's owner",
    "next-linux-valgrind": "valgrind PROGRAM: the same without a new build, slower",
    "next-r128-start": "memleak 1 as early as possible: frees of blocks from before it are reported as wrong, too",
    "next-any-check": "have the allocator check its blocks at each call, with guards around them if it has any",
    "next-recorder": (
        "link memtrace's recorder (docs/how-to/link-the-recorder.md): it keeps who allocated and freed each block"
    ),
    "next-idf-stack": "CONFIG_FREERTOS_WATCHPOINT_END_OF_STACK=y stops at the write; give the task a larger stack",
    "next-arduino-stack": "give the task a larger stack: SET_LOOP_TASK_STACK_SIZE(16*1024) for loop()",
    "next-zephyr-stack": (
        "CONFIG_THREAD_ANALYZER=y shows each thread's use; CONFIG_HW_STACK_PROTECTION=y stops at the write"
    ),
    "next-nuttx-stack": "CONFIG_STACK_COLORATION=y shows each task's use in ps; give the task a larger stack",
    "next-any-stack": "give the task a larger stack, or fewer and smaller variables in its deepest calls",
    "next-memory": "a log of memtrace's recorder shows who holds the memory: memtrace report LOG",
    "next-watchdog": "look at what that task does without waiting: a loop, a lock, interrupts that are off",
    "next-elf": "memtrace explain --elf APP.elf names functions and lines; the ELF must be of this very build",
    "next-elf-sha": "memtrace explain --elf APP.elf names functions and lines; the ELF whose SHA-256 begins with {sha}",
    "next-elf-build": "memtrace explain --elf APP.elf names functions and lines; the ELF with build-id {build}",
}
