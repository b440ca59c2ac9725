# SPDX-License-Identifier: Apache-2.0
"""Build script. All metadata stands in pyproject.toml; this file is where the C engine will be declared."""

from setuptools import setup

setup()
