# SPDX-License-Identifier: Apache-2.0
"""Build script: what pyproject.toml cannot say.

Approach: the C sources and OpenOCD's files stand at the top of a checkout, where people look for them. A wheel takes
them inside the package, with the commit it is made of; gdbext/package.py finds them in either place. An sdist keeps
the places of the checkout and has the commit in the same file.
The engine in C is optional: where it does not compile, gdbext/trace/replay.py does the same, slower. So is the recorder
of Linux processes, libmemtrace.so: where it does not compile, `memtrace run` says so. Its own Makefile builds it, as it
does for boards; it is a library for the loader, not a module of Python.
Rejected: `package_dir` for each folder (turns the editable install into a table of links); links in gdbext/ (git on
Windows makes text files of them).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from glob import glob

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

ROOT = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, ROOT)

from gdbext import package  # noqa: E402

NO_SOURCE = shutil.ignore_patterns("__pycache__", "*.o", "*.so", "*.orig", ".*")


def write_commit(folder: str) -> None:
    """The commit that this is built from; an sdist knows its own."""
    with open(os.path.join(folder, package.COMMIT_FILE), "w", encoding="utf-8") as file:
        file.write(f"{package.commit()}\n")


class BuildWithData(build_py):  # type: ignore[misc]
    """The package with its folders and its commit in it."""

    def run(self) -> None:
        """Build from nothing, so that no module that is gone stays in a wheel."""
        target = os.path.join(self.build_lib, "gdbext")
        if not self.editable_mode:
            shutil.rmtree(target, ignore_errors=True)
        super().run()
        if not self.editable_mode:
            for name in package.FOLDERS:
                shutil.copytree(os.path.join(ROOT, name), os.path.join(target, name), ignore=NO_SOURCE)
            write_commit(target)


class BuildWithRecorder(build_ext):  # type: ignore[misc]
    """The engine, and the recorder of Linux processes beside the modules."""

    def run(self) -> None:
        """Build both. A recorder that does not compile is left out, as the engine is."""
        super().run()
        target = os.path.join(ROOT if self.inplace else os.path.abspath(self.build_lib), "gdbext", package.RECORDER)
        if os.path.exists(target):
            os.remove(target)  # of other sources, perhaps
        folder = os.path.join(os.path.abspath(self.build_temp), "recorder")
        line = ["make", "-s", "-C", os.path.join(ROOT, "c_helpers", "linux"), f"BUILD={folder}"]
        if not sys.platform.startswith("linux"):
            return
        try:
            subprocess.run(line, check=True)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy2(os.path.join(folder, package.RECORDER), target)
        except (OSError, subprocess.CalledProcessError) as problem:
            self.warn(f"{package.RECORDER} is left out: {problem}")

    def get_outputs(self) -> list[str]:
        """What an installation consists of."""
        recorder = os.path.join(self.build_lib, "gdbext", package.RECORDER)
        return [*super().get_outputs(), *([recorder] if os.path.exists(recorder) else [])]


class SdistWithCommit(sdist):  # type: ignore[misc]
    """The sources with the commit they are of."""

    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        """Add the file that git is not there to replace."""
        super().make_release_tree(base_dir, files)
        write_commit(os.path.join(base_dir, "gdbext"))


def engine() -> Extension:
    """The engine and what binds it to Python."""
    folder = os.path.join("c_helpers", "engine")
    return Extension(
        "gdbext._engine",
        sorted(
            glob(os.path.join(folder, "*.c"), root_dir=ROOT)
            + glob(os.path.join(folder, "python", "*.c"), root_dir=ROOT)
        ),
        include_dirs=[os.path.join("c_helpers", "include")],
        depends=glob(os.path.join(folder, "**", "*.h"), root_dir=ROOT, recursive=True),
        extra_compile_args=["-std=c11", "-O3", "-fno-tree-slp-vectorize", "-fvisibility=hidden"],
        optional=True,
    )


setup(
    ext_modules=[engine()],
    cmdclass={"build_ext": BuildWithRecorder, "build_py": BuildWithData, "sdist": SdistWithCommit},
    # Beside the test firmware in build/, never mixed with it.
    options={"build": {"build_base": os.path.join("build", "wheel")}},
)
