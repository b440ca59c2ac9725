# SPDX-License-Identifier: Apache-2.0
"""Reads what a device wrote to its console: lines, and the crashes in them. analyse/console says what happened."""
