# SPDX-License-Identifier: Apache-2.0
"""What a stub serves: memory with holes, and the registers of a RISC-V core of 32 or 64 bits with their description."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

RISCV_NAMES = (
    "zero ra sp gp tp t0 t1 t2 fp s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6 pc"
).split()


@dataclass
class Memory:
    """Ranges of bytes at addresses. Everything else is unmapped, and so is what `unmap` takes away."""

    regions: list[tuple[int, bytearray]] = field(default_factory=list)
    holes: list[range] = field(default_factory=list)

    @classmethod
    def of(cls, images: Iterable[tuple[int, bytes]]) -> Memory:
        """Make a memory of (base, bytes) pairs, copied."""
        return cls([(base, bytearray(data)) for base, data in images])

    def unmap(self, start: int, end: int) -> None:
        """Make [start, end) unreadable."""
        self.holes.append(range(start, end))

    def read(self, address: int, length: int) -> bytes:
        """The bytes at `address` up to `length` of them or the first that is unmapped: empty if that is the first."""
        parts = b""
        while len(parts) < length:
            part = self._piece(address + len(parts), length - len(parts))
            if not part:
                break
            parts += part
        return parts

    def write(self, address: int, data: bytes) -> bool:
        """Write where all of it is mapped."""
        if len(self.read(address, len(data))) != len(data):
            return False
        for base, content in self.regions:
            for index, value in enumerate(data):
                if 0 <= address + index - base < len(content):
                    content[address + index - base] = value
        return True

    def _piece(self, address: int, length: int) -> bytes:
        end = address + length
        for hole in self.holes:
            if address in hole:
                return b""
            if address < hole.start < end:
                end = hole.start
        for base, content in self.regions:
            if base <= address < base + len(content):
                return bytes(content[address - base : end - base])
        return b""


@dataclass
class Core:
    """The registers of one RISC-V core; `width` is 4 or 8 bytes."""

    width: int = 4
    values: dict[str, int] = field(default_factory=dict)

    @property
    def description(self) -> bytes:
        """The target description that makes GDB take riscv:rv32 or riscv:rv64 without an ELF."""
        bits = self.width * 8
        registers = "".join(f'<reg name="{name}" bitsize="{bits}" type="{self._type(name)}"/>' for name in RISCV_NAMES)
        return (
            '<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd"><target version="1.0">'
            f"<architecture>riscv:rv{bits}</architecture>"
            f'<feature name="org.gnu.gdb.riscv.cpu">{registers}</feature></target>'
        ).encode()

    def register(self, number: int) -> bytes | None:
        """Register `number` as hex in the target's order; None if there is no such."""
        if number >= len(RISCV_NAMES):
            return None
        return self.values.get(RISCV_NAMES[number], 0).to_bytes(self.width, "little").hex().encode()

    def all_registers(self) -> bytes:
        """The answer to `g`."""
        return b"".join(self.register(number) or b"" for number in range(len(RISCV_NAMES)))

    def set_register(self, number: int, value: bytes) -> bool:
        """Set register `number` from hex."""
        if number >= len(RISCV_NAMES):
            return False
        self.values[RISCV_NAMES[number]] = int.from_bytes(bytes.fromhex(value.decode()), "little")
        return True

    def set_all_registers(self, data: bytes) -> None:
        """Take the contents of `G`."""
        digits = self.width * 2
        for number in range(min(len(RISCV_NAMES), len(data) // digits)):
            self.set_register(number, data[number * digits : (number + 1) * digits])

    @staticmethod
    def _type(name: str) -> str:
        return {"pc": "code_ptr", "sp": "data_ptr", "gp": "data_ptr", "tp": "data_ptr", "fp": "data_ptr"}.get(
            name, "int"
        )
