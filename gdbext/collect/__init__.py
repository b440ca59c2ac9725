# SPDX-License-Identifier: Apache-2.0
"""Reads what commands work on: which heaps, which trace, which roots; each thing is found once and read once."""
