# SPDX-License-Identifier: Apache-2.0
"""The faces that the commands have: GDB and the shell."""
