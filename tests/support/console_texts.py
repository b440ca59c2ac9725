# SPDX-License-Identifier: Apache-2.0
"""Short console texts, written from the format strings of upstream sources, with the situation each deserves.

`situations` are those that an honest reader may answer, the best first; "none" is no crash. `by`, `got_is`: facts.
A text of a situation outside of HEAP must get no sentence about a heap.
"""

from __future__ import annotations

from typing import NamedTuple

HEAP = (
    "overflow", "underflow", "write-after-free", "double-free", "foreign-free", "interior-free", "fault-in-allocator",
)  # fmt: skip


class Text(NamedTuple):
    """A console text and what it deserves."""

    name: str
    situations: tuple[str, ...]
    text: str
    got_is: str | None = None
    by: int | None = None
    crashes: int = 1
    frames: tuple[tuple[str, str | None, int | None], ...] = ()  # function, file and line of each of the first PCs


BOOT = """ESP-ROM:esp32c3-api1-20210207
Build:Feb  7 2021
rst:0x1 (POWERON),boot:0x8 (SPI_FAST_FLASH_BOOT)
I (158) app_init: ESP-IDF:          v5.4.1
I (162) heap_init: At 3FC8DE90 len 00032170 (200 KiB): RAM
I (163) heap_init: At 50000028 len 00001FC0 (7 KiB): RTCRAM
I (187) main_task: Calling app_main()
"""
BOOT_32 = """ets Jul 29 2019 12:21:46

rst:0x1 (POWERON_RESET),boot:0x12 (SPI_FAST_FLASH_BOOT)
I (204) cpu_start: ESP-IDF:          v5.1.4
I (215) heap_init: At 3FFB2D60 len 0002D2A0 (180 KiB): DRAM
I (216) heap_init: At 4008BCB0 len 00014350 (80 KiB): IRAM
"""
END = """

ELF file SHA256: 98e81b951

Rebooting...
"""


def riscv(pc: int, mcause: int, mtval: int, **registers: int) -> str:
    """A register dump of ESP32-C3."""
    names = ("T0", "T1", "T2", "S0/FP", "S1", "A0", "A1", "A2", "A3", "A4", "A5", "A6", "A7", "S2", "S3")
    values = [("MEPC", pc), ("RA", registers.get("ra", pc + 0x40)), ("SP", 0x3FC91700), ("GP", 0x3FC8AC00)]
    values += [(name, registers.get(name.split("/")[0].lower(), 0)) for name in names]
    values += [("MSTATUS", 0x1880), ("MTVEC", 0x40380001), ("MCAUSE", mcause), ("MTVAL", mtval)]
    rows = [values[at : at + 4] for at in range(0, len(values), 4)]
    dump = "\n".join("".join(f"{name:<8}: 0x{value:08x}  " for name, value in row) for row in rows)
    return f"Core  0 register dump:\n{dump}\n\nStack memory:\n3fc91700: 0x00000000 0x00000000 0x00000000 0x00000000\n"


def xtensa(pc: int, cause: int, address: int, **registers: int) -> str:
    """A register dump of ESP32, with its backtrace."""
    names = [f"A{number}" for number in range(16)]
    values = [("PC", pc), ("PS", 0x00060830)]
    values += [(name, registers.get(name.lower(), 0x3FFB5050 if name == "A1" else 0)) for name in names]
    values += [("SAR", 4), ("EXCCAUSE", cause), ("EXCVADDR", address), ("LBEG", 0), ("LEND", 0), ("LCOUNT", 0)]
    rows = [values[at : at + 4] for at in range(0, len(values), 4)]
    dump = "\n".join("".join(f"{name:<8}: 0x{value:08x}  " for name, value in row) for row in rows)
    return f"Core  0 register dump:\n{dump}\n\nBacktrace: 0x{pc - 3:08x}:0x3ffb5050 0x400e40a0:0x3ffb5060\n"


def guru(reason: str, tail: str = " Exception was unhandled.") -> str:
    """The line of a panic."""
    return f"Guru Meditation Error: Core  0 panic'ed ({reason}).{tail}\n\n"


def idf_assert(what: str) -> str:
    """A failed assertion of ESP-IDF."""
    return f"\nassert failed: {what}\n{riscv(0x4038071C, 7, 0)}{END}"


def poison(line: str, assertion: str = "multi_heap_free multi_heap_poisoning.c:279 (head != NULL)") -> str:
    """A line of the poisoning's check, and the assertion behind it."""
    return f"{BOOT}CORRUPT HEAP: {line}\n{idf_assert(assertion)}"


def abort(pc: int = 0x42006F11) -> str:
    """A call of abort in ESP-IDF."""
    return f"\nabort() was called at PC 0x{pc:08x} on core 0\n{riscv(0x40384D92, 2, 0)}{END}"


MARKS = (
    Text("head, fill", ("overflow", "underflow"), poison("Bad head at 0x3fc92024. Expected 0xabba1234 got 0x41414141"),
         "fill"),
    Text("head, text", ("overflow", "underflow"), poison("Bad head at 0x3fc92024. Expected 0xabba1234 got 0x20736563"),
         "text"),
    Text("head, link to the control block", ("double-free",),
         poison("Bad head at 0x3fc92024. Expected 0xabba1234 got 0x3fc8dea4"), "pointer"),
    Text("head, link to another block", ("double-free",),
         poison("Bad head at 0x3fc92024. Expected 0xabba1234 got 0x3fc93010"), "pointer"),
    Text("head, pointer to code", ("overflow", "underflow"),
         poison("Bad head at 0x3fc92024. Expected 0xabba1234 got 0x42006f10"), "pointer"),
    Text("head, freed fill", ("double-free", "write-after-free", "foreign-free"),
         poison("Bad head at 0x3fc92024. Expected 0xabba1234 got 0xfefefefe"), "fill"),
    Text("head, new fill", ("interior-free", "foreign-free", "overflow"),
         poison("Bad head at 0x3fc92024. Expected 0xabba1234 got 0xcececece"), "fill"),
    Text("head, stack fill", ("foreign-free", "interior-free", "overflow", "underflow"),
         poison("Bad head at 0x3fc92024. Expected 0xabba1234 got 0xa5a5a5a5"), "fill"),
    Text("head, tail mark", ("interior-free", "foreign-free", "overflow", "underflow"),
         poison("Bad head at 0x3fc92024. Expected 0xabba1234 got 0xbaad5678")),
    Text("head, first byte", ("overflow",), poison("Bad head at 0x3fc92024. Expected 0xabba1234 got 0xabba1200"),
         "zero-byte"),
    Text("head, last bytes", ("underflow", "overflow"),
         poison("Bad head at 0x3fc92024. Expected 0xabba1234 got 0x77771234")),
    Text("head, one bit", ("overflow", "underflow"),
         poison("Bad head at 0x3fc92024. Expected 0xabba1234 got 0xabba1236"), "one-bit"),
    Text("head at an odd address", ("interior-free", "foreign-free", "overflow"),
         poison("Bad head at 0x3fc92025. Expected 0xabba1234 got 0x61626364")),
    Text("head, realloc", ("interior-free", "foreign-free", "overflow"),
         poison("Bad head at 0x3fc92028. Expected 0xabba1234 got 0x0000000f",
                "multi_heap_realloc multi_heap_poisoning.c:315 (head != NULL)")),
    Text("tail, string's end", ("overflow",), poison("Bad tail at 0x3fc92027. Expected 0xbaad5678 got 0xbaad5600"),
         "zero-byte", 1),
    Text("tail, two bytes", ("overflow",), poison("Bad tail at 0x3fc92028. Expected 0xbaad5678 got 0xbaad000a"),
         None, 2),
    Text("tail, three bytes", ("overflow",), poison("Bad tail at 0x3fc92028. Expected 0xbaad5678 got 0xba636261"),
         None, 3),
    Text("tail, text", ("overflow",), poison("Bad tail at 0x3fc92028. Expected 0xbaad5678 got 0x2b73706d"), "text"),
    Text("tail, one bit, of IDF's guide", ("overflow", "underflow", "write-after-free"),
         poison("Bad tail at 0x3ffe270a. Expected 0xbaad5678 got 0xbaac5678"), "one-bit"),
    Text("tail, a pointer", ("overflow",), poison("Bad tail at 0x3fc92028. Expected 0xbaad5678 got 0x3fc93010"),
         "pointer"),
    Text("freed memory, text", ("write-after-free", "overflow"),
         poison("Invalid data at 0x3fc92040. Expected 0xfefefefe got 0x20736563",
                "multi_heap_malloc multi_heap_poisoning.c:242 (ret)"), "text"),
    Text("freed memory, fill, many", ("write-after-free", "overflow"),
         poison("Invalid data at 0x3fc92040. Expected 0xfefefefe got 0x77777777\n"
                "CORRUPT HEAP: Invalid data at 0x3fc92044. Expected 0xfefefefe got 0x77777777"), "fill"),
    Text("freed memory, a byte", ("write-after-free", "overflow"),
         poison("Invalid data at 0x3fc92041. Expected 0xfe got 0x0a")),
    Text("freed memory, a bit of a byte", ("write-after-free", "overflow"),
         poison("Invalid data at 0x3fc92041. Expected 0xfe got 0xfc"), "one-bit"),
    Text("a check without a crash", ("overflow",),
         f"{BOOT}CORRUPT HEAP: Bad tail at 0x3fc92028. Expected 0xbaad5678 got 0x2b73706d\nI (900) app: going on\n",
         "text"),
    Text("one line alone", ("overflow", "underflow"),
         "CORRUPT HEAP: Bad head at 0x3ffb4f00. Expected 0xabba1234 got 0x58585858\n", "fill"),
    Text("a line that is cut", ("overflow", "underflow"),
         f"{BOOT}CORRUPT HEAP: Bad head at 0x3fc92024. Expected 0xabba12"),
)  # fmt: skip
ALLOCATORS = (
    Text("TLSF, freed twice", ("double-free",),
         BOOT + idf_assert('tlsf_free tlsf.c:629 (!block_is_free(block) && "block already marked as free")')),
    Text("TLSF, resized what is free", ("double-free", "write-after-free"),
         BOOT + idf_assert('tlsf_realloc tlsf.c:702 (!block_is_free(block) && "block already marked as free")')),
    Text("TLSF, size", ("fault-in-allocator", "overflow", "write-after-free"),
         BOOT + idf_assert("block_locate_free tlsf.c:569 (block_size(block) >= size)")),
    Text("TLSF, null entry", ("fault-in-allocator", "overflow", "write-after-free"),
         BOOT + idf_assert('insert_free_block tlsf.c:215 (current && "free list cannot have a null entry")')),
    Text("TLSF, prev_free", ("fault-in-allocator", "overflow", "write-after-free"),
         BOOT + idf_assert('remove_free_block tlsf.c:331 (prev && "prev_free field can not be null")')),
    Text("TLSF, trim", ("fault-in-allocator", "overflow", "write-after-free"),
         BOOT + idf_assert('block_trim_free heap_tlsf.c:371 (block_is_free(block) && "block must be free")')),
    Text("TLSF, merge", ("fault-in-allocator", "overflow", "write-after-free"),
         BOOT + idf_assert('block_merge_prev tlsf.c:344 (block_is_free(prev) && "prev block is not free though '
                           'marked as such")')),
    Text("TLSF, last", ("fault-in-allocator", "interior-free", "foreign-free", "overflow"),
         BOOT + idf_assert("block_next tlsf_block_functions.h:94 (!block_is_last(block))")),
    Text("IDF, outside", ("foreign-free",),
         BOOT + idf_assert('heap_caps_free heap_caps.c:381 (heap != NULL && "free() target pointer is outside heap '
                           'areas")')),
    Text("IDF, realloc outside", ("foreign-free",),
         BOOT + idf_assert('heap_caps_realloc heap_caps.c:411 (heap != NULL && "realloc() pointer is outside heap '
                           'areas")')),
    Text("IDF, not of this heap", ("foreign-free", "fault-in-allocator"),
         BOOT + "CORRUPT HEAP: multi_heap.c:117 detected at 0x3fc70010\n" + abort(0x40381234)),
    Text("IDF 3, a block of its own", ("fault-in-allocator", "overflow"),
         BOOT_32 + "CORRUPT HEAP: multi_heap.c:431 detected at 0x3ffd9b38\n"
         "abort() was called at PC 0x40089d5c on core 1\n\n"
         "Backtrace: 0x40092b0c:0x3ffb1e10 0x40092d3d:0x3ffb1e30 0x40089d5c:0x3ffb1e50\n"),
    Text("Arduino, old assertion", ("fault-in-allocator", "overflow", "double-free"),
         'assertion "head != NULL" failed: file "/esp32-arduino-lib-builder/heap/multi_heap_poisoning.c", '
         "line 214, function: multi_heap_free\nabort() was called at PC 0x400e1ab7 on core 1\n\n"
         "Backtrace: 0x40088740:0x3ffb1e10 0x400889bd:0x3ffb1e30 0x400e1ab7:0x3ffb1e50\n"),
    Text("Zephyr, freed twice", ("double-free",),
         "*** Booting Zephyr OS build v3.7.0 ***\n"
         "ASSERTION FAIL [chunk_used(h, c)] @ WEST_TOPDIR/zephyr/lib/heap/heap.c:184\n"
         "\tunexpected heap state (double-free?) for memory at 0x20001a38\n"
         "[00:00:05.120,000] <err> os: >>> ZEPHYR FATAL ERROR 4: Kernel panic on CPU 0\n"
         "[00:00:05.120,000] <err> os: Current thread: 0x200006e8 (coap_rx)\n"),
    Text("Zephyr, bounds", ("overflow",),
         "*** Booting Zephyr OS build v3.7.0 ***\n"
         "ASSERTION FAIL [left_chunk(h, right_chunk(h, c)) == c] @ WEST_TOPDIR/zephyr/lib/os/heap.c:183\n"
         "\tcorrupted heap bounds (buffer overflow?) for memory at 0x20001a38\n"
         "E: r0/a1:  0x00000004  r1/a2:  0x000000b7  r2/a3:  0x00000001\n"
         "E: >>> ZEPHYR FATAL ERROR 4: Kernel panic on CPU 0\nE: Current thread: 0x20000438 (main)\n"),
    Text("NuttX, mm_free", ("fault-in-allocator", "double-free", "overflow"),
         "NuttShell (NSH) NuttX-12.4.0\nnsh> app\n"
         "dump_assert_info: Current Version: NuttX  12.4.0 0 Jan  1 2026 00:00:00 risc-v\n"
         "dump_assert_info: Assertion failed : at file: mm_heap/mm_free.c:112 task: app process: app 0x8001c060\n"
         "up_dump_register: EPC: 8001541e\nup_dump_register: SP: 8003b170 FP: 00000000 TP: 00000000 RA: 8001541e\n"),
    Text("NuttX, mm_free with its condition", ("double-free", "fault-in-allocator"),
         "NuttShell (NSH) NuttX-12.6.0\nnsh> app\n"
         "dump_assert_info: Assertion failed MM_NODE_IS_ALLOC(node): at file: mm_heap/mm_free.c:118 task: app "
         "process: app 0x8001c060\nup_dump_register: EPC: 8001541e\n"),
    Text("NuttX before 11", ("fault-in-allocator", "overflow"),
         "NuttShell (NSH)\nup_assert: Assertion failed at file:mm_heap/mm_malloc.c line: 235 task: init\n"),
    Text("FreeRTOS, heap_4", ("double-free", "fault-in-allocator"),
         "Assertion failed: heapBLOCK_IS_ALLOCATED( pxLink ) != 0, file heap_4.c, line 431\n"),
    Text("FreeRTOS, heap_4 without words", ("fault-in-allocator", "double-free"),
         "ASSERT failed in ../Middlewares/FreeRTOS/Source/portable/MemMang/heap_4.c line 297\n"),
    Text("lwIP, freed twice", ("double-free",),
         'Assertion "mem_free: illegal memory: double free" failed at line 640 in ../lwip/src/core/mem.c\n'),
    Text("lwIP, not its own", ("foreign-free", "fault-in-allocator"),
         'Assertion "mem_free: legal memory" failed at line 362 in ../lwip/src/core/mem.c\n'),
    Text("RT-Thread, freed twice", ("double-free",),
         "msh >memtest4\nto free a bad data block:\nmem: 0x200030a4, used flag: 0, magic code: 0x1ea0\n"
         "(mem->used) assertion failed at function:rt_free, line number:594 \n"),
    Text("RT-Thread, head destroyed", ("fault-in-allocator", "overflow", "underflow"),
         "to free a bad data block:\nmem: 0x200030a4, used flag: 1094795585, magic code: 0x4141\n"
         "(mem->magic == HEAP_MAGIC) assertion failed at function:rt_free, line number:595 \n"),
    Text("glibc, tcache", ("double-free",), "free(): double free detected in tcache 2\nAborted (core dumped)\n"),
    Text("glibc, fasttop", ("double-free",), "double free or corruption (fasttop)\nAborted\n"),
    Text("glibc, !prev", ("double-free", "overflow"), "double free or corruption (!prev)\nAborted\n"),
    Text("glibc, next size", ("overflow",), "free(): invalid next size (fast)\nAborted (core dumped)\n"),
    Text("glibc, top", ("overflow",), "malloc(): corrupted top size\nAborted (core dumped)\n"),
    Text("glibc, prev_size", ("overflow", "fault-in-allocator"), "corrupted size vs. prev_size\nAborted\n"),
    Text("glibc, pointer", ("foreign-free", "interior-free"), "munmap_chunk(): invalid pointer\nAborted\n"),
    Text("glibc, of old", ("overflow",),
         "*** Error in `./player': free(): invalid next size (normal): 0x0000000000e2e010 ***\n======= Backtrace: "
         "=========\n/lib/x86_64-linux-gnu/libc.so.6(+0x777e5)[0x7f0b2c5c27e5]\n"),
    Text("glibc, tcache chunk", ("fault-in-allocator", "write-after-free"),
         "malloc(): unaligned tcache chunk detected\nAborted (core dumped)\n"),
    Text("ASan", ("overflow",),
         "==4242==ERROR: AddressSanitizer: heap-buffer-overflow on address 0x602000000054 at pc 0x55d0 bp 0x7ffe sp "
         "0x7ffe\nWRITE of size 1 at 0x602000000054 thread T0\n"),
    Text("ASan, freed", ("write-after-free",),
         "==4242==ERROR: AddressSanitizer: heap-use-after-free on address 0x602000000050 at pc 0x55d0 bp 0x7ffe\n"),
    Text("R128", ("double-free",), "c906>memleak 1\ndouble free checked!!!!\nbacktrace : 0X0C21A4F2\n"
         "backtrace : 0X0C21A6D8\n"),
    Text("umm, behind", ("overflow",), "No poison after block at: 0x3fff1a20, actual data: 41 42 43 44\n\n"
         "Panic umm_malloc.cpp:812 umm_free\n--------------- CUT HERE FOR EXCEPTION DECODER ---------------\n"),
    Text("fault, a link of letters", ("fault-in-allocator", "overflow", "write-after-free"),
         BOOT + guru("Store access fault")
         + riscv(0x40388A1E, 7, 0x5A5A5A66, s1=0x3FC8DEA4, a3=0x5A5A5A5A) + END),
    Text("fault, a size of letters, dump alone", ("fault-in-allocator", "overflow"),
         guru("Store access fault") + riscv(0x40388900, 7, 0x3FC93E98 + 0x58585858, s0=0x3FC93E98) + END),
    Text("fault, a size that is a pointer", ("fault-in-allocator", "overflow"),
         BOOT + guru("Store access fault")
         + riscv(0x40386860, 7, 0x7F9241CC, a0=0x3FC8DEA4, a1=0x3FC92050, a2=0x3FC92180) + END),
    Text("fault of ESP32", ("fault-in-allocator", "overflow", "write-after-free"),
         BOOT_32 + guru("LoadProhibited")
         + xtensa(0x40089DE4, 28, 0x6C6C6F48 + 12, a2=0x3FFB2D74, a8=0x6C6C6F48) + END),
)  # fmt: skip
OTHERS = (
    Text("NULL", ("fault-elsewhere",), BOOT + guru("Load access fault") + riscv(0x42005C22, 5, 8) + END),
    Text("NULL in RAM code", ("fault-elsewhere",), BOOT + guru("Load access fault") + riscv(0x40385C22, 5, 0x1C) + END),
    Text("flash", ("fault-elsewhere",), BOOT + guru("Store access fault") + riscv(0x420066F6, 7, 0x3C024830) + END),
    Text("a call of nothing", ("fault-elsewhere",),
         BOOT + guru("Instruction access fault") + riscv(0, 1, 0, ra=0x4200671C) + END),
    Text("illegal", ("fault-elsewhere",), BOOT + guru("Illegal instruction") + riscv(0x42006716, 2, 0) + END),
    Text("divided", ("fault-elsewhere",), BOOT_32 + guru("IntegerDivideByZero") + xtensa(0x400D1B2C, 6, 0) + END),
    Text("application's pointer", ("fault-elsewhere",),
         BOOT + guru("Load access fault") + riscv(0x42005C22, 5, 0x6C6C6F48) + END),
    Text("cache", ("fault-elsewhere",),
         BOOT_32 + guru("Cache disabled but cached memory region accessed", " ") + xtensa(0x400D1B2C, 7, 0) + END),
    Text("ESP_ERROR_CHECK", ("fault-elsewhere",),
         BOOT + "ESP_ERROR_CHECK failed: esp_err_t 0x103 (ESP_ERR_INVALID_STATE) at 0x42006f10\n"
         'file: "./main/app.c" line 44\nfunc: app_main\nexpression: wifi_start()\n' + abort()),
    Text("lock in an interrupt", ("fault-elsewhere",),
         BOOT + idf_assert("xQueueSemaphoreTake queue.c:1709 (!( xPortInIsrContext() ))")),
    Text("spinlock", ("fault-elsewhere",),
         BOOT + idf_assert("spinlock_acquire spinlock.h:142 (result == core_id || result == SPINLOCK_FREE)")),
    Text("lwIP's lock", ("fault-elsewhere",),
         BOOT + idf_assert("tcp_alloc /IDF/components/lwip/lwip/src/core/tcp.c:1851 (Required to lock TCPIP core "
                           "functionality!)")),
    Text("nvs", ("fault-elsewhere",), BOOT + idf_assert("nvs_open nvs_api.cpp:201 (handle != 0)")),
    Text("C++ assertion", ("fault-elsewhere",),
         'assertion "item != nullptr" failed: file "main/queue.cpp", line 33, function: Item* Queue::pop()\n'
         + abort()),
    Text("pure virtual", ("fault-elsewhere",), f"{BOOT}pure virtual method called\nterminate called without an active "
         f"exception\n{abort()}"),
    Text("Zephyr, MPU", ("fault-elsewhere",),
         "*** Booting Zephyr OS build v3.6.0 ***\n[00:00:01.000,000] <err> os: ***** MPU FAULT *****\n"
         "[00:00:01.000,000] <err> os:   Data Access Violation\n[00:00:01.000,000] <err> os:   MMFAR Address: 0x4\n"
         "[00:00:01.000,000] <err> os: r0/a1:  0x00000004  r1/a2:  0x000000b1  r2/a3:  0x00000001\n"
         "[00:00:01.000,000] <err> os: Faulting instruction address (r15/pc): 0x00003488\n"
         "[00:00:01.000,000] <err> os: >>> ZEPHYR FATAL ERROR 19: Unknown error on CPU 0\n"),
    Text("Zephyr, own assertion", ("fault-elsewhere",),
         "*** Booting Zephyr OS build v3.6.0 ***\nASSERTION FAIL [count < 3] @ WEST_TOPDIR/app/src/main.c:44\n"
         "E: >>> ZEPHYR FATAL ERROR 4: Kernel panic on CPU 0\nE: Current thread: 0x20000438 (main)\n"),
    Text("Zephyr, in an interrupt", ("fault-elsewhere",),
         "*** Booting Zephyr OS build v3.6.0 ***\nASSERTION FAIL [!arch_is_in_isr()] @ WEST_TOPDIR/zephyr/kernel/"
         "mutex.c:108\n\tmutexes cannot be used inside ISRs\nE: >>> ZEPHYR FATAL ERROR 4: Kernel panic on CPU 0\n"),
    Text("ESP8266, NULL", ("fault-elsewhere",),
         "--------------- CUT HERE FOR EXCEPTION DECODER ---------------\n\nException (28):\n"
         "epc1=0x40201a3f epc2=0x00000000 epc3=0x00000000 excvaddr=0x00000010 depc=0x00000000\n\n>>>stack>>>\n"),
    Text("segmentation fault", ("fault-elsewhere",), "player 2.1\nSegmentation fault (core dumped)\n"),
    Text("brown-out", ("fault-elsewhere", "none"),
         f"{BOOT}\nBrownout detector was triggered\n\nets Jul 29 2019 12:21:46\n\nrst:0xc (SW_CPU_RESET),boot:0x13\n"),
    Text("application's abort", ("fault-elsewhere",), BOOT + abort()),
    Text("silent assertion", ("fault-elsewhere",), f"{BOOT}\nassert failed: 0x403897a2\n{riscv(0x40380718, 7, 0)}"),
    Text("stack of a task", ("stack-overflow",),
         f"{BOOT}***ERROR*** A stack overflow in task parser has been detected.\n{riscv(0x4038071C, 7, 0)}{END}"),
    Text("stack canary", ("stack-overflow",),
         "Guru Meditation Error: Core  1 panic'ed (Unhandled debug exception). \nDebug exception reason: Stack canary "
         "watchpoint triggered (loopTask) \n" + xtensa(0x400897C4, 1, 0)),
    Text("stack guard", ("stack-overflow",),
         BOOT + guru("Stack protection fault", "") + '\nDetected in task "main" at 0x42006f10\n'
         "Stack pointer: 0x3fc90f60\nStack bounds: 0x3fc90f6c - 0x3fc91760\n\n" + riscv(0x42006F10, 27, 0) + END),
    Text("stack smashed", ("stack-overflow",), f"{BOOT}\nStack smashing protect failure!\n\n{abort()}"),
    Text("Zephyr, stack", ("stack-overflow",),
         "*** Booting Zephyr OS build v3.6.0 ***\nE: ***** MPU FAULT *****\nE:   Stacking error (context area might be "
         "not valid)\nE: >>> ZEPHYR FATAL ERROR 2: Stack overflow on CPU 0\nE: Current thread: 0x20000438 (shell)\n"),
    Text("FreeRTOS, stack", ("stack-overflow",), "Stack overflow in task: sensor\n"),
    Text("glibc, smashed", ("stack-overflow",), "*** stack smashing detected ***: terminated\nAborted (core dumped)\n"),
    Text("IDF, refused", ("out-of-memory",),
         f"{BOOT}\nMem alloc fail. size 0x00000580 caps 0x00001800\n{abort(0x40381234)}"),
    Text("bad_alloc", ("out-of-memory",),
         f"{BOOT}terminate called after throwing an instance of 'std::bad_alloc'\n  what():  std::bad_alloc\n"
         + abort()),
    Text("ESP_ERR_NO_MEM", ("out-of-memory",),
         BOOT + "ESP_ERROR_CHECK failed: esp_err_t 0x101 (ESP_ERR_NO_MEM) at 0x42006f10\n"
         'file: "./main/app.c" line 44\nfunc: app_main\nexpression: esp_wifi_init(&cfg)\n' + abort()),
    Text("refused, then NULL", ("out-of-memory", "fault-elsewhere"),
         f"{BOOT}E (370) job: no memory for packet 220\n" + guru("Store access fault") + riscv(0x42006478, 7, 0) + END),
    Text("ESP8266, refused", ("out-of-memory", "fault-elsewhere"),
         "--------------- CUT HERE FOR EXCEPTION DECODER ---------------\n\nUnhandled C++ exception: OOM\n\n"
         ">>>stack>>>\n<<<stack<<<\n\nlast failed alloc call: 40205F1C(2880)\n"),
    Text("FreeRTOS's hook", ("out-of-memory",), "vApplicationMallocFailedHook: Malloc failed!\n"),
    Text("Rust", ("out-of-memory",), "memory allocation of 65536 bytes failed\nabort() was called at PC 0x42006f11\n"),
    Text("task watchdog", ("watchdog",),
         f"{BOOT}E (5417) task_wdt: Task watchdog got triggered. The following tasks/users did not reset the watchdog "
         "in time:\nE (5417) task_wdt:  - IDLE (CPU 0)\nE (5417) task_wdt: Tasks currently running:\n"
         "E (5417) task_wdt: CPU 0: main\nE (5417) task_wdt: Print CPU 0 (current core) backtrace\n"),
    Text("interrupt watchdog", ("watchdog",),
         BOOT + guru("Interrupt wdt timeout on CPU0", " ") + riscv(0x42006E0C, 0x18, 0) + END),
    Text("watchdog's reset", ("watchdog", "none"),
         BOOT + "I (300) app: busy\n" * 8 + "ets Jul 29 2019 12:21:46\n\nrst:0x10 (RTCWDT_RTC_RESET),boot:0x13 "
         "(SPI_FAST_FLASH_BOOT)\n"),
    Text("soft watchdog", ("watchdog",), "\nSoft WDT reset\n\n>>>stack>>>\n\nctx: cont\nsp: 3ffffe10 end: 3fffffc0\n"),
    Text("quiet, with numbers", ("none",),
         f"{BOOT}Free heap: 182344\nI (900) app: free heap 182,344, minimum 170,112, largest 110592\n", crashes=0),
    Text("quiet, mbedtls was refused", ("none",),
         f"{BOOT}E (9000) esp-tls-mbedtls: mbedtls_ssl_setup returned -0x7F00\nE (9001) esp-tls: create_ssl_handle "
         "failed\nI (9100) app: retry in 10 s\n", crashes=0),
    Text("quiet, words", ("none",),
         f"{BOOT}I (900) heap_test: no heap corruption found\nI (901) app: stack overflow check is on\n", crashes=0),
)  # fmt: skip
APP = ("read_setting", "main/app.c", 44)
MORE = (
    Text("abort in RAM code", ("fault-in-allocator", "fault-elsewhere"), BOOT + abort(0x40381234)),
    Text("abort in multi_heap_free", ("foreign-free",), BOOT + abort(0x40381234), frames=(
        ("panic_abort", None, None), ("esp_system_abort", None, None), ("abort", None, None),
        ("multi_heap_free", "heap/multi_heap.c", 200), APP)),
    Text("silent, in the allocator", ("fault-in-allocator",),
         f"{BOOT}\nassert failed: 0x403897a2\n{riscv(0x40380718, 7, 0)}",
         frames=(("panic_abort", None, None), ("__assert_func", None, None), ("tlsf_malloc", None, None), APP)),
    Text("fault in tlsf_malloc", ("fault-in-allocator",),
         BOOT + guru("Load access fault") + riscv(0x42005C22, 5, 0x6C6C6F48) + END,
         frames=(("tlsf_malloc", "heap/tlsf.c", 99), APP)),
    Text("fault of its own", ("fault-elsewhere",), BOOT + guru("Load access fault") + riscv(0x42005C22, 5, 8) + END,
         frames=(APP,)),
    Text("fault of its own, without lines", ("fault-elsewhere",),
         BOOT + guru("Load access fault") + riscv(0x42005C22, 5, 8) + END, frames=(("read_setting", None, None),)),
    Text("malloc in an interrupt", ("fault-elsewhere",),
         BOOT + idf_assert("xQueueSemaphoreTake queue.c:1709 (!( xPortInIsrContext() ))"), frames=(
             ("panic_abort", None, None), ("xQueueSemaphoreTake", None, None), ("malloc", None, None), APP)),
    Text("cut, in RAM code", ("fault-in-allocator",), BOOT_32 + guru("LoadStorePIFAddrError")
         + "Core  0 register dump:\nPC      : 0x40089de1  PS      : 0x00060830  A0      : 0x8008a000  "
         "A1      : 0x3ffb5050  \nA2      : 0x3ffb2d74  A3      : 0x0"),
    Text("cut, write to flash", ("fault-elsewhere",), BOOT + guru("Store access fault")
         + "Core  0 register dump:\nMEPC    : 0x420066f6  RA      : 0x42007426  SP      : 0x3fc8f5c0  GP      : "
         "0x3fc8ac00  \nS0/FP   : 0x00000000  S1      : 0x00000000  A0      : 0x3c024830  A1      : 0x0"),
    Text("loopTask's recursion", ("stack-overflow",),
         "Guru Meditation Error: Core  1 panic'ed (Unhandled debug exception). \nDebug exception reason: Stack canary "
         "watchpoint triggered (loopTask) \n\nBacktrace: 0x400897c1:0x3ffb0060"
         + "".join(f" 0x400d1b2c:0x{0x3FFB0000 + at * 0x120:08x}" for at in range(7)) + " |<-CORRUPTED\n"),
    Text("a check, then the crash", ("overflow",),
         f"{BOOT}CORRUPT HEAP: Bad tail at 0x3fc92028. Expected 0xbaad5678 got 0x2b73706d\nI (900) app: going on\n"
         + guru("Load access fault") + riscv(0x40388900, 5, 0x20202020) + END, "text"),
    Text("a fill that is never set", ("overflow", "underflow"),
         poison("Bad head at 0x3fc92024. Expected 0xabba1234 got 0xdeadbeef"), "fill"),
    Text("a byte", ("overflow", "underflow"), poison("Bad head at 0x3fc92024. Expected 0xabba1234 got 0x03030303"),
         "fill"),
    Text("bytes of no kind", ("overflow", "underflow"),
         poison("Bad head at 0x3fc92024. Expected 0xabba1234 got 0x9184f3a7")),
    Text("a head behind a head", ("overflow",), poison("Bad tail at 0x3fc92028. Expected 0xbaad5678 got 0xabba1234")),
    Text("a pointer to a constant", ("overflow", "underflow"),
         poison("Bad head at 0x3fc92024. Expected 0xabba1234 got 0x3c023220"), "pointer"),
    Text("freed memory used", ("write-after-free",),
         BOOT + guru("Load access fault") + riscv(0x42005C22, 5, 0xFEFEFEFE + 4) + END),
    Text("a wild word", ("fault-elsewhere",),
         BOOT + guru("Load access fault") + riscv(0x42005C22, 5, 0xA5A5A5A5) + END),
    Text("a wild word before", ("fault-elsewhere",),
         BOOT + guru("Load access fault") + riscv(0x42005C22, 5, 0xDEADBEEF - 4) + END),
    Text("a size of text", ("fault-in-allocator",), BOOT + guru("Store access fault")
         + riscv(0x40388900, 7, (0x3FC93E98 + 0x20544544) & 0xFFFFFFFF, a1=0x3FC93E98, a0=0x3FC8DEA4) + END),
    Text("jump without RA", ("fault-elsewhere",),
         BOOT_32 + guru("InstrFetchProhibited") + xtensa(0x20, 20, 0x20) + END),
    Text("misaligned", ("fault-elsewhere",),
         BOOT_32 + guru("LoadStoreAlignment") + xtensa(0x400D1B2C, 9, 0x3FFB0001) + END),
    Text("unhandled kernel error", ("unknown", "fault-elsewhere"),
         "*** Booting Zephyr OS build v3.6.0 ***\nE: >>> ZEPHYR FATAL ERROR 77: Unknown error on CPU 0\n"
         "E: Current thread: 0x20000438 (main)\n"),
    Text("a dump alone", ("unknown", "fault-elsewhere"), riscv(0x42005C22, 0, 0) + END),
    Text("refused, summary", ("out-of-memory",),
         f"{BOOT}Failed to allocate 1408 bytes with capabilities 0x1800 in heap_caps_malloc\n"
         "Heap summary for capabilities 0x00001000:\n  At 0x50000028 len 8128 free 36 allocated 7620 min_free 36\n"
         "    largest_free_block 28 alloc_blocks 5 free_blocks 1 total_blocks 6\n  Totals:\n"
         "    free 2368 allocated 331312 min_free 2368 largest_free_block 884\n" + abort()),
    Text("refused for its size", ("out-of-memory",),
         f"{BOOT}Failed to allocate 140800 bytes with capabilities 0x1800 in heap_caps_malloc\n  Totals:\n"
         "    free 82368 allocated 231312 min_free 2368 largest_free_block 884\n" + abort()),
    Text("refused, and on", ("out-of-memory", "none"),
         f"{BOOT}Failed to allocate 1408 bytes with capabilities 0x1800 in heap_caps_malloc\nI (900) app: going on\n"),
    Text("a boot loop", ("fault-elsewhere",),
         (BOOT + guru("Load access fault") + riscv(0x42005C22, 5, 8) + END) * 3, crashes=3),
    Text("watchdogs", ("watchdog",),
         f"{BOOT}E (5417) task_wdt: Task watchdog got triggered. The following tasks/users did not reset the watchdog "
         "in time:\nE (5417) task_wdt:  - IDLE (CPU 0)\nE (5417) task_wdt: Tasks currently running:\n"
         "E (5417) task_wdt: CPU 0: main\n" + guru("Interrupt wdt timeout on CPU0", " ") + riscv(0x42006E0C, 0x18, 0)
         + END),
    Text("hardware watchdog", ("watchdog", "none"),
         " ets Jan  8 2013,rst cause:4, boot mode:(3,6)\n\nwdt reset\nload 0x4010f000, len 3424, room 16 \n"),
    Text("a heap that says so itself", ("fault-in-allocator", "overflow"),
         f"{BOOT}CORRUPT HEAP: Block at 0x3ffb8000 is of no size\n{abort()}"),
    Text("FreeRTOS, link", ("fault-in-allocator", "double-free"),
         "Assertion failed: pxLink->pxNextFreeBlock == NULL, file heap_4.c, line 432\n"),
    Text("umm, before", ("underflow", "overflow"), "No poison before block at: 0x3fff1a20, actual data: 41 42 43 44\n\n"
         "Panic umm_malloc.cpp:812 umm_free\n--------------- CUT HERE FOR EXCEPTION DECODER ---------------\n"
         "rst cause:2, boot mode:(3,6)\n"),
    Text("RT-Thread, in an interrupt", ("fault-elsewhere",),
         "Function[rt_malloc] shall not be used in ISR\n"
         "(0) assertion failed at function:rt_malloc, line number:279 \n"),
    Text("RT-Thread, unaligned", ("interior-free", "foreign-free"),
         "((((rt_ubase_t)rmem) & (RT_ALIGN_SIZE - 1)) == 0) assertion failed at function:rt_free, line number:562\n"),
    Text("NuttX, KASan", ("unknown", "write-after-free", "overflow"),
         "NuttShell (NSH) NuttX-12.4.0\nkasan_report: kasan detected a write access error, address at 0x80039810, size "
         "is 4, return address: 0x8000bb5e\ndump_assert_info: Assertion failed panic: at file: mm/kasan/kasan.c:120 "
         "task: app process: app 0x8001c060\nup_dump_register: EPC: 8001541e\n"),
    Text("NuttX, the handler asserts, too", ("fault-in-allocator",),
         "NuttShell (NSH) NuttX-12.4.0\n" + "".join(
             f"dump_assert_info: Assertion failed : at file: {where} task: app process: app 0x8001c060\n"
             "up_dump_register: EPC: 8001541e\nup_dump_register: A0: 00000006 A1: 00000000 A2: 00000001 A3: 00000000\n"
             for where in ("mm_heap/mm_foreach.c:93", "semaphore/sem_wait.c:127", "semaphore/sem_wait.c:127"))),
    Text("NuttX, stack", ("stack-overflow", "fault-elsewhere"),
         "NuttShell (NSH) NuttX-12.4.0\ndump_assert_info: Assertion failed panic: at file: "
         "common/riscv_exception.c:146 task: app process: app 0x8001c060\n"
         "dump_tasks:    PID GROUP PRI POLICY   TYPE    NPX STATE   EVENT      SIGMASK          STACKBASE  "
         "STACKSIZE      USED   FILLED    COMMAND\n"
         "dump_task:       2     2 100 RR       Task    -   Running            0000000000000000 0x8003a20c      "
         "1972      1972   100.0%!   app\n"),
    Text("a monitor's names", ("fault-elsewhere",),
         BOOT + guru("Load access fault") + riscv(0x42005C22, 5, 8)
         + "--- 0x42005c22: read_setting at /project/main/app.c:44\n" + END),
    Text("a build-id", ("fault-elsewhere",),
         "build-id: 5f5f5f5f5f5f5f5f5f5f\n" + guru("Load access fault") + riscv(0x42005C22, 5, 8)),
)  # fmt: skip
STRANGERS = (  # as users pasted them elsewhere, written anew
    Text("a panic of ESP-IDF 3", ("fault-elsewhere",),
         BOOT_32 + "Guru Meditation Error of type StoreProhibited occurred on core  1. Exception was unhandled.\n"
         + xtensa(0x400D1B2C, 29, 0x3F400010)),
    Text("names of an old monitor", ("fault-in-allocator",),
         BOOT_32 + "Guru Meditation Error of type LoadProhibited occurred on core  0. Exception was unhandled.\n"
         + xtensa(0x40087D7C, 28, 0xFFFFFFFF)
         + "0x40087d79: get_next_block at C:/esp/esp-idf/components/heap/multi_heap.c:547 (discriminator 1)\n\n"
         "0x400d1b2c: app_main at /project/main/app.c line 12\n"),
    Text("names of a monitor, a helper of TLSF", ("fault-in-allocator",),
         BOOT_32 + guru("LoadProhibited") + xtensa(0x400D1B2C, 28, 0x64656C78)
         + "--- 0x400d1b29: remove_free_block at /esp-idf/components/heap/tlsf/tlsf_control_functions.h:402\n" + END),
    Text("a cut head", ("fault-elsewhere",),
         xtensa(0x400D1B2C, 28, 0)),
    Text("one exception, printed twice", ("out-of-memory",),
         ":urd 12, 36, 13\n:oom(260)@?\nFatal exception 29(StoreProhibitedCause):\nepc1=0x40226340, epc2=0x00000000, "
         "epc3=0x00000000, excvaddr=0x00000004, depc=0x00000000\n\nException (29):\nepc1=0x40226340 "
         "epc2=0x00000000 epc3=0x00000000 excvaddr=0x00000004 depc=0x00000000\n"),
    Text("abort, and memory is gone", ("out-of-memory",),
         ":oom(608)@?\n:urn 80\n\nAbort called\n\n>>>stack>>>\n\nctx: cont\nsp: 3fff1f30 end: 3fff23b0 offset: "
         "01b0\n3fff20e0:  402b2460 3fff01d1 3fff2250 40244336\n<<<stack<<<\n"),
    Text("a refused TLS session, then abort", ("out-of-memory",),
         f"{BOOT}E (900) tls:   ! mbedtls_ssl_setup returned -0x7f00\nE (901) app: cannot connect\n{abort()}"),
    Text("FreeRTOS's own assertion", ("fault-elsewhere",),
         BOOT_32 + "/sdk/components/freertos/tasks.c:1443 (vTaskDelay)- assert failed!\n"
         "abort() was called at PC 0x4008c87c on core 1\n"),
    Text("heap_4 asserts", ("fault-in-allocator",), "ASSERT! file Source/portable/MemMang/heap_4.c line 331\n"),
    Text("umm of old, behind", ("overflow",),
         "there is no poison after the block. Expected poison address: 0x3fff0a24, actual data: 41 41 41 00\n\n"
         "Panic umm_malloc.c:880 check_poison\n"),
    Text("Zephyr, a handler that asserts", ("fault-elsewhere",),
         "ASSERTION FAIL [!ret] @ WEST_TOPDIR/app/select.c:196\nE: >>> ZEPHYR FATAL ERROR 4: Kernel panic on CPU 0\n"
         "E: Current thread: 0x20000438 (main)\nE: Halting system\nASSERTION FAIL [reason != K_ERR_KERNEL_PANIC] @ "
         "ZEPHYR_BASE/kernel/fatal.c:148\n"),
    Text("Zephyr of old, three threads", ("stack-overflow",),
         "".join(f"***** BUS FAULT *****\n  Executing thread ID (thread): 0x{at:x}\n  Faulting instruction address:  "
                 f"0x0\n  Stacking error\nFatal fault in thread 0x{at:x}! Aborting.\n"
                 for at in (0x20003038, 0x200030C4, 0x20003150)), crashes=3),
    Text("RT-Thread, a hard fault", ("fault-elsewhere",),
         " lr: 0x80011947\n pc: 0x80000ad8\nhard fault on thread: tshell\n\nusage fault:\n"
         "SCB_CFSR_UFSR:0x100 UNALIGNED\n"),
    Text("a handler that prints", ("fault-elsewhere",), "In Hard Fault Handler\nSCB->HFSR = 0x40000000\n"),
    Text("AddressSanitizer, no heap", ("fault-elsewhere",),
         "==21==ERROR: AddressSanitizer: stack-use-after-return on address 0xf515f260 at pc 0x042434f0 bp 0x9ac24e78\n"
         "WRITE of size 4 at 0xf515f260 thread T0\n"),
    Text("AddressSanitizer, a signal", ("fault-elsewhere",),
         "==22==ERROR: AddressSanitizer: SEGV on unknown address 0x000000000000 (pc 0x55d0c7d8a1e9 T0)\n"),
    Text("Rust panics", ("fault-elsewhere",),
         "====================== PANIC ======================\npanicked at src/main.rs:44:17:\n"
         "called `Option::unwrap()` on a `None` value\n"),
    Text("esp-hal", ("fault-elsewhere",), "Exception occurred 'IllegalInstruction'\nContext\nPC=0x400e088b       "
         "PS=0x00060335\nA0=0x800dfc43       A1=0x3ffdb320       A2=0x400e9e78       A3=0x3ffc33d4\n"),
    Text("a filled mark", ("overflow", "write-after-free"),
         f"{BOOT}CORRUPT HEAP: Bad tail at 0x3fc9a4d1. Expected 0xbaad5678 got 0xcececece\n{abort()}", got_is="fill"),
    Text("users who talk of it", ("none",),
         'I (1000) chat: <bob> I always get "CORRUPT HEAP" when I call free() twice\n'
         "I (1100) chat: <ann> no, I had a stack overflow last week, and Guru Meditation Errors before that\n"
         'I (1200) chat: <bob> "double free or corruption" on my PC\n', crashes=0),
    Text("a watchdog, and an idle core", ("watchdog",),
         "Task watchdog got triggered. The following tasks did not feed the watchdog in time:\n - IDLE (CPU 0)\n"
         "Tasks currently running:\nCPU 0: wifi\nCPU 1: IDLE\n"),
    Text("no sum", ("fault-elsewhere",), BOOT_32 + guru("LoadProhibited") + xtensa(0x400D1B2C, 28, 0)
         + "\nELF file SHA256: 0000000000000000\n\nRebooting...\n"),
)  # fmt: skip
TEXTS = (*MARKS, *ALLOCATORS, *OTHERS, *MORE, *STRANGERS)
