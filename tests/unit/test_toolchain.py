# SPDX-License-Identifier: Apache-2.0
"""The Xtensa toolchain: sources are told their core, and the place follows from the content. Nothing is built."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import xtensa
from tests.toolchain import sources, where

CONFIG = "#define XCHAL_HAVE_BE\t\t1\n#define XCHAL_NUM_AREGS 16\n#define XSHAL_ABI\t\tXTHAL_ABI_WINDOWED\n"
REGISTERS = "xtensa_register_t rmap[] =\n{\n  old\n};\n\nxtensa_gdbarch_tdep xtensa_tdep (rmap);\n"


def core(folder: Path, name: str, *, windowed: int) -> Path:
    """A core as QEMU describes it, as small as can be."""
    path = folder / f"core-{name}"
    path.mkdir()
    isa = f"#define XCHAL_HAVE_BE\t\t\t0 /* no */\n#define XCHAL_HAVE_WINDOWED {windowed}\n#define XCHAL_NUM_AREGS 32\n"
    (path / "core-isa.h").write_text(isa)
    (path / "xtensa-modules.c.inc").write_text(f'#include "qemu/osdep.h"\nstatic xtensa_isa_internal {name};\n')
    (path / "gdb-config.c.inc").write_text(f"  {name} &xtensa_mask7\n")
    return path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A source tree with the three files that a core decides."""
    files = {"include/xtensa-config.h": CONFIG, "bfd/xtensa-modules.c": "", "gdb/xtensa-config.c": REGISTERS}
    for name, text in files.items():
        (tmp_path / "tree" / name).parent.mkdir(parents=True)
        (tmp_path / "tree" / name).write_text(text)
    return tmp_path / "tree"


def test_a_tree_is_told_its_core_and_then_another(tree: Path, tmp_path: Path) -> None:
    sources.configure(tree, core(tmp_path, "one", windowed=1))
    config = (tree / "include/xtensa-config.h").read_text()
    assert config == CONFIG.replace("BE\t\t1", "BE\t\t0").replace("16", "32")
    sources.configure(tree, core(tmp_path, "two", windowed=0))
    assert "XTHAL_ABI_CALL0" in (tree / "include/xtensa-config.h").read_text()
    assert (tree / "bfd/xtensa-modules.c").read_text() == '#include "ansidecl.h"\nxtensa_isa_internal two;\n'
    assert (tree / "gdb/xtensa-config.c").read_text() == REGISTERS.replace("old\n", "two &xtensa_mask0\n\n")


def test_a_tree_without_a_debugger_is_told_what_it_has(tree: Path, tmp_path: Path) -> None:
    (tree / "gdb/xtensa-config.c").unlink()
    sources.configure(tree, core(tmp_path, "one", windowed=1))
    assert not (tree / "gdb/xtensa-config.c").exists()


def archive_of(folder: Path) -> Path:
    """Sources of a debugger, as small as can be, in their archive."""
    (folder / "gdb-99" / "gdb").mkdir(parents=True)
    (folder / "gdb-99" / "gdb" / "Makefile.in").write_text("all:\n")
    subprocess.run(["tar", "cf", "gdb.tar", "gdb-99"], cwd=folder, check=True)
    return folder / "gdb.tar"


def test_sources_are_unpacked_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build that was interrupted there goes on, and its makefile compiles the headers first."""
    monkeypatch.setitem(sources.TARBALLS, "gdb", str(archive_of(tmp_path)))
    folder = tmp_path / "gdb-source"
    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(sources, "precompile", interrupted)
        sources.unpack("gdb", folder)
    assert not folder.exists()
    sources.unpack("gdb", folder)
    assert "memtrace.h" in (folder / "gdb" / "Makefile.in").read_text()
    assert '#include "defs.h"\n' in (folder / "gdb" / "memtrace.h").read_text()


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_the_place_follows_from_the_content(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MEMTRACE_TOOLS")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    here = where.locate()
    assert here.folder.parent == tmp_path / "memtrace"
    assert where.locate() == here
    monkeypatch.setattr(where, "versions", lambda: ["gdb-source 99"])
    assert where.locate() != here


@pytest.fixture
def nothing_built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A machine without the tools, seen from a test that may ask for them."""
    monkeypatch.delenv("MEMTRACE_TOOLS")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(xtensa.Tools, "barred", "")
    xtensa._located.cache_clear()
    yield
    xtensa._located.cache_clear()


@pytest.mark.usefixtures("nothing_built")
def test_missing_tools_are_one_line() -> None:
    with pytest.raises(xtensa.XtensaMissingError, match=r"^no Xtensa toolchain in .*: run `make setup-xtensa`$"):
        xtensa.toolchain()


@pytest.mark.usefixtures("nothing_built")
def test_a_build_that_fails_is_told_by_the_tests_that_wait(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its end is in the message, and without apt-get no build comes far."""
    monkeypatch.setattr(xtensa, "LOG", tmp_path / "log")
    monkeypatch.setattr(xtensa.Tools, "failure", "")
    monkeypatch.setenv("PATH", str(programs(tmp_path / "bin", "setpriv", "dpkg-query")))
    tools = xtensa.Tools()
    tools.start()
    tools.wait()
    with pytest.raises(xtensa.XtensaMissingError, match=r"(?s)building them ended so .*apt-get"):
        xtensa.toolchain()


def programs(folder: Path, *names: str) -> Path:
    """A folder that is a PATH with these programs alone."""
    folder.mkdir()
    for name in names:
        (folder / name).symlink_to(shutil.which(name) or name)
    return folder


def test_who_does_not_say_so_gets_no_tools() -> None:
    with pytest.raises(
        xtensa.XtensaMissingError, match=r"test_who_does_not_say_so_gets_no_tools uses the Xtensa tools"
    ):
        xtensa.toolchain()


def test_what_needs_the_tools_says_so_in_its_name() -> None:
    assert xtensa.needs_tools("tests/target/test_smp.py::test_one_core[de212]")
    assert xtensa.needs_tools("tests/target/test_xtensa.py::test_any")
    assert not xtensa.needs_tools("tests/unit/test_toolchain.py::test_any[default]")


def test_a_failed_command_shows_the_end_of_its_log(tmp_path: Path) -> None:
    with pytest.raises(sources.CommandError, match=r"(?s)the reason\nsh -c .* failed \(3\); all of it: .*build.log"):
        sources.run(["sh", "-c", "echo the reason; exit 3"], tmp_path)
