"""The data types an analyst may name, in CAST, in parameters and in texts that name a type.

The one thing to know: states of aggregate functions are left out. A question may make and merge them, but a state read from bytes that a
caller wrote is parsed by code that was not made for hostile input.
"""

import re

from analytics.errors import UnknownTypeError
from analytics.fence.refusal import RefusedError

_WIDTHS = ("8", "16", "32", "64", "128", "256")
_SIMPLE = frozenset(
    {
        *(f"{sign}int{width}" for sign in ("", "u") for width in _WIDTHS),
        *("float32", "float64", "bfloat16", "bool", "string", "fixedstring", "uuid", "ipv4", "ipv6", "point"),
        *("date", "date32", "datetime", "datetime32", "datetime64", "time", "time64"),
        *("decimal", "decimal32", "decimal64", "decimal128", "decimal256", "enum", "enum8", "enum16", "json", "dynamic"),
        *(f"interval{unit}" for unit in ("second", "minute", "hour", "day", "week", "month", "quarter", "year")),
        *(
            "int",
            "integer",
            "bigint",
            "smallint",
            "tinyint",
            "signed",
            "unsigned",
            "boolean",
            "float",
            "double",
            "real",
            "double precision",
        ),
        *("int unsigned", "integer unsigned", "bigint unsigned", "smallint unsigned", "tinyint unsigned"),
        *("text", "varchar", "char", "timestamp", "numeric", "dec"),
    }
)
_NESTING = frozenset({"array", "nullable", "lowcardinality", "map", "variant", "tuple"})
_WITH_NAMES = frozenset({"tuple"})
_MAX_DEPTH = 10
_TOKEN = re.compile(
    r"\s*(?:(?P<word>[A-Za-z_][A-Za-z_0-9]*)|(?P<number>-?\d+)|(?P<text>'(?:[^'\\]|\\.)*')|(?P<name>`[^`\\]*`)|(?P<sign>[(),=]))"
)


def check_type(text: str) -> str:
    """The family of a type in small letters, such as `array` of `Array(Int64)`. Raises RefusedError."""
    reader = _Reader(text)
    family = reader.type()
    reader.end()
    return family


def check_structure(text: str) -> None:
    """Checks a list of columns: `a Int64, b Array(String)`. Raises RefusedError."""
    reader = _Reader(text)
    reader.columns()
    reader.end()


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[tuple[str, str]] = []
        self.at = 0
        self.depth = 0
        place = 0
        stripped = text.rstrip()
        while place < len(stripped):
            match = _TOKEN.match(stripped, place)
            if match is None or match.lastgroup is None:
                raise self.unknown()
            self.tokens.append((match.lastgroup, match[match.lastgroup]))
            place = match.end()

    def unknown(self) -> RefusedError:
        return RefusedError(f"There is no type {self.text[:100]} here.", self.text, kind=UnknownTypeError)

    def type(self) -> str:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise self.unknown()
        words = [self.take("word").lower()]
        while self.kind() == "word":
            words.append(self.take("word").lower())
        family = " ".join(words)
        if family in _NESTING:
            self.take("sign", "(")
            if family in _WITH_NAMES:
                self.members()
            else:
                self.type()
                while self.accept(","):
                    self.type()
            self.take("sign", ")")
        elif family in _SIMPLE:
            if family not in ("json", "dynamic") and self.accept("("):
                self.values()
        else:
            raise self.unknown()
        self.depth -= 1
        return family

    def columns(self) -> None:
        """Names with types."""
        self.column()
        while self.accept(","):
            self.column()

    def column(self) -> None:
        self.take(self.kind() if self.kind() in ("word", "name") else "word")
        self.type()

    def members(self) -> None:
        """Types, each with or without a name before it."""
        named = self.kind() == "name" or (self.kind() == "word" and self.kind(1) == "word" and not self.is_type_of_words())
        while True:
            if named:
                self.column()
            else:
                self.type()
            if not self.accept(","):
                return

    def is_type_of_words(self) -> bool:
        return f"{self.tokens[self.at][1]} {self.tokens[self.at + 1][1]}".lower() in _SIMPLE

    def values(self) -> None:
        """Numbers, texts and members of an enumeration, up to the bracket."""
        while not self.accept(")"):
            kind = self.kind()
            if kind not in ("number", "text") and not (kind == "sign" and self.tokens[self.at][1] in "=,"):
                raise self.unknown()
            self.at += 1

    def kind(self, ahead: int = 0) -> str:
        return self.tokens[self.at + ahead][0] if self.at + ahead < len(self.tokens) else ""

    def accept(self, sign: str) -> bool:
        if self.kind() == "sign" and self.tokens[self.at][1] == sign:
            self.at += 1
            return True
        return False

    def take(self, kind: str, value: str | None = None) -> str:
        if self.kind() != kind or (value is not None and self.tokens[self.at][1] != value):
            raise self.unknown()
        self.at += 1
        return self.tokens[self.at - 1][1]

    def end(self) -> None:
        if self.at != len(self.tokens):
            raise self.unknown()
