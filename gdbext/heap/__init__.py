# SPDX-License-Identifier: Apache-2.0
"""Turns bytes into blocks: one folder for each family of allocators, and a registry that recognises heaps."""
