# SPDX-License-Identifier: Apache-2.0
"""Lines typed into a shell in the documents: blocks tagged `shell-session SCENARIO`.

`$ memtrace ...` is run on what `memtrace save` writes of that scenario at its stop; `build/SCENARIO.core` and `app.elf`
stand for that core and the firmware. `ram.bin` is the image that the scenario `pools` is, `TRACE.LOG` the log of
`player.elf`, the program of `player`. `checkpoints` and `valgrind` are files of other tools, in the folder that is
worked in. `processes` has the logs of a run. Of `flash` are a dump of a chip's flash and an image of an SD card.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.shell import memtrace
from tests.docs.typed import files_of
from tests.support.documents import Shown, agree, blocks, name_of, turns

SESSIONS = blocks("shell-session")


@pytest.mark.parametrize("shown", SESSIONS, ids=lambda shown: shown.id)
def test_the_shell_prints_what_is_shown(shown: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = files_of(shown.tag, tmp_path)
    monkeypatch.chdir(tmp_path)
    for typed, wanted in turns(shown.text, "$ memtrace "):
        line = typed
        for name, file in files.items():
            line = line.replace(name, str(file))
        printed = memtrace(*line.split()).out
        for name, file in files.items():
            printed = printed.replace(str(file), name)
        assert agree(wanted, printed.rstrip()), f"{shown.id}: {typed}\n--- shown\n{wanted}--- printed\n{printed}"


def test_there_are_lines_to_run() -> None:
    assert {"docs/how-to/look-at-a-core-or-image.md"} <= {name_of(shown.path) for shown in SESSIONS}
