# SPDX-License-Identifier: Apache-2.0
"""What a command may ask of the world, and the worlds that there are: GDB, files, the remote protocol, a trace."""
