# SPDX-License-Identifier: Apache-2.0
"""The library for Arduino and PlatformIO: what make_library.py lays out, compiled and linked as they do it.

The archives that it is linked against are made before, without it.

tests/ports/esp_idf is the IDF in those archives; the application is the one of test_esp_idf.py, with its book.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.ports.booked import SIZED, Told
from tests.ports.fake_idf import CROSS, FAKE, Idf, Ran, project, ran
from tests.ports.steps import are_few, carry_out, steps_of
from tests.support.paths import ROOT
from tests.support.xtensa import toolchain
from tests.unit.real_program import run

PORT = ROOT / "c_helpers" / "ports" / "arduino"
FLAGS = ("-march=rv32imc", "-mabi=ilp32", "-misa-spec=2.2", "--specs=picolibc.specs")
SECTIONS = ("-Os", "-g", "-ffunction-sections", "-fdata-sections", "-fno-builtin")
ARDUINO = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
struct Line { void begin(int); void println(const char *); int printf(const char *, ...); };
extern Line Serial;
void delay(unsigned);
void setup();
void loop();
"""


def library(folder: Path) -> Path:
    run(["python3", str(PORT / "make_library.py"), str(folder)])
    return folder / "memtrace"


def properties(made: Path) -> dict[str, str]:
    lines = (made / "library.properties").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def archives(folder: Path, version: str) -> Path:
    """Arduino's IDF: without memtrace, as its users get it."""
    made = project(folder / "idf")
    Idf(version, "rv32imc").build(made)
    return made / "build"


def headers(build: Path, version: str) -> list[str]:
    major, minor = version.split(".")
    fake = FAKE / "idf"
    places = [build / "config", fake / "include", fake / "components" / "system"]
    return [f"-DIDF_VERSION_MAJOR={major}", f"-DIDF_VERSION_MINOR={minor}", *(f"-I{place}" for place in places)]


def objects(folder: Path, sources: list[Path], flags: list[str]) -> list[str]:
    folder.mkdir(parents=True)
    made = []
    for source in sources:
        tool = f"{CROSS}g++" if source.suffix == ".cpp" else f"{CROSS}gcc"
        more = ["-fno-exceptions"] if source.suffix == ".cpp" else []
        made.append(str(folder / f"{source.name}.o"))
        run([tool, *FLAGS, *SECTIONS, *more, *flags, "-c", str(source), "-o", made[-1]])
    return made


def sketch(folder: Path, version: str, death: int = 0) -> Ran:
    """The application with the library, linked as the platform's recipe does: objects, archives, its flags."""
    made, build = library(folder), archives(folder, version)
    flags = [*headers(build, version), f"-I{made / 'src'}"]
    # Arduino compiles all of a library's files, and gives it no other place of headers.
    sources = [path for path in sorted((made / "src").rglob("*")) if path.suffix in (".c", ".cpp", ".S")]
    linked = objects(folder / "library", [path for path in sources if path.name != "xtensa_windowed.S"], flags)
    application = folder / "sketch"
    shutil.copytree(FAKE / "app", application)
    for name in ("book.c", "book.h"):
        shutil.copy(FAKE.parent / "bare" / name, application)
    own = [application / name for name in ("entries.c", "deaths.c", "book.c")]
    linked += objects(folder / "objects", own, [*flags, f"-DDEATH={death}", "-fno-optimize-sibling-calls"])
    elf = folder / "sketch.elf"
    idf = [str(build / "components" / name / f"lib{name}.a") for name in ("heap", "libc", "system")]
    link = [
        "-nostartfiles",
        f"-L{build}",
        f"-T{FAKE / 'idf' / 'components' / 'system' / 'link.ld'}",
        "-Wl,--gc-sections",
    ]
    forced = ["-u", "libc_include_heap_impl", "-u", "libc_include_assert_impl"]
    group = [
        "-Wl,--start-group",
        *linked,
        *idf,
        "-lc",
        "-lgcc",
        *properties(made)["ldflags"].split(),
        "-Wl,--end-group",
    ]
    run([f"{CROSS}gcc", *FLAGS, *link, *forced, *group, "-o", str(elf)])
    return ran(elf)


@pytest.mark.parametrize("version", ["4.4", "5.5"])
def test_the_ring_says_what_the_book_says(version: str, tmp_path: Path) -> None:
    """But aligned_alloc, which the older C library has alone: there its caller is that."""
    found = sketch(tmp_path, version)
    assert found.trace is not None
    seen = [
        Told(
            event.kind,
            event.address,
            event.size if event.kind in SIZED else 0,
            found.name(event.stack[0]) if event.stack else "",
        )
        for event in found.trace.events
        if event.kind not in ("control", "mark")
    ]
    others = {("startup_driver", "alloc"), ("vTaskDelete", "free"), ("aligned_alloc", "alloc")}
    assert {(told.user, told.kind) for told in seen if told.user and not told.user.startswith("user_")} <= others
    assert [told for told in seen if told.user.startswith("user_") or not told.user] == [
        told for told in found.book if not (told.kind == "alloc" and told.size == 64 and told.user == "user_aligned")
    ]
    assert all(len(event.stack) <= 1 for event in found.trace.events)


def test_the_ring_freezes_when_the_allocator_dies(tmp_path: Path) -> None:
    trace = sketch(tmp_path, "5.5", 1).trace
    assert trace is not None and trace.assertion is not None
    assert (trace.assertion.text, trace.assertion.function) == ("block already marked as free", "tlsf_free")


def test_the_manifests_agree(tmp_path: Path) -> None:
    made = library(tmp_path)
    told = properties(made)
    manifest = json.loads((made / "library.json").read_text())
    assert (told["name"], told["version"]) == (manifest["name"], manifest["version"])
    assert told["precompiled"] == "true" and told["architectures"] == "esp32"
    # Where there is no folder of the chip with a file in it, the flags are not handed on.
    assert all(list((made / "src" / chip).iterdir()) for chip in ("esp32", "esp32s3", "esp32c3", "esp32c6"))
    script = (made / manifest["build"]["extraScript"]).read_text()
    appended: list[str] = []

    class Environment:
        def Append(self, LINKFLAGS: list[str]) -> None:  # SCons's names
            appended.extend(LINKFLAGS)

    exec(script, {"Import": lambda name: None, "DefaultEnvironment": Environment})
    assert appended == told["ldflags"].split() and "-Wl,--wrap=malloc" in appended and "-Wl,--wrap=_Znwj" in appended


def test_it_compiles_on_xtensa_de212(tmp_path: Path) -> None:
    """Every file but C++'s, whose compiler there is not here."""
    made, build = library(tmp_path), archives(tmp_path, "5.5")
    flags = [*headers(build, "5.5"), f"-I{made / 'src'}", "-isystem", "/usr/lib/picolibc/xtensa-lx106-elf/include"]
    for source in sorted((made / "src" / "inner").glob("*.[cS]")):
        run([str(toolchain().gcc), "-Os", *flags, "-c", str(source), "-o", str(tmp_path / "one.o")])


def test_the_readme_puts_it_in_and_takes_it_out(tmp_path: Path) -> None:
    readme = PORT / "README.md"
    steps, back = steps_of(readme), steps_of(readme, "Take it out")
    assert are_few(steps) and are_few(back)
    (tmp_path / "libraries").mkdir()
    (tmp_path / "sketch").mkdir()
    file = tmp_path / "sketch" / "sketch.ino"
    file.write_text("void setup() {}\nvoid loop() {}\n")
    before = file.read_text()
    carry_out(steps, tmp_path / "libraries")
    assert (tmp_path / "libraries" / "memtrace" / "library.properties").exists() and "memtrace.h" in file.read_text()
    carry_out(back, tmp_path / "libraries")
    assert file.read_text() == before


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "memtrace").mkdir()
    (tmp_path / "memtrace" / "mine.txt").write_text("mine")
    done = subprocess.run(
        ["python3", str(PORT / "make_library.py"), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0 and (tmp_path / "memtrace" / "mine.txt").exists()


def test_the_example_is_short_and_compiles(tmp_path: Path) -> None:
    """With the part of Arduino's header that it uses; the IDE puts that in front of a sketch."""
    example = ROOT / "examples" / "arduino" / "leaking" / "leaking.ino"
    assert len(example.read_text().splitlines()) <= 60
    made = library(tmp_path)
    for name in ("sdkconfig.h", "Arduino.h"):
        (tmp_path / name).write_text(ARDUINO if name == "Arduino.h" else "")
    flags = ["-Wall", "-Wextra", "-Werror", "-fsyntax-only", f"-I{tmp_path}", f"-I{made / 'src'}"]
    run(["g++", "-x", "c++", *flags, "-include", "Arduino.h", str(example)])
