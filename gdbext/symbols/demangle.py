# SPDX-License-Identifier: Apache-2.0
"""Turns the linker's names of C++ functions into readable ones, so that they do not depend on who looked them up.

Approach: the name of a function is read from its mangled name (Itanium C++ ABI) from left to right, with the list of
substitutions that the ABI prescribes. What stands behind the name, the parameters, is not read: lines tell overloads
apart, and a stack of C++ is long enough. Names look as those of GDB and c++filt -p. A compiler's copies of a function
(`.isra.0`, `.cold`) have the name of the function.
Rejected: the tools' own demanglers (each has its own form of lambdas, literals and brackets, so that a site had another
name on another machine); a child process for c++filt (often missing).
Cost: some 50 microseconds a name.
Limits: a name with expressions in it stays as it is. So does one that would be longer than 16,384 characters.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Callable, List, Optional, Pattern, Tuple

_LONGEST = 1 << 14
_END = "\0\0"  # behind a name, so that two letters can always be looked at
_CLONE = re.compile(r"\.(isra|constprop|part|cold|lto_priv|llvm)(\.\d+)*(?=\.|$)")
_FIRST_DIGITS = frozenset("123456789")
_DIGITS = re.compile(r"\d{1,5}")
_OFFSET = re.compile(r"n?\d+_")
_NUMBER = re.compile(r"[0-9A-Z]{0,6}_")
_BUILTIN = {
    "v": "void", "w": "wchar_t", "b": "bool", "c": "char", "a": "signed char", "h": "unsigned char", "s": "short",
    "t": "unsigned short", "i": "int", "j": "unsigned int", "l": "long", "m": "unsigned long", "x": "long long",
    "y": "unsigned long long", "n": "__int128", "o": "unsigned __int128", "f": "float", "d": "double",
    "e": "long double", "g": "__float128", "z": "...", "Dd": "decimal64", "De": "decimal128", "Df": "decimal32",
    "Dh": "half", "Di": "char32_t", "Ds": "char16_t", "Du": "char8_t", "Da": "auto", "Dc": "decltype(auto)",
    "Dn": "decltype(nullptr)",
}  # fmt: skip
_SUFFIX = {"i": "", "j": "u", "l": "l", "m": "ul", "x": "ll", "y": "ull"}  # of literals
_STANDARD = {
    "a": ("std::allocator", "allocator"), "b": ("std::basic_string", "basic_string"),
    "s": ("std::string", "basic_string"), "i": ("std::istream", "basic_istream"),
    "o": ("std::ostream", "basic_ostream"), "d": ("std::iostream", "basic_iostream"),
}  # fmt: skip
_OPERATORS = {
    "nw": " new", "na": " new[]", "dl": " delete", "da": " delete[]", "aw": " co_await", "ps": "+", "ng": "-",
    "ad": "&", "de": "*", "co": "~", "pl": "+", "mi": "-", "ml": "*", "dv": "/", "rm": "%", "an": "&", "or": "|",
    "eo": "^", "aS": "=", "pL": "+=", "mI": "-=", "mL": "*=", "dV": "/=", "rM": "%=", "aN": "&=", "oR": "|=",
    "eO": "^=", "ls": "<<", "rs": ">>", "lS": "<<=", "rS": ">>=", "eq": "==", "ne": "!=", "lt": "<", "gt": ">",
    "le": "<=", "ge": ">=", "ss": "<=>", "nt": "!", "aa": "&&", "oo": "||", "pp": "++", "mm": "--", "cm": ",",
    "pm": "->*", "pt": "->", "cl": "()", "ix": "[]", "qu": "?",
}  # fmt: skip
_QUALIFIERS = {"r": " restrict", "V": " volatile", "K": " const"}
_POINTERS = {"P": "*", "R": "&", "O": "&&"}
_SPECIAL = {"Th": "non-virtual thunk to ", "Tv": "virtual thunk to ", "TW": "TLS wrapper function for ",
            "TH": "TLS init function for "}  # fmt: skip
_THUNK = re.compile("|".join((*_SPECIAL.values(), "transaction clone for ")))
_TOKEN = re.compile(
    r"(?P<operator>operator(?: *(?:\(\)|\[\]|->\*?|<=>|<<=?|>>=?|[<>]=?|&&|\|\||,|\+\+|--|[-+*/%^&|~!=]=?))?(?![\w$]))"
    r"|\(anonymous namespace\)|[<>(){} ]|:+|[^<>(){} :]+"
)

Type = Tuple[str, str]  # what stands before and behind the name of a variable of this type


class _Unknown(Exception):
    """A part of a mangled name is of a kind that is not read here."""


@lru_cache(maxsize=1 << 14)
def readable(name: str) -> str:
    """Returns a function's name as its source has it, without parameters. What is not mangled is returned as it is."""
    plain = _CLONE.sub("", name)
    if not plain.startswith("_Z") or len(plain) > _LONGEST:
        return plain
    try:
        return _Reader(plain).function()
    except (_Unknown, IndexError, RecursionError):
        return plain


def without_parameters(name: str) -> str:
    """Returns a name that another tool has made readable in the form of readable(): without parameters, and without the
    type that it returns.
    """
    thunk = _THUNK.match(name)
    parts: List[str] = []
    start = inside = parameters = 0  # of the name among the parts; depths in < or {, and in ( outside of them
    is_operator = False
    for found in _TOKEN.finditer(name, thunk.end() if thunk else 0) if "(" in name else ():
        token = found.group()
        if parameters:
            parameters += (token == "(") - (token == ")")
            if not parameters and not name.startswith("::", found.end()):
                break
            continue
        if token == "(" and not inside:
            parameters = 1
            continue
        inside += (token in "<{") - (token in ">}")
        is_operator = is_operator or found.lastgroup is not None
        parts.append(token)
        if token == " " and not inside and not is_operator:
            start = len(parts)
    plain = "".join(parts[start:])
    return (thunk.group() if thunk else "") + plain if plain else name


def is_mangled(symbol: Optional[str]) -> bool:
    """Tells whether a symbol is the mangled name of a C++ function, which has more of it than debug information may."""
    return symbol is not None and symbol.startswith("_Z")


class _Reader:
    """A mangled name, and how far it is read."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text + _END, 2
        self._known: List[Tuple[Type, str]] = []  # what S_, S0_ ... stand for, each with its last plain name
        self._arguments: List[str] = []  # what T_, T0_ ... stand for
        self._in_lambda = False

    def function(self) -> str:
        special = self._text[self._at : self._at + 2]
        if special not in _SPECIAL:
            return self._name(True)[0]
        self._at += 2
        for _ in range({"Th": 1, "Tv": 2}.get(special, 0)):
            self._match(_OFFSET)
        return _SPECIAL[special] + self._name(True)[0]

    def _take(self, letter: str) -> bool:
        """Passes over a letter if it comes next."""
        found = self._text[self._at] == letter
        self._at += found
        return found

    def _match(self, pattern: Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            raise _Unknown
        self._at = found.end()
        return found.group()

    def _up_to_the_end(self, read: Callable[[], str]) -> List[str]:
        """Reads parts up to the letter that ends them."""
        found, size = [], 0
        while self._text[self._at] != "E":
            part = read()
            size += len(part)
            if size > _LONGEST:
                raise _Unknown
            found.append(part)
        self._at += 1
        return found

    def _number(self) -> int:
        """Reads the number of a substitution or of a parameter: _ is 0, 0_ is 1."""
        digits = self._match(_NUMBER)[:-1]
        return int(digits, 36) + 1 if digits else 0

    def _remember(self, kind: Type, plain: str = "") -> None:
        if len(kind[0]) + len(kind[1]) > _LONGEST:
            raise _Unknown
        self._known.append((kind, plain))

    def _name(self, of_function: bool = False) -> Tuple[str, str]:
        """Reads a name. Returns it, and its last part without template arguments."""
        if self._take("N"):
            return self._nested(of_function)
        if self._take("Z"):
            return self._local()
        standard = self._text.startswith("St", self._at)
        self._at += 2 if standard else 0
        if not standard and self._text[self._at] == "S":
            (name, _), plain = self._substitution()
        else:
            plain = self._unqualified("")
            name = ("std::" if standard else "") + plain + self._tags()
            if self._text.startswith("I", self._at):
                self._remember((name, ""), plain)
        return name + self._template(name, of_function), plain

    def _nested(self, of_function: bool) -> Tuple[str, str]:
        while self._text[self._at] in "rVKRO":
            self._at += 1
        name, plain = "", ""
        while True:
            next_, fresh = self._text[self._at], True
            if next_ == "E":
                self._at += 1
                return name, plain
            if next_ == "S" and self._text[self._at + 1] != "t":
                (name, _), plain = self._substitution()
                fresh = False
            elif next_ == "S":
                self._at += 2
                name, fresh = "std", False
            elif next_ == "T":
                name, fresh = self._parameter(), False
            elif next_ == "I":
                name += self._template(name, of_function)
            else:
                plain = self._unqualified(plain)
                name += ("::" if name else "") + plain + self._tags()
            if fresh and self._text[self._at] != "E":
                self._remember((name, ""), plain)

    def _local(self) -> Tuple[str, str]:
        """Reads the name of something in a function."""
        around = self.function()
        while not self._take("E"):  # the parameters of the function
            self._type()
        if self._take("s"):
            return around, ""
        if self._take("d"):
            self._number()
        name, plain = self._name()
        return f"{around}::{name}", plain

    def _substitution(self) -> Tuple[Type, str]:
        self._at += 1
        letter = self._text[self._at]
        if letter in _STANDARD:
            self._at += 1
            name, plain = _STANDARD[letter]
            return (name, ""), plain
        number = self._number()
        if number >= len(self._known):
            raise _Unknown
        return self._known[number]

    def _parameter(self) -> str:
        self._at += 1
        number = self._number()
        if self._in_lambda:
            name = f"auto:{number + 1}"
        elif number < len(self._arguments):
            name = self._arguments[number]
        else:
            raise _Unknown
        self._remember((name, ""))
        return name

    def _unqualified(self, around: str) -> str:
        """Reads one part of a name. `around` is the part before it, which is the name of constructors."""
        if self._text[self._at] in _FIRST_DIGITS:  # nearly always
            return self._identifier()
        self._take("L")  # it has internal linkage
        two = self._text[self._at : self._at + 2]
        if two[:1].isdigit():
            name = self._identifier()
        elif two[:1] in "CD" and two[1:].isdigit():
            self._at += 2
            name = f"~{around}" if two[0] == "D" else around
        elif two == "cv":
            self._at += 2
            name = f"operator {self._whole_type()}"
        elif two == "li":
            self._at += 2
            name = f'operator"" {self._identifier()}'
        elif two in ("Ut", "Ul"):
            name = self._unnamed(two)
        elif two in _OPERATORS:
            self._at += 2
            name = f"operator{_OPERATORS[two]}"
        else:
            raise _Unknown
        return name

    def _tags(self) -> str:
        """Reads the tags of a part of a name, if it has some. Constructors do not repeat those of their class."""
        found = ""
        while self._text[self._at] == "B":
            self._at += 1
            found += f"[abi:{self._identifier()}]"
        return found

    def _identifier(self) -> str:
        digits = _DIGITS.match(self._text, self._at)
        if digits is None:
            raise _Unknown
        start = digits.end()
        self._at = start + int(digits.group())
        name = self._text[start : self._at]
        if self._at > len(self._text) - len(_END):
            raise _Unknown
        return "(anonymous namespace)" if name.startswith("_GLOBAL__N") else name

    def _unnamed(self, kind: str) -> str:
        """Reads the name of a type that has none in the source."""
        self._at += 2
        if kind == "Ut":
            return f"{{unnamed type#{self._number() + 1}}}"
        before, self._in_lambda = self._in_lambda, True
        parameters = self._up_to_the_end(self._whole_type)
        self._in_lambda = before
        return f"{{lambda({_listed(parameters)})#{self._number() + 1}}}"

    def _template(self, name: str, of_function: bool = False) -> str:
        """Reads the template arguments behind a name, if there are any. T_ stands for those of the function."""
        if not self._take("I"):
            return ""
        found = self._up_to_the_end(self._argument)
        if of_function:
            self._arguments = found
        listed = ", ".join(filter(None, found))
        return f"{' ' if name.endswith('<') else ''}<{listed}{' ' if listed.endswith('>') else ''}>"

    def _argument(self) -> str:
        letter = self._text[self._at]
        if letter not in "JL":
            return self._whole_type()
        self._at += 1
        if letter == "J":
            return ", ".join(filter(None, self._up_to_the_end(self._argument)))
        if self._text.startswith("_Z", self._at):
            self._at += 2
            name = self.function()
            while not self._take("E"):
                self._type()
            return name
        code = self._text[self._at]
        kind = self._whole_type()
        end = self._text.find("E", self._at)
        if end < 0:
            raise _Unknown
        value, self._at = self._text[self._at : end].replace("n", "-"), end + 1
        if code == "b":
            return "true" if value == "1" else "false"
        return f"{value}{_SUFFIX[code]}" if code in _SUFFIX else f"({kind}){value}"

    def _whole_type(self) -> str:
        left, right = self._type()
        return left + right if right else left

    def _type(self) -> Type:
        letter = self._text[self._at]
        if letter in _BUILTIN:
            self._at += 1
            return _BUILTIN[letter], ""
        two = self._text[self._at : self._at + 2]
        if two in _BUILTIN:
            self._at += 2
            return _BUILTIN[two], ""
        if two == "Dp":  # a pack is shown as what it consists of
            self._at += 2
            return self._type()
        return self._compound(letter) if letter in "rVKPROFAM" else self._class(letter)

    def _compound(self, letter: str) -> Type:
        """Reads a type that is made of others, and remembers it."""
        self._at += 1
        if letter in _QUALIFIERS:
            kind = self._qualified(_QUALIFIERS[letter])
        elif letter in _POINTERS:
            kind = _pointer(self._type(), _POINTERS[letter])
        elif letter == "M":
            owner = self._whole_type()
            kind = _pointer(self._type(), f"{owner}::*")
        elif letter == "A":
            size = "" if self._text[self._at] == "_" else self._match(_DIGITS)
            if not self._take("_"):
                raise _Unknown
            left, right = self._type()
            kind = left, f" [{size}]{right.lstrip()}"
        else:
            kind = self._function_type()
        self._remember(kind)
        return kind

    def _qualified(self, words: str) -> Type:
        while self._text[self._at] in _QUALIFIERS:
            words = _QUALIFIERS[self._text[self._at]] + words
            self._at += 1
        left, right = self._type()
        return (left, right + words) if right.startswith(" (") else (left + words, right)

    def _function_type(self) -> Type:
        self._take("Y")
        left, right = self._type()
        return f"{left} ", f"({_listed(self._up_to_the_end(self._whole_type))}){right}"

    def _class(self, letter: str) -> Type:
        """Reads the name of a class, or what stands for a type, and remembers it."""
        if letter == "T":
            name: Optional[str] = self._parameter()
            arguments = self._template("")
            if not arguments:
                return name or "", ""
        elif letter == "S" and self._text[self._at + 1] != "t":
            kind, plain = self._substitution()
            arguments = self._template("")
            if not arguments:
                return kind
            name = kind[0]
        else:
            if letter == "D":
                raise _Unknown
            name, plain = self._name()
            arguments = ""
        self._remember((f"{name}{arguments}", ""), "" if letter == "T" else plain)
        return f"{name}{arguments}", ""


def _listed(parameters: List[str]) -> str:
    """Returns parameters as a source has them. An empty one is a pack of none."""
    return ", ".join(one for one in parameters if one not in ("", "void"))


def _pointer(to: Type, mark: str) -> Type:
    """Returns the type of a pointer or reference to a type."""
    left, right = to
    if right[:1] == "(" or right[:2] == " [":
        space = " " if right[:1] == " " else ""
        return f"{left}{space}({mark}", f"){right}"
    if left.endswith("&") and mark in ("&", "&&"):
        return (left if mark == "&&" or not left.endswith("&&") else left[:-1]), right
    return f"{left}{' ' if mark.endswith('::*') else ''}{mark}", right
