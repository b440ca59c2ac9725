# SPDX-License-Identifier: Apache-2.0
"""The two places where users type commands: GDB and the shell."""
