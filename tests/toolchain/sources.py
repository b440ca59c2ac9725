# SPDX-License-Identifier: Apache-2.0
"""The sources: unpacked from Debian's packages and told which core they are for.

Approach: QEMU's own description of its cores (in its source package) goes into the files by which binutils, GCC and GDB
are configured. The source package is asked for with lists of our own, made from the machine's: `deb-src` needs to be
enabled nowhere, and nobody needs to be root. Rejected: `apt-get source` with the machine's lists (not enabled as a
rule).
Cost: 24 MB fetched, some 15 s of unpacking.
Assumptions: the cores in QEMU's source are those in its binary, which is built from it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

TARBALLS = {
    "gcc": "/usr/src/gcc-12/gcc-12*.tar.xz",
    "gdb": "/usr/src/gdb.tar.xz",
}
# Debian takes the manuals out of the archive, and builds without them by this.
PATCHES = {"gcc": "/usr/src/gcc-12/patches/gcc-gfdl-build.diff"}
# Most of the time goes into reading headers: these are read once, as what the first #include of a source names.
HEADERS = {
    "gcc": "config.h system.h coretypes.h backend.h target.h rtl.h tree.h gimple.h tree-pass.h memmodel.h tm_p.h "
    "fold-const.h gimple-iterator.h ssa.h cgraph.h cfgloop.h tree-cfg.h stor-layout.h df.h",
    "gdb": "defs.h inferior.h regcache.h gdbcore.h target.h symtab.h objfiles.h gdbcmd.h value.h frame.h gdbtypes.h "
    "gdbarch.h language.h observable.h gdbthread.h block.h expression.h valprint.h parser-defs.h infrun.h breakpoint.h",
}
# GCC's headers ask which of the library's they may include; with all of them none is missing later.
HEADER_MACROS = "ALGORITHM STRING LIST MAP SET VECTOR ARRAY FUNCTIONAL MEMORY MALLOC_H"
HEADER_RULES = {
    "gcc": """
pch/config.h.gch: $(generated_files)
\tmkdir -p pch
\t$(COMPILER) -c $(ALL_COMPILERFLAGS) $(ALL_CPPFLAGS) -x c++-header $(srcdir)/memtrace.h -o $@
$(OBJS): | pch/config.h.gch
$(OBJS): T_CFLAGS += -Ipch
""",
    "gdb": """
$(srcdir)/defs.h.gch: $(generated_files)
\t$(COMPILE.pre) $(INTERNAL_CFLAGS) $(CXXFLAGS) -x c++-header -c $(srcdir)/memtrace.h -o $@
$(COMMON_OBS): | $(srcdir)/defs.h.gch
""",
}
PLUGIN = """\
#include "ansidecl.h"
#define XTENSA_CONFIG_DEFINITION
#include "xtensa-config.h"
#include "xtensa-dynconfig.h"
XTENSA_CONFIG_INSTANCE_LIST;
"""
LOG_TAIL = 25
LIST_FORMAT = "deb-src $(REPO_URI) $(RELEASE) $(COMPONENT)"
DEFINE = re.compile(r"^(#define\s+(XCHAL_\w+)\s+)(\S+)", re.MULTILINE)
MASKED = re.compile(r"&xtensa_mask\d+")
REGISTER_MAP = re.compile(r"(xtensa_register_t rmap\[\] =\s*\{\n).*?(\n\};)", re.DOTALL)


class CommandError(RuntimeError):
    """A command failed; the message ends with the end of its log."""


def run(command: list[str], folder: Path, environment: Mapping[str, str] | None = None) -> None:
    """Run a command in `folder`; what it says is added to build.log there."""
    log = folder / "build.log"
    with log.open("ab") as file:
        done = subprocess.run(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT
        )
    if done.returncode != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-LOG_TAIL:])
        raise CommandError(f"{tail}\n{' '.join(command[:3])} failed ({done.returncode}); all of it: {log}")


def unpack(part: str, folder: Path) -> None:
    """Put the sources of `part` into `folder`, without the folder of their archive, whole or not at all."""
    pattern = Path(TARBALLS[part])
    (archive,) = pattern.parent.glob(pattern.name)
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    run(["tar", "xf", str(archive), "--strip-components=1", "--exclude=*/testsuite/*.*/*"], partial)
    if part in PATCHES:
        run(["patch", "-p2", "-i", PATCHES[part]], partial)
    precompile(part, partial / part)
    partial.rename(folder)


def precompile(part: str, tree: Path) -> None:
    """Let the makefile compile HEADERS first. Where they do not fit a source, GCC compiles it without them."""
    macros = [f"#define INCLUDE_{name}\n" for name in HEADER_MACROS.split()]
    (tree / "memtrace.h").write_text("".join([*macros, *(f'#include "{name}"\n' for name in HEADERS[part].split())]))
    with (tree / "Makefile.in").open("a") as file:
        file.write(HEADER_RULES[part])


def write_plugin(tree: Path, plugin: Path) -> None:
    """Compile what tells Debian's assembler and linker for Xtensa another core, from a tree that was told it."""
    source = plugin.with_suffix(".c")
    source.write_text(PLUGIN)
    includes = [f"-I{tree / name}" for name in ("include", "bfd")]
    files = [str(source), str(tree / "bfd" / "xtensa-modules.c")]
    run(["gcc", "-shared", "-fPIC", "-O1", "-w", *includes, *files, "-o", str(plugin)], plugin.parent)


def fetch_cores(folder: Path) -> None:
    """Put QEMU's descriptions of its Xtensa cores into `folder`/core-NAME."""
    lists = folder / "apt"
    for name in ("lists/partial", "cache/archives/partial"):
        (lists / name).mkdir(parents=True, exist_ok=True)
    asked = ["apt-get", "indextargets", "--format", LIST_FORMAT, "Created-By: Packages", "Origin: Debian"]
    found = subprocess.run(asked, capture_output=True, text=True).stdout
    if not found:
        raise CommandError("apt knows no repository of Debian's: run `apt-get update` once")
    (lists / "sources.list").write_text("".join(f"{line}\n" for line in sorted(set(found.splitlines()))))
    options = {
        "Dir::Etc::SourceList": lists / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": lists / "lists",
        "Dir::Cache": lists / "cache",
        "APT::Sandbox::User": "",
        "Acquire::Retries": "3",
    }
    apt = ["apt-get", "-q", *(f"-o{name}={value}" for name, value in options.items())]
    run([*apt, "update"], folder)
    run([*apt, "source", "--download-only", "qemu"], folder)
    (archive,) = folder.glob("qemu_*.orig.tar.*")
    wanted = ["--wildcards", "--strip-components=3", "*/target/xtensa/core-*/*"]
    run(["tar", "xf", str(archive), *wanted], folder)


def configure_isa(config: Path, core: Path) -> None:
    """Give each macro of include/xtensa-config.h the core's value, where the core has one."""
    values = {name: value for _, name, value in DEFINE.findall((core / "core-isa.h").read_text())}
    text = DEFINE.sub(lambda found: str(found[1]) + values.get(str(found[2]), str(found[3])), config.read_text())
    if values["XCHAL_HAVE_WINDOWED"] == "0":
        text = re.sub(r"(#define XSHAL_ABI\s+)\w+", r"\1XTHAL_ABI_CALL0", text)
    config.write_text(text)


def configure_instructions(modules: Path, core: Path) -> None:
    """bfd's tables of instructions are the core's, which QEMU keeps to one file."""
    text = (core / "xtensa-modules.c.inc").read_text()
    for old, new in (('#include "qemu/osdep.h"\n', ""), ("static xtensa_isa_internal", "xtensa_isa_internal")):
        text = text.replace(old, new)
    modules.write_text('#include "ansidecl.h"\n' + text)


def configure_registers(config: Path, core: Path) -> None:
    """GDB's register map is the core's; any mask will do, but one there must be.

    GDB takes the first register with a mask as the end of the real ones.
    """
    text = config.read_text()
    registers = MASKED.sub("&xtensa_mask0", (core / "gdb-config.c.inc").read_text())
    config.write_text(REGISTER_MAP.sub(lambda found: f"{found[1]}{registers}{found[2]}", text))


def configure(tree: Path, core: Path) -> None:
    """Tell a source tree which core it is for, from its own originals: a tree can be told again."""
    steps = {
        "include/xtensa-config.h": configure_isa,
        "bfd/xtensa-modules.c": configure_instructions,
        "gdb/xtensa-config.c": configure_registers,
    }
    for name, step in steps.items():
        file, original = tree / name, tree / f"{name}.original"
        if file.exists() and not original.exists():
            shutil.copyfile(file, original)
        if file.exists():
            shutil.copyfile(original, file)
            step(file, core)
