# SPDX-License-Identifier: Apache-2.0
"""Bytes to blocks: one module an allocator, and a registry that recognises what is there."""
