# SPDX-License-Identifier: Apache-2.0
"""The ports as a new user meets them: put into a project by their READMEs, run, and taken out again."""
