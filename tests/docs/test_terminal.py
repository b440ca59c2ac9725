# SPDX-License-Identifier: Apache-2.0
"""What a reader types into a terminal, from the first line of a page to its last: blocks tagged `terminal NAME`.

The blocks of a page that have the same name are one session, in a copy of the repository. Lines behind `$ ` go to the
shell, lines behind `(gdb) ` to the GDB that it started; what follows must be what is printed.
"""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path

import pytest

from tests.docs.typed import Terminal, files_of
from tests.support.documents import Shown, agree, blocks, name_of

LINE = re.compile(r"^(\$|\(gdb\)) ", re.MULTILINE)
SESSIONS = [list(group) for _, group in groupby(blocks("terminal"), key=lambda shown: (shown.path, shown.tag))]


def lines(session: list[Shown]) -> list[tuple[str, str, str]]:
    """Prompt, what is typed, and what must come of it."""
    parts = LINE.split("".join(shown.text for shown in session))[1:]
    return [
        (prompt, typed.split("\n", 1)[0], typed.partition("\n")[2])
        for prompt, typed in zip(parts[::2], parts[1::2], strict=True)
    ]


def steady_places(text: str) -> str:
    """The text without what a system chooses: addresses of 64 bits, the terminal's own folder."""
    text = re.sub(r"0x[0-9a-f]{9,16}\b", "0xADDRESS", text)
    return re.sub(r"\S*/memtrace-typed-\w+(/memtrace)?/?", "", text)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("session", SESSIONS, ids=lambda session: session[0].id)
def test_a_page_can_be_typed_from_its_first_line_to_its_last(session: list[Shown]) -> None:
    with Terminal() as terminal:
        for prompt, typed, wanted in lines(session):
            printed = terminal.type(typed) if prompt == "$" else terminal.type_to_gdb(typed)
            printed, wanted = steady_places(printed.rstrip()), steady_places(wanted)
            assert agree(wanted, printed), f"{session[0].id}: {typed}\n--- shown\n{wanted}--- printed\n{printed}"


@pytest.mark.parametrize("shown", blocks("script-session"), ids=lambda shown: shown.id)
def test_a_script_can_be_typed(shown: Shown, tmp_path: Path) -> None:
    """As `shell-session`, in a real shell. A file that `cat` shows is made of what is shown."""
    with Terminal() as terminal:
        for name, path in files_of(shown.tag, tmp_path).items():
            terminal.put(name, path.read_bytes())
        for _, typed, wanted in lines([shown]):
            if typed.startswith("cat "):
                terminal.put(typed.removeprefix("cat "), wanted.encode())
            printed = terminal.type(typed).rstrip()
            assert agree(wanted, printed), f"{shown.id}: {typed}\n--- shown\n{wanted}--- printed\n{printed}"


def test_every_example_and_the_tutorial_are_typed() -> None:
    pages = {name_of(session[0].path) for session in SESSIONS}
    assert {"docs/tutorial/first-culprit.md", "examples/bare/README.md", "examples/linux/README.md"} <= pages
    assert "examples/freertos/README.md" in pages
