# SPDX-License-Identifier: Apache-2.0
"""Reads what commands work on: the heaps, the trace and the roots. Each is found once and read once."""
