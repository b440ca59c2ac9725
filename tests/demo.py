# SPDX-License-Identifier: Apache-2.0
"""`make demo`: a broken heap on an emulated chip, and who broke it, typed into a real GDB before the reader's eyes.
`make demo-watch`: the same, then a second run that stops at the line that does it.

Nothing is staged: the firmware asserts where its allocator found the damage, and everything printed after a prompt is
what GDB printed. GDB runs in a pty so that it prints as for a person; its output is passed through as it comes. The
exit status is 1 if the story did not come to its end. Arguments name
the chip and the story: CHIPS and STORIES below.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from tests.support import firmware
from tests.support.chips import DE212, LX106, RV32, Chip
from tests.support.gdb import GdbSession, GdbTimeoutError, NoTerminalError, remote
from tests.support.paths import EXTENSION, ROOT
from tests.support.qemu import Qemu
from tests.support.xtensa import XtensaMissingError

INTRODUCTION = """\
Two blocks of 1,024 bytes. The first is freed, then filled with 1,028 bytes of ff through the stale pointer; the second
is freed, and the allocator asserts. The question is not where it stopped but who did it.

"""
SECOND_RUN = """\
The report names the block and its owners. Now the chip is started once more, to stop where it is done.

"""
CHIPS = {  # what a user calls it: the firmware's variant and the chip
    "rv32": (firmware.DEFAULT, RV32),
    "esp32-like": ("de212", DE212),
    "esp8266-like": ("lx106", LX106),
}
NEXT = re.compile(r"next: (memtrace last 0x[0-9a-f]+)")


def show(text: str) -> None:
    """Print at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


def show_shell(words: list[str], *, background: bool = False) -> None:
    """Print a command as it would be typed into a shell."""
    show(f"$ {shlex.join(words)}{' &' if background else ''}\n")


def tell_owners(gdb: GdbSession, chip: Qemu) -> str | None:
    """Type the story; return what is wrong with it, None if nothing is."""
    for command in (f"source {EXTENSION.relative_to(ROOT)}", remote(chip.remote)):
        gdb.command(command)
    report = gdb.command("continue")
    advice = NEXT.search(report)
    if not advice:
        return "no report came that ends on what to do next"
    answer = gdb.command(advice[1])
    return None if "allocated" in answer else f"{advice[1]} named no allocation"


def tell_writer(gdb: GdbSession, chip: Qemu) -> str | None:
    """The same with a second run, which stops at the writer."""
    for command in (f"source {EXTENSION.relative_to(ROOT)}", remote(chip.remote)):
        gdb.command(command)
    gdb.command("continue")
    show(f"\n{SECOND_RUN}(gdb) ")
    for command in ("memtrace watch last-damage", "monitor system_reset", "maintenance flush register-cache"):
        gdb.command(command)
    written = gdb.command("continue")
    return None if "written from outside of the allocator" in written else "nobody was caught writing"


STORIES = {"owners": tell_owners, "writer": tell_writer}


def play(elf: Path, chip: Chip, tell: Callable[[GdbSession, Qemu], str | None]) -> str | None:
    """Start the chip and GDB as a person would, and tell the story to its end."""
    with Qemu(elf, tcp=True, chip=chip) as target:
        show_shell([*target.machine, "-gdb", f"tcp:{target.remote}"], background=True)
        show_shell([chip.gdb, "-q", "-nx", str(elf)])
        columns = max(shutil.get_terminal_size((160, 24)).columns, 100)
        with GdbSession(elf=elf, program=chip.gdb, columns=columns, echo=show) as gdb:
            problem = tell(gdb, target)
            gdb.echo = None
            show("quit\n")
    return problem


def main(arguments: list[str]) -> int:
    """Build the firmware for the chip that is asked for and play."""
    name, story = [*arguments, *("rv32", "owners")[len(arguments) :]][:2]
    if name not in CHIPS or story not in STORIES:
        print(f"demo: CHIP is one of {', '.join(CHIPS)}, then one of {', '.join(STORIES)}", file=sys.stderr)
        return 2
    os.chdir(ROOT)
    show(INTRODUCTION)
    variant, chip = CHIPS[name]
    try:
        problem = play(firmware.build(variant).relative_to(ROOT), chip, STORIES[story])
    except (firmware.FirmwareError, XtensaMissingError, NoTerminalError) as error:
        problem = str(error)
    except (GdbTimeoutError, EOFError) as error:
        problem = str(error).splitlines()[0]
    if problem:
        print(f"\ndemo: {problem}", file=sys.stderr)
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
