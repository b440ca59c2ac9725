# SPDX-License-Identifier: Apache-2.0
"""memtrace as a wheel in a fresh environment: it needs nothing of the repository, and says what it is.

The wheel is made of a copy that is gone before anything runs, by the tools of .venv and without an index. The copy is a
git repository of its own, so that its commit is known and is not that of the checkout.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import elftools
import pytest
import zstandard

import gdbext
from gdbext import package
from tests.support import fixtures
from tests.support.gdb import Capture, remote, run_gdb
from tests.support.paths import ROOT
from tests.support.rsp_stub import stub_of

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
OFFLINE = ["--no-index", "--no-deps"]
NEEDED = [
    "pyelftools>=0.29",
    "zstandard>=0.21",
    'pyserial>=3.4; extra == "serial"',
    'esptool>=4.0; extra == "port"',
]
RISCV = b"\x7fELF\1\1\1" + bytes(11) + (243).to_bytes(2, "little") + bytes(32)


@dataclass(frozen=True)
class Installed:
    """A wheel, the commit that it is made of, and the environment that has it."""

    wheel: Path
    commit: str
    environment: Path

    @property
    def packages(self) -> Path:
        (found,) = self.environment.glob("lib/python*/site-packages")
        return found

    def run(self, *words: object) -> subprocess.CompletedProcess[str]:
        """Its `memtrace`, in a folder that has nothing of ours."""
        env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        line = [str(self.environment / "bin" / "memtrace"), *map(str, words)]
        return subprocess.run(line, cwd=self.environment, env=env, capture_output=True, text=True, timeout=600)

    def replays_with(self) -> str:
        """The class that replays a log."""
        code = "from gdbext.trace import engine, replay; print(type(engine.replay_of(replay.Wish())).__name__)"
        line = [str(self.environment / "bin" / "python"), "-c", code]
        done = subprocess.run(line, cwd=self.environment, capture_output=True, text=True, timeout=600)
        return done.stdout.strip() or done.stderr

    def path(self, name: str) -> Path:
        return Path(self.run("--paths", name).stdout.strip())


def committed(*folders: str) -> list[str]:
    """What is in the repository, or will be."""
    line = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *folders]
    listed = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [name for name in listed if (ROOT / name).is_file()]


def git(folder: Path, *words: str) -> str:
    """A command of git in a repository, whoever runs the tests, and from whichever hook."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    line = ["git", "-c", "user.name=tests", "-c", "user.email=tests", "-c", "commit.gpgsign=false", *words]
    return subprocess.run(line, cwd=folder, env=env, capture_output=True, text=True, check=True).stdout


def copy_of_the_repository(folder: Path) -> str:
    """A repository with the same sources and one commit; its short name."""
    for name in committed(":!tests", ":!docs"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--no-verify", "--message", "As it is")
    return git(folder, "rev-parse", "--short=12", "HEAD").strip()


def build(sources: Path, into: Path, **env: str) -> Path:
    line = [*PIP, "wheel", *OFFLINE, "--no-build-isolation", "-w", str(into), str(sources)]
    subprocess.run(line, check=True, env={**os.environ, **env})
    (wheel,) = into.glob("*.whl")
    return wheel


def install(folder: Path, **env: str) -> Installed:
    """A wheel, made with these variables, in an environment of its own."""
    sources, environment = folder / "sources", folder / "environment"
    sources.mkdir()
    commit = copy_of_the_repository(sources)
    wheel = build(sources, folder, **env)
    shutil.rmtree(sources)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    done = Installed(wheel, commit, environment)
    subprocess.run([*PIP, "--python", str(environment), "install", *OFFLINE, str(wheel)], check=True)
    # What an index would give: all that the distribution depends on.
    for needed in (elftools, zstandard):
        folder = Path(str(needed.__file__)).parent
        (done.packages / folder.name).symlink_to(folder)
    return done


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return install(tmp_path_factory.mktemp("installed"))


def test_the_engine_is_in_it(installed: Installed) -> None:
    assert installed.replays_with() == "EngineReplay"


def test_without_a_compiler_the_reference_replays_and_nothing_is_recorded(tmp_path: Path) -> None:
    done = install(tmp_path, CC="false")
    assert done.replays_with() == "Replay"
    refused = done.run("run", "--", "true")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "libmemtrace.so is not there: `make setup` builds it" in refused.stderr


def test_the_recorder_is_in_it(installed: Installed) -> None:
    log = installed.environment / "sleep.log"
    done = installed.run("run", "--no-summary", "--output", log, "--", "sleep", "0")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert json.loads(installed.run("report", log, "--json").stdout)["source"]["format"] == "memtrace"
    assert installed.path("libmemtrace.so").is_relative_to(installed.packages)


def test_it_says_its_version_and_its_commit(installed: Installed) -> None:
    done = installed.run("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"memtrace {gdbext.__version__} (commit {installed.commit})\n"


def test_every_file_for_openocd_and_every_c_source_is_in_it(installed: Installed) -> None:
    shown = dict(line.split(maxsplit=1) for line in installed.run("--paths").stdout.splitlines())
    assert set(shown) == {"memtrace.py", "libmemtrace.so", *package.FOLDERS}
    assert Path(shown["memtrace.py"]).read_bytes() == (ROOT / "gdbext" / "memtrace.py").read_bytes()
    for name in package.FOLDERS:
        folder = installed.path(name)
        assert (str(folder), folder.is_relative_to(installed.packages)) == (shown[name], True)
        there = {str(Path(name) / path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
        there = {one for one in there if not one.endswith(".pyc")}  # made where it was installed
        assert there == {one for one in committed(name) if not one.endswith(".gitignore")} != set()
        assert [one for one in there if (folder.parent / one).read_bytes() != (ROOT / one).read_bytes()] == []


def test_its_name_and_what_it_depends_on(installed: Installed) -> None:
    with zipfile.ZipFile(installed.wheel) as wheel:
        (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
        fields = wheel.read(name).decode().partition("\n\n")[0].splitlines()
    assert {"Name: memtrace-heap", f"Version: {gdbext.__version__}"} <= set(fields)
    assert [field.partition(": ")[2] for field in fields if field.startswith("Requires-Dist")] == NEEDED


@pytest.mark.parametrize(("case_id", "status"), [("a005", 0), ("a030", 1)])
def test_it_checks_an_image(installed: Installed, case_id: str, status: int) -> None:
    case = fixtures.case(case_id)
    images = [f"--image={image.base:#x}={image.path}" for image in case.images]
    done = installed.run("check", "--json", f"--heap={case.heap.option}", *images)
    assert (done.returncode, done.stderr) == (status, "")
    assert [heap["status"] for heap in json.loads(done.stdout)["heaps"]] == [("clean", "damaged")[status]]


def test_it_reads_a_program_by_its_dependency(installed: Installed, tmp_path: Path) -> None:
    """`--elf` of what is no program: pyelftools is asked, and answers."""
    case = fixtures.case("a005")
    (tmp_path / "text").write_text("no program")
    images = [f"--image={image.base:#x}={image.path}" for image in case.images]
    done = installed.run("check", f"--elf={tmp_path / 'text'}", *images)
    assert done.returncode == 2
    assert f"{tmp_path / 'text'} is no ELF file: Magic number does not match" in done.stderr


def test_openocd_reads_its_configurations(installed: Installed, tmp_path: Path) -> None:
    """The real OpenOCD's answer is that of esp32c3.cfg: Debian's has no board of that name."""
    (tmp_path / "app.elf").write_bytes(RISCV)
    done = installed.run("gdb", "--chip", "esp32c3", tmp_path / "app.elf")
    assert done.returncode == 2
    assert "OpenOCD could not start: this OpenOCD" in done.stderr and "has no file for esp32c3" in done.stderr
    done = installed.run("gdb", "--chip", "esp99", tmp_path / "app.elf")
    assert "there are esp32, esp32c2, esp32c3" in done.stderr


def in_gdb(commands: Sequence[str | Capture]) -> list[str]:
    return [one.output.strip() for one in run_gdb(commands).captured]


def test_gdb_sources_it(installed: Installed) -> None:
    case = fixtures.case("a030")
    with stub_of((image.base, image.data) for image in case.images) as stub:
        loaded, checked = in_gdb([
            f"source {installed.path('memtrace.py')}",
            remote(stub.remote),
            Capture("python print(gdb.__name__, __import__('gdbext').__file__)"),
            Capture(f"heap-check --json --heap {case.heap.option}"),
        ])  # fmt: skip
    assert loaded == f"gdb {installed.packages / 'gdbext' / '__init__.py'}"
    assert [heap["status"] for heap in json.loads(checked)["heaps"]] == ["damaged"]


def test_without_git_and_without_the_file_the_commit_is_unknown(
    installed: Installed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(installed.packages / "gdbext", tmp_path / "gdbext")
    (tmp_path / "gdbext" / package.COMMIT_FILE).unlink()
    # A repository around it is somebody else's.
    git(tmp_path, "init", "--quiet")
    monkeypatch.setattr(package, "PACKAGE", tmp_path / "gdbext")
    assert package.version() == f"memtrace {gdbext.__version__} (commit unknown)"
    # A checkout whose git is not there, or does not know it.
    for name in package.FOLDERS:
        (tmp_path / name).mkdir()
    assert package.commit() == "unknown"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert package.commit() == "unknown"


def test_a_checkout_says_what_git_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever hook of git it runs in: the variables of another repository are not looked at."""
    told = git(ROOT, "describe", "--always", "--abbrev=12").strip()
    monkeypatch.setenv("GIT_DIR", "nowhere")
    assert package.commit() in {told, f"{told}-dirty"}
