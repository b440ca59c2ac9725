# SPDX-License-Identifier: Apache-2.0
"""Bytes to events: the ring in RAM and the log in a file."""
