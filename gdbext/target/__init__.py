# SPDX-License-Identifier: Apache-2.0
"""The targets of commands: GDB's inferior, files, a stub behind the remote protocol, a trace."""
