# SPDX-License-Identifier: Apache-2.0
"""Lays memtrace out as a library of Arduino and PlatformIO for ESP32: make_library.py FOLDER makes FOLDER/memtrace.

Approach: a library is compiled with its folder `src` as the only place of headers, so what a sketch includes lies
there, the rest in a folder below, and the few includes that name another place are rewritten. The options that ESP-
IDF's menu has are a header, memtrace_options.h, made of the Kconfig's defaults; who wants others defines them in
front, by build flags. The linker's options stand in library.properties, which the Arduino IDE hands on for a
library that says `precompiled` and has a folder for the chip; and in a script that PlatformIO runs.
Rejected: sources kept a second time in the repository (they would grow apart).
Cost: some 80 small files.
Assumptions: Python 3.8; file names are unique over the folders that are copied.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
HELPERS = HERE.parent.parent
IDF = HELPERS / "ports" / "esp_idf"
PUBLIC = ("include", "console", "selftest", "usage", "sinks/memtrace_sink.h", "ports/esp_idf/memtrace_port.h")
INNER = ("arch", "log", "recorder", "console", "selftest", "usage", "sinks", "wrap", "ports/esp_idf")
OTHERS = {
    "nuttx.c",
    "memtrace_file.c",
    "memtrace_file.h",
    "flash_ring.c",
    "flash_ring.h",
    "uart_frames.c",
    "uart_frames.h",
    "checksum.c",
    "checksum.h",
    "reallocarray.c",
    "console.c",
    "usage.c",
    "sink_file.c",
    "sink_partition.c",
    "sink_task.c",
    "sink_uart.c",
}
CHIPS = ("esp32", "esp32s2", "esp32s3", "esp32c2", "esp32c3", "esp32c5", "esp32c6", "esp32h2", "esp32p4")
# Of the functions that CMakeLists.txt wraps, one that is the C library's own in the older of Arduino's versions.
NOT_WRAPPED = {"aligned_alloc"}


def files_of(names: tuple[str, ...], pattern: str) -> list[Path]:
    """Those of folders, and single ones."""
    found: list[Path] = []
    for name in names:
        path = HELPERS / name
        found += sorted(path.glob(pattern)) if path.is_dir() else [path]
    return [path for path in found if path.name not in OTHERS and re.fullmatch(r".*\.(c|h|cpp|S)", path.name)]


def rewritten(text: str) -> str:
    """Includes of another folder, by the name alone; the options in front of everything."""
    text = re.sub(r'#include "\.\./[\w/]+/(\w+\.h)"', r'#include "\1"', text)
    text = text.replace('#include "sdkconfig.h"', '#include "memtrace_options.h"')
    return text.replace("#include <stdbool.h>", '#include "memtrace_options.h"\n\n#include <stdbool.h>', 1)


def options() -> str:
    """The defaults of the Kconfig: numbers, and what is y."""
    found = [("MEMTRACE", "1")]
    for name, body in re.findall(
        r"^ +config (\w+)\n(.*?)(?=^ +(?:config|choice|endchoice)|\Z)", _kconfig(), re.M | re.S
    ):
        if default := re.search(r"default (y|\d+|0x\w+)$", body, re.M):
            found.append((name, default[1].replace("y", "1")))
    found += [(name, "1") for name in ("MEMTRACE_RING_INTERNAL", "MEMTRACE_SINK_NONE")]
    lines = [
        f"#ifndef CONFIG_{name}\n#define CONFIG_{name} {value}\n#endif\n" for name, value in found if name not in _LEFT
    ]
    return _OPTIONS.format("".join(lines))


# The linker script of Arduino's libraries is made; a depth of its own stands below.
_LEFT = {"MEMTRACE_IN_IRAM", "MEMTRACE_DEPTH", "MEMTRACE_FRAME_POINTERS"}
_OPTIONS = """/* SPDX-License-Identifier: Apache-2.0
 *
 * Made by make_library.py of the Kconfig's defaults, which says what each is for. Build flags define others:
 * -DCONFIG_MEMTRACE_RING_BYTES=65536.
 */
#ifndef MEMTRACE_OPTIONS_H
#define MEMTRACE_OPTIONS_H

#include "sdkconfig.h"

/* RISC-V has call stacks where all code keeps frame pointers. Arduino's libraries keep none: the caller is sure. */
#if !defined(MEMTRACE_DEPTH) && defined(__riscv)
#define MEMTRACE_DEPTH 1
#endif

{}
#endif
"""


def _kconfig() -> str:
    return (IDF / "Kconfig").read_text(encoding="utf-8")


def wraps() -> list[str]:
    """The linker's options: those of the component, for every version at once, and of C++."""
    lists = (IDF / "CMakeLists.txt").read_text(encoding="utf-8")
    told = re.findall(r"(?:set\(wrapped|list\(APPEND wrapped) ([\w\s]+)\)", lists)
    names = [name for one in told for name in one.split() if name not in NOT_WRAPPED]
    operators = (HELPERS / "wrap" / "new.wrap").read_text(encoding="utf-8").split()
    return [f"-Wl,--wrap={name}" for name in names] + [f"-Wl,{option}" for option in operators]


def make(folder: Path) -> Path:
    """The library, anew."""
    library = folder / "memtrace"
    if library.exists() and not (library / "library.properties").exists():
        raise SystemExit(f"{library} is there, and is no library")
    shutil.rmtree(library, ignore_errors=True)
    source = library / "src"
    (source / "inner").mkdir(parents=True)
    public = files_of(PUBLIC, "memtrace*.h") + files_of(("arch",), "*.h")
    inner = [path for path in files_of(INNER, "*") if path not in public]
    for target, paths in ((source, public), (source / "inner", inner)):
        for path in paths:
            (target / path.name).write_text(rewritten(path.read_text(encoding="utf-8")), encoding="utf-8")
    (source / "memtrace_options.h").write_text(options(), encoding="utf-8")
    for chip in CHIPS:
        (source / chip).mkdir()
        (source / chip / "sources-are-compiled.txt").write_text("There is no archive here.\n", encoding="utf-8")
    properties = (HERE / "library.properties").read_text(encoding="utf-8")
    (library / "library.properties").write_text(f"{properties}ldflags={' '.join(wraps())}\n", encoding="utf-8")
    script = f'Import("env")\nDefaultEnvironment().Append(LINKFLAGS={wraps()})\n'
    (library / "memtrace_link.py").write_text(script, encoding="utf-8")
    shutil.copy(HERE / "library.json", library)
    shutil.copy(HELPERS.parent / "LICENSE", library)
    shutil.copytree(HELPERS.parent / "examples" / "arduino", library / "examples")
    return library


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("make_library.py FOLDER: the folder of your libraries (Arduino's libraries, PlatformIO's lib)")
    print(make(Path(sys.argv[1]).expanduser()))
