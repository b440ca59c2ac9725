# SPDX-License-Identifier: Apache-2.0
"""What lies at an address of a chip: its memory map, as far as a console text needs it.

To add a chip, add a row. Approach: a table by the chip's name as boot lines print it; where the text names no chip, the
first chip of the processor's family whose map has code at the address where the program stopped.
Rejected: the map out of the ELF file (most users of a console text have none at hand).
Limits: external RAM and flash share one window on some chips; that is `flash` here.
"""

from __future__ import annotations

from typing import Mapping, Optional, Tuple

from gdbext.analyse.values import NEAR_NULL
from gdbext.model.memory import Spot
from gdbext.model.said import said

RAM, FLASH, CODE, IRAM, ROM, DEVICE, NULL = "ram", "flash", "code", "iram", "rom", "device", "null"
EXECUTABLE = (CODE, IRAM, ROM)

_Map = Tuple[Tuple[int, int, str], ...]
_LOW_POWER = (0x5000_0000, 0x5000_4000, RAM)
_C3: _Map = (
    (0x3C00_0000, 0x3D00_0000, FLASH),
    (0x3FC8_0000, 0x3FCE_0000, RAM),
    (0x3FF0_0000, 0x3FF2_0000, ROM),
    (0x4000_0000, 0x4009_0000, ROM),
    (0x4037_C000, 0x403E_0000, IRAM),
    (0x4200_0000, 0x4300_0000, CODE),
    _LOW_POWER,
    (0x6000_0000, 0x6010_0000, DEVICE),
)
_C6: _Map = (
    (0x4000_0000, 0x4008_0000, ROM),
    (0x4080_0000, 0x4088_0000, RAM),
    (0x4200_0000, 0x4300_0000, CODE),
    _LOW_POWER,
    (0x6000_0000, 0x6010_0000, DEVICE),
)
_ARM: _Map = (
    (0x0000_1000, 0x2000_0000, CODE),
    (0x2000_0000, 0x4000_0000, RAM),
    (0x4000_0000, 0x6000_0000, DEVICE),
    (0xE000_0000, 0x1_0000_0000, DEVICE),
)
_CHIPS: Mapping[str, _Map] = {
    "esp32": (
        (0x3F40_0000, 0x3F80_0000, FLASH),
        (0x3F80_0000, 0x3FC0_0000, RAM),
        (0x3FF0_0000, 0x3FF8_0000, DEVICE),
        (0x3FF8_0000, 0x3FF8_2000, RAM),
        (0x3FFA_E000, 0x4000_0000, RAM),
        (0x4000_0000, 0x4007_0000, ROM),
        (0x4007_0000, 0x400A_0000, IRAM),
        (0x400C_0000, 0x400C_2000, RAM),
        (0x400C_2000, 0x40C0_0000, CODE),
        _LOW_POWER,
    ),
    "esp32s2": (
        (0x3F00_0000, 0x3F40_0000, FLASH),
        (0x3F50_0000, 0x3FF8_0000, RAM),
        (0x3FF9_E000, 0x3FFA_0000, RAM),
        (0x3FFB_0000, 0x4000_0000, RAM),
        (0x4000_0000, 0x4002_0000, ROM),
        (0x4002_0000, 0x4007_2000, IRAM),
        (0x4008_0000, 0x4180_0000, CODE),
        _LOW_POWER,
    ),
    "esp32s3": (
        (0x3C00_0000, 0x3E00_0000, FLASH),
        (0x3FC8_8000, 0x3FD0_0000, RAM),
        (0x3FF0_0000, 0x3FF2_0000, ROM),
        (0x4000_0000, 0x4006_0000, ROM),
        (0x4037_0000, 0x403E_0000, IRAM),
        (0x4200_0000, 0x4400_0000, CODE),
        _LOW_POWER,
        (0x600F_E000, 0x6010_0000, RAM),
        (0x6000_0000, 0x600F_E000, DEVICE),
    ),
    "esp32c3": _C3,
    "esp32c2": _C3,
    "esp32c6": _C6,
    "esp32h2": _C6,
    "esp32c5": _C6,
    "esp32c61": _C6,
    "esp32p4": (
        (0x3010_0000, 0x3010_2000, RAM),
        (0x4000_0000, 0x4400_0000, CODE),
        (0x4800_0000, 0x4C00_0000, RAM),
        (0x4FC0_0000, 0x4FC2_0000, ROM),
        (0x4FF0_0000, 0x4FFC_0000, RAM),
        (0x5000_0000, 0x5010_0000, DEVICE),
        (0x5010_8000, 0x5011_0000, RAM),
    ),
    "esp8266": (
        (0x3FFE_8000, 0x4000_0000, RAM),
        (0x4000_0000, 0x4001_0000, ROM),
        (0x4010_0000, 0x4011_0000, IRAM),
        (0x4020_0000, 0x4030_0000, CODE),
        (0x6000_0000, 0x6000_2000, DEVICE),
    ),
}
# Where the text names no chip: those of a family, the most frequent first.
_FAMILIES: Mapping[str, Tuple[str, ...]] = {
    "xtensa": ("esp32", "esp32s3", "esp32s2", "esp8266"),
    "riscv": ("esp32c3", "esp32c6", "esp32p4"),
}
_ALL = tuple(_CHIPS)


class Places:
    """What lies where, for one crash."""

    def __init__(
        self, chip: Optional[str], architecture: Optional[str], pc: Optional[int], in_ram: Optional[int] = None
    ) -> None:
        """`pc` is an address of code, and `in_ram` one in RAM, which tell the chip where the text does not."""
        named = _CHIPS.get(chip or "")
        family = [_CHIPS[one] for one in _FAMILIES.get(architecture or "", _ALL)]
        fitting = (
            one
            for one in family
            if (pc is not None or in_ram is not None)
            and (pc is None or _kind_in(one, pc) in EXECUTABLE)
            and (in_ram is None or _kind_in(one, in_ram) == RAM)
        )
        self._map: _Map = named or (_ARM if architecture == "arm" else next(fitting, ()))

    def kind(self, address: int) -> Optional[str]:
        """Returns what kind of memory an address is in. None: in none that is known."""
        return NULL if 0 <= address < NEAR_NULL else _kind_in(self._map, address)

    def spot(self, address: int) -> Optional[Spot]:
        """Returns what lies at an address, as far as the map tells; None if it is no memory for programs."""
        kind = self.kind(address)
        if kind in EXECUTABLE:
            return Spot("code", said("spot-code"))
        if kind == RAM:
            return Spot("ram", said("spot-ram"))
        return Spot("flash", said("spot-flash")) if kind == FLASH else None

    @property
    def is_known(self) -> bool:
        """Tells whether there is a map at all."""
        return bool(self._map)


def _kind_in(places: _Map, address: int) -> Optional[str]:
    return next((kind for start, end, kind in places if start <= address < end), None)
