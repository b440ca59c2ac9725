# SPDX-License-Identifier: Apache-2.0
"""Turns blocks and events into findings. These functions read no memory and print nothing."""
