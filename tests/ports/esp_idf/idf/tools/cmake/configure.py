# SPDX-License-Identifier: Apache-2.0
"""IDF's step from Kconfig to sdkconfig.h and sdkconfig.cmake, and ldgen's from a fragment to the linker's patterns.

configure.py KCONFIG COMPONENT_KCONFIG DEFAULTS FOLDER    configure.py ldgen FRAGMENT OUTPUT SDKCONFIG.CMAKE
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import kconfiglib


def configure(kconfig: str, component: str, defaults: str, folder: str) -> None:
    """An option that is off is not defined, as in IDF."""
    os.environ["COMPONENT_KCONFIG"] = component
    found = kconfiglib.Kconfig(kconfig, warn_to_stderr=False)
    if Path(defaults).exists():
        found.load_config(defaults)
    wrong = [said for said in found.warnings if "undefined symbol" not in said]
    assert not wrong, wrong
    header, variables = [], []
    for symbol in found.unique_defined_syms:
        if symbol.str_value in ("", "n") and symbol.orig_type != kconfiglib.STRING:
            continue
        value = "1" if symbol.str_value == "y" else symbol.str_value
        text = f'"{value}"' if symbol.orig_type == kconfiglib.STRING else value
        header.append(f"#define CONFIG_{symbol.name} {text}\n")
        variables.append(f'set(CONFIG_{symbol.name} "{symbol.str_value}")\n')
    _write(Path(folder) / "sdkconfig.h", "".join(header))
    _write(Path(folder) / "sdkconfig.cmake", "".join(variables))


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists() or file.read_text() != text:
        file.write_text(text)


def placed(fragment: str, options: str) -> tuple[str, list[str]]:
    """The archive, and its objects that are not among those of `* (noflash)`; none at all without that line."""
    archive, kept, objects, all_of_it = "", [True], [], False
    for line in fragment.splitlines():
        indent = (len(line) - len(line.lstrip())) // 4
        text = line.strip()
        if not text or text.startswith(("#", "[")):
            continue
        kept = kept[: max(indent, 1)]
        if text.startswith("archive:"):
            archive = text.split()[1]
        elif found := re.fullmatch(r"if (\w+) = (y|n):", text):
            is_on = f'set(CONFIG_{found[1]} "y")' in options
            kept.append(kept[-1] and is_on == (found[2] == "y"))
        elif text == "* (noflash)":
            all_of_it = all_of_it or all(kept)
        elif text != "entries:":
            found = re.fullmatch(r"(\w+) \(default\)", text)
            assert found, line
            objects += [found[1]] if all(kept) else []
    return archive, objects if all_of_it else ["*"]


def ldgen(fragment: str, output: str, options: str) -> None:
    """Patterns for a section of the linker script; the code of IDF itself that IDF keeps in IRAM comes first."""
    archive, others = placed(Path(fragment).read_text(), Path(options).read_text()) if fragment else ("", ["*"])
    sections = "(.text .text.* .rodata .rodata.* .srodata .srodata.*)"
    lines = [f"*lib{name}.a:*{sections}" for name in ("heap", "libc", "system")]
    if others != ["*"]:
        exclude = " ".join(f"*{archive}:{name}.*" for name in others)
        inner = sections[1:-1].split()
        lines.append(f"*{archive}:*(" + " ".join(f"EXCLUDE_FILE({exclude}) {one}" for one in inner) + ")")
    _write(Path(output), "\n".join(lines) + "\n")


if __name__ == "__main__":
    ldgen(*sys.argv[2:]) if sys.argv[1] == "ldgen" else configure(*sys.argv[1:])
