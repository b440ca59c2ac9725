# SPDX-License-Identifier: Apache-2.0
"""What debug-over-openocd.md shows is what comes: the block tagged `openocd-session`, and the line of a refusal."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support import firmware
from tests.support.documents import agree
from tests.support.openocd import COMMANDS
from tests.support.openocd_launch import refused
from tests.support.openocd_scenario import openocd_on
from tests.support.paths import ROOT

PAGE = (ROOT / "docs" / "how-to" / "debug-over-openocd.md").read_text()
PROMPT = "> "
DUMP = "/tmp/broken"


def block(tag: str) -> str:
    found = re.search(rf"^```{tag}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found, f"the page shows no {tag}"
    return found[1]


def test_the_session_goes_as_it_is_shown(tmp_path: Path) -> None:
    elf, dump = str(firmware.build("default")), str(tmp_path / "broken")
    with openocd_on("seed", "-c", "riscv set_mem_access sysbus", "-f", str(COMMANDS)) as (openocd, _):
        for turn in re.split(rf"^{PROMPT}", block("openocd-session seed"), flags=re.MULTILINE)[1:]:
            typed, _, shown = turn.partition("\n")
            printed = openocd.tcl(typed.replace("app.elf", elf).replace(DUMP, dump))
            printed = printed.replace(elf, "app.elf").replace(dump, DUMP)
            assert agree(steady_address(shown), steady_address(printed)), f"{typed}\n{printed}"


def steady_address(text: str) -> str:
    """Without addresses of code and the order of names, which move with the compiler."""
    text = re.sub(r"0x8000[0-9a-f]{4}", "0x8000....", text)
    return re.sub(r"known: (.*)", lambda names: "known: " + ", ".join(sorted(names[1].split(", "))), text)


def test_the_refusal_is_the_line_that_is_shown() -> None:
    typed, shown = block("shell-refusal").splitlines()
    assert refused([*typed.split()[3:-1], str(firmware.build("default"))]).strip() == shown
