# SPDX-License-Identifier: Apache-2.0
"""The recorder for Android: clang compiles it for both ABIs against prototypes of what it uses of bionic.

It is not run: there is no device here. What is seen: it compiles without a warning, asks bionic for nothing else than
the prototypes have (android/include), and has no thread variable that malloc would make.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.paths import ROOT

SOURCES = ROOT / "c_helpers" / "linux"
PROTOTYPES = Path(__file__).with_name("android") / "include"
# Clang's target, and where the kernel's headers of that machine are: the same for every C library.
ABIS = {
    "arm64-v8a": ("aarch64-linux-android29", "/usr/aarch64-linux-gnu/include"),
    "armeabi-v7a": ("armv7a-linux-androideabi29", "/usr/arm-linux-gnueabihf/include"),
}
OF_THE_KERNEL = re.compile(r"(asm|asm-generic|linux)/|elf\.h$")
OF_THE_COMPILER = re.compile(
    r"__(aeabi_|aarch64_|clear_cache|(u?div|u?mod|ashl|lshr|fix|float)\w*[sd]i\d?)|_GLOBAL_OFFSET_TABLE_"
)


def flags_of_cmake() -> list[str]:
    """Every option for the compiler that CMakeLists.txt gives on Android."""
    text = (SOURCES / "CMakeLists.txt").read_text()
    options = re.findall(r"target_compile_options\(memtrace PRIVATE([^)]*)\)", text)
    definitions = re.findall(r"target_compile_definitions\(memtrace PRIVATE([^)]*)\)", text)
    return [*" ".join(options).split(), *(f"-D{one}" for one in " ".join(definitions).split())]


@pytest.fixture(scope="module", params=ABIS)
def objects(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the compiled files, each with the list of what it includes."""
    target, kernel = ABIS[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    line = ["clang", f"--target={target}", "-std=c11", "-fPIC", "-fvisibility=hidden", *flags_of_cmake()]
    line += ["-ffreestanding", "-isystem", str(PROTOTYPES), "-idirafter", kernel, "-MD", "-c"]
    line += [f"-I{ROOT / 'c_helpers' / name}" for name in ("include", "log")]
    sources = [*sorted(SOURCES.glob("*.c")), ROOT / "c_helpers" / "log" / "memtrace_log.c"]
    subprocess.run([*line, *map(str, sources)], cwd=folder, check=True, timeout=600)
    assert len(list(folder.glob("*.o"))) == len(sources) > 5
    return folder


def symbols(folder: Path, *options: str) -> set[str]:
    line = ["nm", "--format=just-symbols", *options, *map(str, folder.glob("*.o"))]
    printed = subprocess.run(line, capture_output=True, text=True, check=True, timeout=120).stdout
    return {name for name in printed.split() if not name.endswith(":")}


def test_nothing_but_the_prototypes_is_included(objects: Path) -> None:
    listed = " ".join(path.read_text() for path in objects.glob("*.d")).split()
    foreign = {path for path in listed if path.startswith("/usr/") and "-linux-gnu" in path}
    assert foreign and {path for path in foreign if not OF_THE_KERNEL.search(path.partition("/include/")[2])} == set()


def test_bionic_is_asked_for_nothing_else(objects: Path) -> None:
    known = set(re.findall(r"(\w+)\(", " ".join(path.read_text() for path in PROTOTYPES.rglob("*.h"))))
    wanted = symbols(objects, "--undefined-only") - symbols(objects, "--defined-only")
    assert "dlsym" in wanted
    assert {name for name in wanted if not OF_THE_COMPILER.match(name)} - known - {"environ"} == set()


def test_it_has_the_hooks_and_the_three_functions(objects: Path) -> None:
    defined = symbols(objects, "--defined-only", "--extern-only")
    assert {"malloc", "free", "realloc", "mmap", "memtrace_checkpoint", "memtrace_recording_start"} <= defined


def test_no_thread_variable_is_made_by_malloc(objects: Path) -> None:
    assert {name for name in symbols(objects) if "emutls" in name} == set()


def test_cmake_and_make_give_the_same_flags(tmp_path: Path) -> None:
    """All but what CMake says in its own words."""
    makefile = (SOURCES / "Makefile").read_text().replace("\\\n", " ")
    made = re.findall(r"^(?:RECORDER_FLAGS|WARNINGS) := (.*)$", makefile, re.MULTILINE)
    own_words = {"-std=c11", "-fPIC", "-fvisibility=hidden", "-fno-semantic-interposition", "-fno-emulated-tls"}
    assert set(" ".join(made).split()) - own_words == set(flags_of_cmake()) - own_words
    assert set(made[0].split()) & own_words == own_words - {"-fno-emulated-tls"}


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_cmake_builds_it_here_too(tmp_path: Path, compiler: str) -> None:
    line = ["cmake", "-S", str(SOURCES), "-B", str(tmp_path), f"-DCMAKE_C_COMPILER={compiler}"]
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL, timeout=600)
    subprocess.run(["cmake", "--build", str(tmp_path)], check=True, stdout=subprocess.DEVNULL, timeout=600)
    listed = subprocess.run(["nm", "-D", str(tmp_path / "libmemtrace.so")], capture_output=True, text=True, check=True)
    assert " T malloc\n" in listed.stdout and " T memtrace_checkpoint\n" in listed.stdout


def test_an_older_platform_is_refused(tmp_path: Path) -> None:
    """As the NDK's file sets it."""
    line = ["cmake", "-S", str(SOURCES), "-B", str(tmp_path), "-DANDROID=1", "-DANDROID_PLATFORM_LEVEL=28"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=600)
    assert done.returncode != 0 and "-DANDROID_PLATFORM=android-29" in done.stderr
