# SPDX-License-Identifier: Apache-2.0
"""Reports over a Profile: sites, trees, growth, differences. Pure functions from numbers and names to report data."""
