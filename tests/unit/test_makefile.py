# SPDX-License-Identifier: Apache-2.0
"""`make help` and the README name what there is."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from tests.support.paths import ROOT

TARGETS = (
    "setup",
    "setup-xtensa",
    "demo",
    "demo-watch",
    "demo-linux",
    "demo-svg",
    "test",
    "test-quick",
    "test-long",
    "check",
    "bench",
    "fuzz",
    "clean",
    "help",
)


def run(*line: str, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the repository as a shell outside of any make would."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(line, cwd=ROOT, env={**env, **extra}, capture_output=True, text=True, timeout=600)


def test_help_lists_every_target_with_its_purpose() -> None:
    printed = run("make", "help").stdout
    assert set(dict(re.findall(r"^make ([a-z-]+) +(\S.*)$", printed, re.MULTILINE))) == set(TARGETS)


def test_help_is_what_make_alone_prints() -> None:
    assert run("make").stdout == run("make", "help").stdout != ""


def test_setup_touches_no_network_when_all_is_installed() -> None:
    """A second set-up finds everything there: it says nothing and succeeds where every way out is a closed port.

    The first is made here: who runs pytest by itself, or has touched pyproject.toml since, has none of this state yet.
    """
    assert run("make", "setup").returncode == 0
    ways_out = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "PIP_INDEX_URL", "PIP_PROXY")
    done = run("make", "setup", **dict.fromkeys(ways_out, "http://127.0.0.1:9"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_folder_that_is_reached_by_a_link_is_set_up_once(tmp_path: Path) -> None:
    """A shell that came by the link says so in PWD, and bash believes it."""
    (tmp_path / "link").symlink_to(ROOT)
    assert run("make", "setup").returncode == 0
    done = run("make", "setup", PWD=str(tmp_path / "link"))
    assert (done.returncode, done.stdout) == (0, "")


def test_pins_are_exact() -> None:
    pins = (ROOT / "tools" / "requirements.txt").read_text().splitlines()
    assert all("==" in pin for pin in pins if pin and not pin.startswith("#"))
