# SPDX-License-Identifier: Apache-2.0
"""`memtrace gdb`: a whole session over the simulated chip, the choice of GDB and chip, and each way to fail."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from gdbext.commands.gdb import beside, find_gdb
from gdbext.model.errors import UserError
from gdbext.model.machine import MACHINES
from gdbext.target.openocd import arguments_of
from tests.support import firmware
from tests.support.gdb import PROMPT, GdbSession
from tests.support.openocd import CHIP_CONFIG, DebugModule
from tests.support.openocd_launch import DEBIANS, ESPRESSIFS, PROGRAM, memtrace_gdb, refused
from tests.support.openocd_scenario import simulated_chip
from tests.support.paths import ROOT
from tests.support.rsp_traffic import wait_until

RISCV, XTENSA = (next(one for one in MACHINES if one.gdb_name == name) for name in ("riscv", "xtensa"))


def config_for(module: DebugModule, folder: Path) -> Path:
    """What a user's own board file would be, for the simulated chip taken as an ESP32-C3."""
    file = folder / "board.cfg"
    lines = [module.config[1], f"set MEMTRACE_BOARD {CHIP_CONFIG}", f"source {ROOT}/openocd_cfg/esp32c3.cfg"]
    lines.append("riscv set_mem_access sysbus")  # half the time
    file.write_text("\n".join(lines) + "\n")
    return file


@pytest.mark.parametrize("path", [DEBIANS, ESPRESSIFS], ids=["debians", "espressifs"])
def test_a_whole_session(path: str, tmp_path: Path) -> None:
    ask = ["-ex", "show remote hardware-watchpoint-limit", "-ex", "continue", "-ex", "monitor memtrace_status"]
    ask += ["-ex", "monitor version"]
    with simulated_chip("seed") as module:
        config = ["--openocd-config", str(config_for(module, tmp_path))]
        done = memtrace_gdb([*config, str(firmware.build("default")), "--", "-nx", "-batch", *ask], {"PATH": path})
        assert done.returncode == 0, done.stderr
        assert module.ended(), "OpenOCD was left behind"
    assert "hardware watchpoints is 8" in done.stdout
    assert "memtrace: heap assertion in tlsf_free: block already marked as free" in done.stdout
    assert "test_used_after_free" in done.stdout
    assert "frozen by an assertion: tlsf_free" in done.stderr  # monitor's answer
    assert ("-esp32-" in done.stderr) == (path == ESPRESSIFS), "Espressif's goes first under its name on PyPI"


def test_ctrl_c_stops_the_target_and_nothing_else(tmp_path: Path) -> None:
    with simulated_chip("endless") as module:
        script = tmp_path / "gdb"
        words = [*PROGRAM, "--openocd-config", str(config_for(module, tmp_path)), '"${@: -1}"', "--", "-nx"]
        script.write_text(f"#!/bin/bash\ncd {ROOT} && exec {' '.join(words)}\n")
        script.chmod(0o755)
        with GdbSession(program=str(script), elf=firmware.build("default")) as gdb:
            before = module.counts.packets
            gdb.send("continue\n")
            gdb.expect("Continuing")
            wait_until(lambda: module.counts.packets > before)
            gdb.interrupt()
            assert "SIGINT" in gdb.expect(PROMPT)
            assert "target simulated.cpu, halted" in gdb.command("monitor memtrace_status")
        assert module.ended()


def test_ended_from_outside_it_leaves_nothing_behind(tmp_path: Path) -> None:
    with simulated_chip("clean") as module:
        words = ["--openocd-config", str(config_for(module, tmp_path)), str(firmware.build("default")), "--", "-nx"]
        running = subprocess.Popen(
            [*PROGRAM, *words], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert running.stdout is not None
        while b"0x00001000 in" not in (line := running.stdout.readline()):
            assert line, "GDB did not come up"
        running.send_signal(signal.SIGTERM)
        running.communicate(timeout=60)
        assert running.returncode == 128 + signal.SIGTERM
        assert module.ended()


def test_the_port_is_taken(tmp_path: Path) -> None:
    with socket.socket() as other, simulated_chip("clean") as module:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        config = ["--openocd-config", str(config_for(module, tmp_path))]
        said = refused(["--port", port, *config, str(firmware.build("default"))])
    assert said.startswith(f"memtrace: port {port} is taken")


def test_what_openocd_misses_is_said_in_its_words() -> None:
    said = refused(["--chip", "esp32c3", str(firmware.build("default"))])
    assert "OpenOCD could not start: this OpenOCD" in said
    assert "has no file for esp32c3" in said


def test_a_chip_that_does_not_answer(tmp_path: Path) -> None:
    config = tmp_path / "board.cfg"
    config.write_text(f"set SIMULATED_PORT {tmp_path}/nobody\nsource {CHIP_CONFIG}\n")
    assert "OpenOCD could not start: " in refused(["--openocd-config", str(config), str(firmware.build("default"))])


def test_wrong_arguments_are_named(tmp_path: Path) -> None:
    elf = str(firmware.build("default"))
    text = tmp_path / "text"
    text.write_text("no program")
    assert "which chip?" in refused([elf])
    assert "no OpenOCD configuration for the chip esp99: there are esp32, esp32c2" in refused(["--chip", "esp99", elf])
    assert "no OpenOCD configuration for the chip ../x" in refused(["--chip", "../x", elf])
    assert "is no ELF file" in refused(["--chip", "esp32c3", str(text)])
    assert "No such file" in refused(["--chip", "esp32c3", str(tmp_path / "nothing")])
    assert "is not there" in refused(["--openocd-config", str(tmp_path / "nothing"), elf])
    assert "see `memtrace gdb --help`" in refused([])


def test_without_openocd(tmp_path: Path) -> None:
    fake_gdb(tmp_path, "gdb-multiarch")
    said = refused(["--chip", "esp32c3", str(firmware.build("default"))], {"PATH": str(tmp_path)})
    assert "there is no openocd on PATH" in said


def test_help_and_usage_name_it() -> None:
    done = memtrace_gdb(["--help"])
    assert done.returncode == 0
    assert "usage: memtrace gdb APP.elf [--chip CHIP]" in done.stdout
    usage = subprocess.run([*PROGRAM[:-1], "--help"], cwd=ROOT, capture_output=True, text=True).stdout
    assert re.search(r"^  memtrace gdb +Start OpenOCD", usage, re.MULTILINE)


# ---- what is chosen ----


def fake_gdb(folder: Path, name: str, python: bool = True) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\necho memtrace {python}\n")
    file.chmod(0o755)
    return str(file)


def test_the_vendors_gdb_is_preferred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    multiarch = fake_gdb(tmp_path, "gdb-multiarch")
    assert find_gdb(RISCV, "esp32c3") == multiarch
    vendors = fake_gdb(tmp_path, "riscv32-esp-elf-gdb")
    assert find_gdb(RISCV, "esp32c3") == vendors
    with pytest.raises(UserError, match="no GDB for xtensa on PATH: install one of xtensa-esp-elf-gdb"):
        find_gdb(XTENSA, "esp32")
    fake_gdb(tmp_path / "cache/memtrace/xtensa-1/bin", "xtensa-de212-elf-gdb")
    with pytest.raises(UserError):
        find_gdb(XTENSA, "esp32")  # half built
    (tmp_path / "cache/memtrace/xtensa-1/complete").touch()
    assert find_gdb(XTENSA, "esp32").endswith("xtensa-de212-elf-gdb")
    any_chip = fake_gdb(tmp_path, "xtensa-esp-elf-gdb")
    assert find_gdb(XTENSA, "esp32s3") == any_chip
    its_own = fake_gdb(tmp_path, "xtensa-esp32s3-elf-gdb")
    assert find_gdb(XTENSA, "esp32s3") == its_own


def test_a_gdb_without_python_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    bare = fake_gdb(tmp_path, "riscv32-esp-elf-gdb", python=False)
    with pytest.raises(UserError, match=f"{bare} has no Python"):
        find_gdb(RISCV, "esp32c3")
    multiarch = fake_gdb(tmp_path, "gdb-multiarch")
    assert find_gdb(RISCV, "esp32c3") == multiarch


def test_chip_and_offset_stand_beside_the_program(tmp_path: Path) -> None:
    elf = str(tmp_path / "app.elf")
    assert beside(elf) == (None, None)
    (tmp_path / "project_description.json").write_text('{"target": "esp32c6", "version": "1.2"}')
    (tmp_path / "flasher_args.json").write_text('{"app": {"offset": "0x20000", "file": "app.bin"}}')
    assert beside(elf) == ("esp32c6", "0x20000")
    assert "set MEMTRACE_APP_OFFSET 0x20000" in arguments_of(Path("c6.cfg"), elf, "0x20000")
    (tmp_path / "project_description.json").write_text('{"target": "esp32c6; shutdown"}')
    (tmp_path / "flasher_args.json").write_text('{"app": ["offset"]}')
    assert beside(elf) == (None, None)
    (tmp_path / "flasher_args.json").write_text("{")
    assert beside(elf) == (None, None)


def test_a_name_cannot_end_its_word() -> None:
    with pytest.raises(UserError, match="takes no such characters"):
        arguments_of(Path("c6.cfg"), "a}; shutdown; {b.elf", None)
