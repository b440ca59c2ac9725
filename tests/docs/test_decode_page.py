# SPDX-License-Identifier: Apache-2.0
"""The page on decoding shows what decode prints."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.support.panic_program import panic
from tests.support.paths import ROOT

PAGE = ROOT / "docs" / "how-to" / "decode-a-console-log.md"
ADDRESS = re.compile(r"0x[0-9a-f]{8}|SHA-256 begins [0-9a-f]+")


def decoded(folder: Path, text: bytes) -> str:
    (folder / "app.elf").write_bytes(panic().elf)
    line = [sys.executable, "-m", "gdbext", "decode", "--elf", "app.elf"]
    env = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "XDG_CACHE_HOME": str(folder)}
    return subprocess.run(line, cwd=folder, input=text, env=env, capture_output=True, check=True).stdout.decode()


def test_what_the_page_shows_is_printed(tmp_path: Path) -> None:
    other = re.sub(rb"SHA256: \w+", b"SHA256: 0123456789", panic().text)
    printed = [decoded(tmp_path, text).replace("\r\n", "\n") for text in (panic().text, other)]
    shown = re.findall(r"^```\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(shown) == 3
    for block in shown:  # another compiler puts the code elsewhere
        assert any(ADDRESS.sub("", block) in ADDRESS.sub("", text) for text in printed), block
