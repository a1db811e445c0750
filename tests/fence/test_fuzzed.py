"""The corpus in other dress: other letters, comments, spaces, brackets, subqueries and CTEs around it change no verdict and no answer."""

import random
import re

import pytest

from analytics.errors import SqlRefusedError
from tests.fence import corpus
from tests.fence.conftest import School

SEEDS = range(4)
ATTACKS = corpus.attacks()
QUESTIONS = corpus.questions()
# Words of the language: names of functions and tables keep their letters, since for most of them case matters.
_KEYWORDS = frozenset(
    {
        *(
            "select",
            "from",
            "where",
            "group",
            "by",
            "order",
            "limit",
            "having",
            "union",
            "all",
            "distinct",
            "join",
            "left",
            "inner",
            "cross",
        ),
        *("on", "using", "as", "and", "or", "not", "in", "exists", "with", "case", "when", "then", "else", "end", "between", "like"),
        *("settings", "format", "into", "outfile", "asof", "prewhere"),
    }
)
_PIECES = re.compile(r"'(?:[^'\\]|\\.|'')*'|\$\w*\$.*?\$\w*\$|`[^`]*`|\"[^\"]*\"|--[^\n]*|#[^\n]*|/\*.*?\*/|[ \t\r\n]+|\w+|.", re.DOTALL)
_SIGNS = ("'", "`", '"', "(", ")", "[", "{", "}", ";", ".", "::", "->", "\\", "$$", "*", "@", "é")
_SPACES = (" ", "\n", "\t ", "  \r\n", " /* x */ ", " -- y\n", " /* ' */ ", "\n-- ;\n")
# Families whose entries are no SELECT of their own, or whose point is where they stand.
_NOT_TO_BE_WRAPPED = ("statements/", "hidden_characters/", "settings_and_outputs/", "limits/deep", "limits/long", "limits/many")


def dressed(sql: str, dice: random.Random) -> str:
    """The same statement: keywords in other letters, spaces and comments of other kinds."""
    pieces = []
    for piece in _PIECES.findall(sql):
        if not piece.strip(" \t\r\n") and "#" not in sql and "--" not in sql:
            pieces.append(dice.choice(_SPACES))
        elif piece.lower() in _KEYWORDS:
            pieces.append("".join(dice.choice((char.lower(), char.upper())) for char in piece))
        else:
            pieces.append(piece)
    return dice.choice(("", " ", "\n", "/**/")) + "".join(pieces) + dice.choice(("", "\n", " -- end", ";"))


def wrapped(sql: str, dice: random.Random) -> str:
    """The statement inside another."""
    inner = f"{sql}\n"
    return dice.choice(
        (
            f"SELECT * FROM (\n{inner}) AS w",
            f"WITH w AS (\n{inner}) SELECT * FROM w",
            f"SELECT * FROM (SELECT * FROM (\n{inner}) AS a) AS b",
            f"SELECT count() FROM numbers(1) AS n WHERE n.number IN (SELECT 0 FROM (\n{inner}) AS w)",
            f"SELECT 1 UNION ALL SELECT count() FROM (\n{inner}) AS w",
            f"SELECT (SELECT count() FROM (\n{inner}) AS w)",
            f"SELECT * FROM view(\n{inner})",
            f"WITH w AS (WITH v AS (\n{inner}) SELECT * FROM v) SELECT * FROM w",
        )
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_no_dress_gets_an_attack_through(school: School, seed: int) -> None:
    dice = random.Random(seed)
    for attack in dice.sample(ATTACKS, 250):
        variant = attack.sql if attack.id.startswith(_NOT_TO_BE_WRAPPED) else wrapped(attack.sql, dice)
        variant = dressed(variant, dice)
        with pytest.raises(SqlRefusedError):
            pytest.fail(f"{attack.id} came through as {school.gate.check(variant).sql}")


@pytest.mark.parametrize("seed", SEEDS)
def test_no_dress_changes_an_answer(school: School, seed: int) -> None:
    dice = random.Random(seed)
    for question in dice.sample(QUESTIONS, 40):
        assert school.answer(dressed(question.sql, dice), dict(question.params))[1] == question.rows, (question.id, seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_an_attack_hidden_in_a_question_is_found(school: School, seed: int) -> None:
    """A constant, a name or a table of a good question is replaced by an attack."""
    dice = random.Random(seed)
    hostile_values = ("file('/etc/passwd')", "hostName()", "(SELECT name FROM system.tables LIMIT 1)", "arrayReduce('groupBitmap', [1])")
    hostile_tables = ("system.tables", "file('/etc/passwd')", "merge('default', '.*')", "rejected_events", "remote('::1', system.one)")
    tried = 0
    for question in dice.sample(QUESTIONS, 120):
        for pattern, hostiles in ((r"\b(?:count|sum|max|uniqExact)\(\w*\)", hostile_values), (r"(?<=FROM )events\b", hostile_tables)):
            places = list(re.finditer(pattern, question.sql))
            if not places:
                continue
            place = dice.choice(places)
            variant = question.sql[: place.start()] + dice.choice(hostiles) + question.sql[place.end() :]
            tried += 1
            with pytest.raises(SqlRefusedError):
                pytest.fail(f"{variant} came through as {school.gate.check(variant).sql}")
    assert tried > 50


@pytest.mark.parametrize("seed", SEEDS)
def test_broken_text_is_refused_or_read_but_never_fails(school: School, seed: int) -> None:
    """Any text gets a verdict: cut, doubled and shuffled statements raise nothing but refusals."""
    dice = random.Random(seed)
    for question in dice.sample(QUESTIONS, 60):
        pieces = _PIECES.findall(question.sql)
        for _ in range(dice.randint(1, 3)):
            place = dice.randrange(len(pieces))
            match dice.randrange(4):
                case 0:
                    del pieces[place]
                case 1:
                    pieces.insert(place, pieces[dice.randrange(len(pieces))])
                case 2:
                    pieces.insert(
                        place, dice.choice(("'", "`", '"', "(", ")", "[", "{", "}", ";", ".", "::", "->", "\\", "$$", "*", "@", "é"))
                    )
                case _:
                    pieces = pieces[:place] or ["SELECT"]
            pieces = pieces or [" "]
        variant = "".join(pieces)
        place: int | None
        try:
            school.gate.check(variant)
        except SqlRefusedError as refused:
            place = refused.position
        else:
            place = 0
        assert place is not None
        assert 0 <= place <= len(variant)
