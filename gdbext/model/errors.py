# SPDX-License-Identifier: Apache-2.0
"""What ends a command."""


class UserError(Exception):
    """Something the user can mend; the text is one line and says how."""


def one_line(problem: BaseException) -> str:
    """What somebody else's exception says, on one line."""
    return " ".join(str(problem).split())
