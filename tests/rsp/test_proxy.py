# SPDX-License-Identifier: Apache-2.0
"""The proxy changes nothing and counts everything, between a real GDB and the stub."""

from __future__ import annotations

import pytest

from tests.support.gdb import GdbSession, remote, run_gdb
from tests.support.rsp_proxy import RspProxy
from tests.support.rsp_stub import resume_never_stops, stub_of

BASE = 0x8000_0000
DATA = bytes(range(256)) * 64


@pytest.mark.parametrize("tcp", [False, True], ids=["unix", "tcp"])
def test_counts_agree_with_the_stubs(tcp: bool) -> None:
    with stub_of([(BASE, DATA)]) as server, RspProxy(server.remote, tcp=tcp) as proxy:
        done = run_gdb([remote(proxy.remote), f"x/2xw {BASE:#x}", f"break *{BASE + 64:#x}", "continue", "p/x $pc"])
        assert "0x03020100\t0x07060504" in done.stdout
        assert f"$1 = {BASE + 64:#x}" in done.stdout
        assert proxy.counts() == server.counts()
        assert proxy.bytes_read == server.bytes_read >= 8
        assert proxy.count("Z") == proxy.count("z") == proxy.count("Z0") == 1
        assert proxy.count_except("Z", "z") == len(proxy.log) - 2


def test_one_commands_packets() -> None:
    with stub_of([(BASE, DATA)]) as server, RspProxy(server.remote) as proxy, GdbSession() as gdb:
        gdb.command(remote(proxy.remote))
        proxy.forget()
        gdb.command("p 1 + 1")
        assert proxy.log == []
        gdb.command(f"python gdb.selected_inferior().read_memory({BASE:#x}, 8192)")
        assert [request.kind for request in proxy.log] == ["m"] * 4
        assert proxy.bytes_read == 8192


def test_ctrl_c_passes() -> None:
    with stub_of([(BASE, DATA)]) as server, RspProxy(server.remote) as proxy, GdbSession() as gdb:
        server.resume = resume_never_stops
        gdb.command(remote(proxy.remote))
        gdb.send("continue\n")
        gdb.expect("Continuing")
        proxy.wait_for("c", "vCont")
        gdb.interrupt()
        assert "SIGINT" in gdb.expect(r"\(gdb\) \Z")
        assert proxy.count("interrupt") == 1
