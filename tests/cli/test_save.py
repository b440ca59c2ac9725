# SPDX-License-Identifier: Apache-2.0
"""What `memtrace save` replaces: a core or an empty file, never anything else, and it waits for nothing.

Every device here is a node of its own in a test's folder.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gdbext.commands import save
from gdbext.model.errors import UserError
from gdbext.target.files import image_target
from gdbext.target.target import Debugger
from tests.support import fixtures
from tests.support.core import core_bytes

CASE = fixtures.case("a005")
RANGES = [(image.base, image.data) for image in CASE.images]
NULL = os.makedev(1, 3)


class Options:
    """`memtrace save FILE --heap ...`."""

    def __init__(self, file: object) -> None:
        self.file, self.heap, self.pool = str(file), [CASE.heap.option], []
        self.ring = self.search = None


def saved(file: object) -> str:
    """The error that saving ended in; empty: the file was written."""
    try:
        target = image_target(RANGES)
        target.debugger = Debugger((243, []))  # as if they were a live target
        save.COMMAND.run(target, Options(file))  # type: ignore[arg-type]
    except UserError as problem:
        return str(problem)
    return ""


def pipe(path: Path) -> None:
    os.mkfifo(path)


def listening(path: Path) -> None:
    socket.socket(socket.AF_UNIX).bind(str(path))


def device(path: Path) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, NULL)
    except PermissionError:
        pytest.skip("only root makes device nodes")


def block_device(path: Path) -> None:
    try:
        os.mknod(path, stat.S_IFBLK | 0o600, os.makedev(7, 250))
    except PermissionError:
        pytest.skip("only root makes device nodes")


def dangling(path: Path) -> None:
    path.symlink_to(path.parent / "nowhere")


def loop(path: Path) -> None:
    path.symlink_to(path)


def text(path: Path) -> None:
    path.write_text("mine")


def program(path: Path) -> None:
    path.write_bytes(core_bytes([])[:16] + b"\2\0")


SPECIAL: dict[str, tuple[Callable[[Path], None], str]] = {
    "pipe": (pipe, "it is a pipe"),
    "socket": (listening, "it is a socket"),
    "device": (device, "it is a device"),
    "block device": (block_device, "it is a device"),
    "folder": (Path.mkdir, "it is a directory"),
    "dangling link": (dangling, "it is a symbolic link that leads nowhere"),
    "loop of links": (loop, "Too many levels of symbolic links"),
    "text": (text, "there is a file that is no core"),
    "program": (
        lambda path: path.write_bytes(core_bytes([])[:16] + b"\2\0") and None,
        "there is a file that is no core",
    ),
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("linked", [False, True], ids=["itself", "link"])
@pytest.mark.parametrize("what", SPECIAL)
def test_nothing_but_a_core_is_replaced(what: str, linked: bool, tmp_path: Path) -> None:
    make, said = SPECIAL[what]
    there = tmp_path / "there"
    make(there)
    before = os.lstat(there)
    path = tmp_path / "link" if linked else there
    if linked:
        path.symlink_to(there)
    names = sorted(os.listdir(tmp_path))
    answer = saved(path)
    assert answer == f"{path} cannot be written: {said}"
    after = os.lstat(there)
    assert (after.st_mode, after.st_ino, after.st_size, after.st_mtime_ns) == (
        before.st_mode,
        before.st_ino,
        before.st_size,
        before.st_mtime_ns,
    )
    assert sorted(os.listdir(tmp_path)) == names


@pytest.mark.timeout(20)
def test_a_process_substitution_is_refused() -> None:
    reading, writing = os.pipe()
    try:
        assert saved(f"/dev/fd/{writing}").endswith("cannot be written: it is a pipe")
    finally:
        os.close(reading)
        os.close(writing)


@pytest.mark.parametrize("before", [b"", core_bytes([(0x1000, b"old")])], ids=["empty", "core"])
def test_a_link_stays_and_the_core_behind_it_is_replaced(before: bytes, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    core, link = tmp_path / "folder" / "core", tmp_path / "link"
    core.write_bytes(before)
    link.symlink_to(Path("folder") / "core")
    assert saved(link) == ""
    assert link.is_symlink() and core.stat().st_size > 1000
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["core"]


def test_a_new_file_is_made_where_a_linked_folder_leads(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    assert saved(tmp_path / "link" / "core") == ""
    assert (tmp_path / "folder" / "core").stat().st_size > 1000


@pytest.mark.parametrize(
    ("name", "said"),
    [("", "it names no file"), ("core/", "it names no file"), ("nowhere/core", "no file can be made in")],
)
def test_what_names_no_file(name: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert said in saved(name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.timeout(20)
@pytest.mark.parametrize("what", ["pipe", "device", "text"])
def test_what_comes_while_it_was_read_is_not_replaced(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checked again right before the rename."""
    there = tmp_path / "core"
    whole = save.core_bytes

    def meanwhile(*image: Any) -> bytes:
        SPECIAL[what][0](there)
        return whole(*image)

    monkeypatch.setattr(save, "core_bytes", meanwhile)
    assert SPECIAL[what][1] in saved(there)
    assert os.listdir(tmp_path) == ["core"]
    assert (stat.S_ISREG(os.lstat(there).st_mode), there.stat().st_size) in ((True, 4), (False, 0))
