# SPDX-License-Identifier: Apache-2.0
"""Tasks and their stacks, read out of the memory of a kernel."""
