# SPDX-License-Identifier: Apache-2.0
"""Build script: what pyproject.toml cannot say.

Approach: the C sources and OpenOCD's files stand at the top of a checkout, where people look for them. A wheel takes
them inside the package, with the commit it is made of; gdbext/package.py finds them in either place. An sdist keeps
the places of the checkout and has the commit in the same file.
The engine in C is optional: where it does not compile, gdbext/trace/replay.py does the same, slower.
Rejected: `package_dir` for each folder (turns the editable install into a table of links); links in gdbext/ (git on
Windows makes text files of them).
"""

from __future__ import annotations

import os
import shutil
import sys
from glob import glob

from setuptools import Extension, setup
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
    cmdclass={"build_py": BuildWithData, "sdist": SdistWithCommit},
    # Beside the test firmware in build/, never mixed with it.
    options={"build": {"build_base": os.path.join("build", "wheel")}},
)
