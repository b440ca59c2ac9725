# SPDX-License-Identifier: Apache-2.0
"""A program that crashes in QEMU and prints what ESP-IDF prints then: registers and stack memory, no backtrace."""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

FLAGS = ["-march=rv32imac_zicsr", "-mabi=ilp32", "-O1", "-g", "-nostdlib", "-ffreestanding", "-static"]
SOURCE = r"""
#define UART (*(volatile unsigned char *)0x10000000)
#define FINISHER (*(volatile unsigned *)0x100000)
unsigned frame[32], cause, where, value;
static char stack[4096] __attribute__((aligned(16)));
volatile int sink;

__asm__(".section .text.unlikely,\"ax\"\n.globl _start\n_start:\n la sp, stack_end\n la t0, trap\n csrw mtvec, t0\n"
        " call app_main\n1: j 1b\n.balign 4\ntrap:\n csrw mscratch, t0\n la t0, frame\n"
        " sw x1, 4(t0)\n sw x2, 8(t0)\n sw x3, 12(t0)\n sw x4, 16(t0)\n sw x6, 24(t0)\n sw x7, 28(t0)\n"
        " sw x8, 32(t0)\n sw x9, 36(t0)\n sw x10, 40(t0)\n sw x11, 44(t0)\n sw x12, 48(t0)\n sw x13, 52(t0)\n"
        " sw x14, 56(t0)\n sw x15, 60(t0)\n sw x16, 64(t0)\n sw x17, 68(t0)\n sw x18, 72(t0)\n sw x19, 76(t0)\n"
        " csrr t1, mscratch\n sw t1, 20(t0)\n csrr t1, mepc\n la t2, where\n sw t1, 0(t2)\n"
        " csrr t1, mcause\n la t2, cause\n sw t1, 0(t2)\n csrr t1, mtval\n la t2, value\n sw t1, 0(t2)\n"
        " la sp, other_end\n call dump\n.bss\n.balign 16\n.space 4096\nstack_end:\n.space 4096\nother_end:\n.text\n");

static void put(const char *text) { while (*text) UART = *text++; }
static void hex(unsigned number) {
    for (int shift = 28; shift >= 0; shift -= 4) UART = "0123456789abcdef"[number >> shift & 15];
}
static void reg(const char *name, unsigned number) { put(name); put(": 0x"); hex(number); put("  "); }

void dump(void) {
    static const char *const names[32] = {
        "", "RA      ", "SP      ", "GP      ", "TP      ", "T0      ", "T1      ", "T2      ", "S0/FP   ", "S1      ",
        "A0      ", "A1      ", "A2      ", "A3      ", "A4      ", "A5      ", "A6      ", "A7      ", "S2      ",
        "S3      "};
    put("Guru Meditation Error: Core  0 panic'ed (Load access fault). Exception was unhandled.\r\n\r\n");
    put("Core  0 register dump:\r\n");
    reg("MEPC    ", where);
    for (int at = 1; at < 20; at++) { if (at % 4 == 0) put("\r\n"); reg(names[at], frame[at]); }
    put("\r\n"); reg("MCAUSE  ", cause); reg("MTVAL   ", value); put("\r\n\r\nStack memory:\r\n");
    for (unsigned at = frame[2]; at < frame[2] + 512; at += 32) {
        hex(at); put(":");
        for (unsigned word = at; word < at + 32; word += 4) { put(" 0x"); hex(*(unsigned *)word); }
        put("\r\n");
    }
    put("\r\n\r\n\r\nELF file SHA256: @@@@@@@@@\r\n\r\nRebooting...\r\n");
    FINISHER = 0x5555;
    for (;;) { }
}

static inline __attribute__((always_inline)) int peek(volatile int *place) { return *place; }
__attribute__((noinline)) int leaf(int value) {
    volatile int room[8];
    room[value & 7] = value;
    sink += room[3];
    return peek((volatile int *)(4 + value)) + room[1];
}
__attribute__((noinline)) int middle(int value) {
    volatile char text[40];
    text[value & 31] = 1;
    return leaf(value) + text[3];
}
int app_main(void) { sink = middle(0); return sink + 1; }
"""
CALLS = ["leaf", "middle", "app_main"]


class Panic(NamedTuple):
    """The program's file, and what it printed."""

    elf: bytes
    text: bytes


@cache
def panic() -> Panic:
    """Builds the program, and lets it crash. What it prints has its own SHA-256, as that of ESP-IDF has."""
    with tempfile.TemporaryDirectory() as folder:
        source, elf = Path(folder) / "main.c", Path(folder) / "app.elf"
        source.write_text(SOURCE)
        place = "-Wl,-e,_start,--build-id,-Ttext=0x80000000"
        same = [f"-ffile-prefix-map={folder}=/project/app/main", "-fno-optimize-sibling-calls"]
        line = ["riscv64-unknown-elf-gcc", *FLAGS, *same, place, "main.c", "-o", "app.elf"]
        subprocess.run(line, cwd=folder, check=True)
        machine = ["qemu-system-riscv32", "-M", "virt", "-bios", "none", "-nographic", "-kernel", str(elf)]
        told = subprocess.run(machine, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=True)
        data = elf.read_bytes()
        sha = hashlib.sha256(data).hexdigest()[:9].encode()
        return Panic(data, told.stdout.replace(b"@@@@@@@@@", sha))
