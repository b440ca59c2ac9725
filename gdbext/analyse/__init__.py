# SPDX-License-Identifier: Apache-2.0
"""Pure functions from blocks and events to findings. Nothing here reads memory or prints."""
