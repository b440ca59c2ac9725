# SPDX-License-Identifier: Apache-2.0
"""Real OpenOCD between a real GDB and a chip with a JTAG port, simulated down to its last bit."""
