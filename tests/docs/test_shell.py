# SPDX-License-Identifier: Apache-2.0
"""Lines typed into a shell in the documents: blocks tagged `shell-session SCENARIO`.

`$ memtrace ...` is run on what `memtrace save` writes of that scenario at its stop; `build/SCENARIO.core` and `app.elf`
stand for that core and the firmware.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.shell import memtrace
from tests.docs.test_docs import DOCUMENTS
from tests.docs.test_sessions import agree
from tests.support import firmware
from tests.support.scenario import run_scenario

BLOCK = re.compile(r"^```shell-session (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SESSIONS = [(path, scenario, text) for path in DOCUMENTS for scenario, text in BLOCK.findall(path.read_text())]


@pytest.mark.parametrize(("path", "scenario", "text"), SESSIONS, ids=[f"{p.name}-{name}" for p, name, _ in SESSIONS])
def test_the_shell_prints_what_is_shown(path: Path, scenario: str, text: str, tmp_path: Path) -> None:
    core, elf = tmp_path / "core", firmware.build("default")
    run_scenario(scenario, [f"memtrace save {core}"])
    for part in re.split(r"^\$ memtrace ", text, flags=re.MULTILINE)[1:]:
        typed, _, shown = part.partition("\n")
        words = typed.replace(f"build/{scenario}.core", str(core)).replace("app.elf", str(elf)).split()
        printed = memtrace(*words).out.replace(str(core), f"build/{scenario}.core").replace(str(elf), "app.elf")
        assert agree(shown, printed.rstrip()), f"{path.name}: {typed}\n--- shown\n{shown}--- printed\n{printed}"


def test_there_are_lines_to_run() -> None:
    assert {"guide.md"} <= {path.name for path, _, _ in SESSIONS}
