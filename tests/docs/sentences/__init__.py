# SPDX-License-Identifier: Apache-2.0
"""What makes each sentence of a report appear, for real: damaged images, rings, kernels, cores, logs, a GDB.

A recipe is a function without arguments; whatever it returns, the sentences in it count. A sentence needs no recipe of
its own: the first recipe in which it appears gives its example. docs/reference/sentences.md is written by

    python -m tests.docs.sentences.page docs/reference
"""
