# SPDX-License-Identifier: Apache-2.0
"""The error that ends a command."""


class UserError(Exception):
    """An error that the user can mend. Its text is one line and says how."""


def one_line(problem: BaseException) -> str:
    """Returns the text of any exception on one line."""
    return " ".join(str(problem).split())
