# SPDX-License-Identifier: Apache-2.0
"""`memtrace report --port PORT --build DIR`: a stand-in for esptool serves the flash, or fails."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from tests.cli.shell import memtrace, shell
from tests.support import flash
from tests.support.core import esp_partition
from tests.support.log import HEADER, Log
from tests.support.partition_table import APP, AT, DATA, SECTOR, dump
from tests.support.paths import SHARED
from tests.support.spiffs_image import Sizes, spiffs

MEDIA_LIB = SHARED / "fixtures" / "logs" / "media_lib" / "ml-leaky-rv.log"
PROGRAM = SHARED / "fixtures" / "logs" / "elf" / "player.rv.elf"
PORT = "/dev/ttyUSB7"
STORAGE = spiffs({"/settings": b"volume=11\n", "/mem.log": MEDIA_LIB.read_bytes()}, Sizes(total=1 << 16))

# What esptool prints, and how it ends, by what it is asked.
STAND_IN = """\
#!{python}
import json, pathlib, sys
here = pathlib.Path(__file__).parent
words = sys.argv[1:]
if words == ["version"]:
    sys.exit(print("esptool v{version}\\n{version}"))
with open(here / "asked.json", "a") as asked:
    print(json.dumps(words), file=asked)
chip, port, command, offset, size, place = words[1], words[3], words[4], int(words[5], 0), int(words[6], 0), words[7]
data = (here / "flash.bin").read_bytes()[offset : offset + size]
print("Connecting....")
fails = (here / "fails").exists()
for percent in range(0, 60 if fails else 101, 10):
    print(f"\\rReading from 0x00110000 [===>    ] {{percent:.1f}}% ...", end="", flush=True)
if fails:
    pathlib.Path(place).write_bytes(data[: size // 2])
    print("\\nA fatal error occurred: \\x1b[31mCorrupt data, expected 0x1000 bytes")
    sys.exit(2)
pathlib.Path(place).write_bytes(data[:-1] if (here / "short").exists() else data)
print("\\nHard resetting via RTS pin...")
"""


class Board:
    """A chip behind the stand-in, and the folder of its build."""

    def __init__(self, folder: Path, data: bytes, version: str = "4.8.1") -> None:
        self.tools, self.build = folder / "bin", folder / "project" / "build"
        self.tools.mkdir()
        (self.build / "partition_table").mkdir(parents=True)
        (self.tools / "flash.bin").write_bytes(data)
        script = self.tools / "esptool"
        script.write_text(STAND_IN.format(python=sys.executable, version=version))
        script.chmod(0o755)
        (self.build / "partition_table" / "partition-table.bin").write_bytes(data[AT : AT + SECTOR])
        self.settings(target="esp32c3")

    def settings(self, saved: str | None = None, **more: str) -> None:
        """What the build says."""
        (self.build / "project_description.json").write_text(json.dumps(more))
        if saved is not None:
            line = f'# media_lib\nCONFIG_MEDIA_LIB_MEM_TRACE_SAVE_PATH="{saved}"\nCONFIG_X=y\n'
            (self.build.parent / "sdkconfig").write_text(line)

    def asked(self) -> list[list[str]]:
        return [json.loads(line) for line in (self.tools / "asked.json").read_text().splitlines()]

    @property
    def words(self) -> list[object]:
        return ["--port", PORT, "--build", self.build]


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Board:
    one = Board(tmp_path, dump(("nvs", DATA, 2, b"\0"), ("app", APP, 0, b"\0"), ("storage", DATA, 0x82, STORAGE)))
    monkeypatch.setenv("PATH", f"{one.tools}{os.pathsep}{os.environ['PATH']}")
    return one


def refused(*words: object) -> str:
    said = memtrace(*words)
    assert (said.status, said.out) == (2, "")
    *progress, line = said.err.splitlines()
    assert all("% are read" in one or "reading" in one for one in progress)
    assert "\x1b" not in said.err
    return line


def test_the_partition_of_the_log_alone_is_read(board: Board) -> None:
    said = memtrace("report", *board.words, "--elf", PROGRAM, "--json")
    assert said.status == 0, said.err
    report, alone = said.json(), shell("report", MEDIA_LIB, "--elf", PROGRAM)
    assert report["totals"] == alone["totals"]
    assert report["tree"] == alone["tree"]
    assert PORT in report["source"]["file"]
    ((_, chip, _, port, command, offset, size, _),) = board.asked()
    assert (chip, port, command) == ("esp32c3", PORT, "read_flash")
    assert (int(offset, 0), int(size, 0)) == (AT + 3 * SECTOR, len(STORAGE))
    assert "100 % are read" in said.err


def test_what_the_newer_esptool_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = Board(tmp_path, dump(("storage", DATA, 0x82, STORAGE)), version="5.1.0")
    monkeypatch.setenv("PATH", str(one.tools))
    assert memtrace("tree", *one.words).status == 0
    assert one.asked()[0][4] == "read-flash"


def test_the_program_and_the_path_of_the_build(board: Board) -> None:
    (board.build / "app.elf").write_bytes(PROGRAM.read_bytes())
    board.settings(target="esp32c3", app_elf="app.elf", saved="/spiffs/mem.log")
    report = shell("report", *board.words)
    assert {site["function"] for site in report["sites"]} & {"album_art_show", "cache_put"}
    assert "mem.log" in report["source"]["file"]


def test_several_logs_and_the_one_of_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = MEDIA_LIB.read_bytes()
    two = spiffs({"/OLD.LOG": log[:4000], "/MEM.LOG": log}, Sizes(total=1 << 17))
    one = Board(tmp_path, dump(("first", DATA, 0x82, STORAGE), ("spiffs", DATA, 0x82, two)))
    monkeypatch.setenv("PATH", f"{one.tools}{os.pathsep}{os.environ['PATH']}")
    assert "first, spiffs" in refused("report", *one.words)
    assert "several logs" in refused("report", *one.words, "--partition", "spiffs")
    one.settings(saved="/spiffs/mem.log")
    assert "MEM.LOG" in shell("report", *one.words)["source"]["file"]
    assert "OLD.LOG" in shell("report", *one.words, "--path", "OLD.LOG")["source"]["file"]


def test_our_ring_and_a_core_dump(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log()
    for number in range(7):
        log.event("alloc", 0x2000_0000 + 16 * number, 8)
    ring = flash.partition(bytes(log.data), HEADER)
    core = esp_partition((SHARED / "fixtures" / "logs" / "elf" / "player.rv.elf").read_bytes(), header=24, sha=True)
    one = Board(
        tmp_path,
        dump(("storage", DATA, 0x82, STORAGE), ("memtrace", DATA, 0x99, ring), ("coredump", DATA, 3, core)),
    )
    monkeypatch.setenv("PATH", f"{one.tools}{os.pathsep}{os.environ['PATH']}")
    assert shell("report", *one.words)["totals"]["allocations"] == 7
    assert "core" in refused("check", *one.words, "--partition", "coredump")


@pytest.mark.parametrize(
    ("hurt", "line"),
    [("fails", "Corrupt data, expected 0x1000 bytes"), ("short", "esptool read 65,535 of the 65,536 bytes of storage")],
)
def test_esptool_fails_half_way(hurt: str, line: str, board: Board, tmp_path: Path) -> None:
    (board.tools / hurt).touch()
    assert line in refused("report", *board.words)
    assert not list(Path(board.asked()[0][-1]).parent.glob("*"))


def test_no_esptool(board: Board, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("gdbext.target.flash_port.find_spec", lambda name: None)
    assert "pip install 'memtrace-heap[port]'" in refused("report", *board.words)


def test_what_is_wrong_is_one_line(board: Board, tmp_path: Path) -> None:
    assert "no partition other: there is nvs, app, storage" in refused("report", *board.words, "--partition", "other")
    assert "no partition table" in refused("report", "--port", PORT, "--build", tmp_path)
    assert "go together" in refused("report", "--port", PORT)
    assert "go together" in refused("report", "--build", board.build)
    assert "leave the file" in refused("report", MEDIA_LIB, *board.words)
