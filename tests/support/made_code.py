# SPDX-License-Identifier: Apache-2.0
"""C that nobody wrote: functions of many shapes that call each other and allocate, made by chance from a seed.

Each differs from the others in what a compiler makes of its frame: arguments, arrays, floating point, tables, loops,
calls that end it, calls through pointers. Every chain of calls ends, as each call takes one from `depth`.
"""

from __future__ import annotations

import random

FUNCTIONS = 60
_HEAD = """\
#include <stdarg.h>
#include <string.h>

#include "program.h"

typedef int (*made)(uint32_t seed, int depth);
extern const made made_all[];
{declared}
"""


def made_sources(seed: int, parts: int) -> list[str]:
    """`parts` sources, among which the functions are spread; the first has the table of all and stacks_made."""
    chance = random.Random(seed)
    declared = "\n".join(f"int made_{number}(uint32_t seed, int depth);" for number in range(FUNCTIONS))
    sources = [_HEAD.format(declared=declared) for _ in range(parts)]
    table = ", ".join(f"made_{number}" for number in range(FUNCTIONS))
    sources[0] += f"const made made_all[] = {{{table}}};\n"
    sources[0] += (
        f"int stacks_made(uint32_t seed, int depth) {{ return made_all[seed % {FUNCTIONS}u](seed, depth); }}\n"
    )
    for number in range(FUNCTIONS):
        sources[number % parts] += _function(chance, number)
    return sources


def _call(chance: random.Random, number: int) -> str:
    """One more step down, by name or by pointer."""
    if chance.random() < 0.4:
        return f"made_all[seed % {FUNCTIONS}u](seed >> 1, depth - 1)"
    return f"made_{(number + chance.randrange(1, FUNCTIONS)) % FUNCTIONS}(seed * 5u + 1u, depth - 1)"


def _helper(chance: random.Random, number: int) -> str:
    """A function that is not inlined, of many arguments or any number of them."""
    count = chance.randrange(0, 8)
    kinds = [chance.choice(["int", "double", "float", "long long", "char *"]) for _ in range(count)]
    named = "".join(f", {kind} a{at}" for at, kind in enumerate(kinds))
    used = "".join(
        f" + (int)(intptr_t)a{at}" if kind == "char *" else f" + (int)a{at}" for at, kind in enumerate(kinds)
    )
    dots = ", ..." if chance.random() < 0.3 else ""
    size = chance.choice([0, 0, 8, 40, 200, 520, 1100])
    array = f"char bytes[{size}]; memset(bytes, depth, {size});" if size else "char bytes[1] = {1};"
    last = f"return sum + bytes[depth & {max(size, 1) // 2}];"
    body = f"{array} int sum = {_call(chance, number)}{used}; free(malloc(8)); {last}"
    given = {"int": "depth", "double": "1.5 * depth", "float": "2.5f", "long long": "7ll", "char *": "(char *)0"}
    values = "".join(f", {given[kind]}" for kind in kinds) + (", depth, 3" if dots else "")
    head = f"static __attribute__((noinline)) int help_{number}(uint32_t seed, int depth{named}{dots})"
    return f"{head}\n{{ {body} }}\n#define HELP_{number} help_{number}(seed, depth{values})\n"


def _statement(chance: random.Random, number: int) -> str:
    call = _call(chance, number)
    return chance.choice(
        [
            f"sum += {call};",
            f"if (seed & {1 << chance.randrange(6)}u) sum += {call}; else free(malloc(9));",
            "{ void *block = malloc(seed % 50u); sum += block != NULL; free(block); }",
            f"for (int i = 0; i < {chance.randrange(1, 3)}; i++) {{ free(malloc(4)); sum ^= depth; }}",
            "switch (seed % 7u) { case 0: free(malloc(1)); break; case 1: sum = 3; case 2: free(malloc(2)); break; "
            f"case 3: sum += {call}; break; case 4: sum--; break; case 5: return sum; default: free(malloc(5)); }}",
            f"sum += HELP_{number};",
            "if (sum == 12345) { free(malloc(3)); abort(); }",
        ]
    )


def _function(chance: random.Random, number: int) -> str:
    size = chance.choice([0, 0, 0, 12, 100, 400, 530, 1500])
    array = f"char bytes[{size}]; memset(bytes, (int)seed, {size});" if size else ""
    kept = f"sum += bytes[seed % {size}u];" if size else ""
    floats = "double part = depth * 0.5;" if chance.random() < 0.3 else ""
    ends = chance.choice([f"return {_call(chance, number)};", f"return sum + {_call(chance, number)};", "return sum;"])
    statements = " ".join(_statement(chance, number) for _ in range(chance.randrange(1, 4)))
    more = "sum += (int)part; part *= sum; sum += (int)part;" if floats else ""
    return (
        f"{_helper(chance, number)}"
        f"int made_{number}(uint32_t seed, int depth)\n"
        f"{{ int sum = 0; if (depth <= 0) {{ void *block = malloc(7); free(block); return block != NULL; }}\n"
        f"  {array} {floats} {statements} {more} {kept} {ends} }}\n"
    )
