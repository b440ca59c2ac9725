# SPDX-License-Identifier: Apache-2.0
"""Reads tasks and their stacks out of a kernel's memory."""
