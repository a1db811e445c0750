"""A question that passed the gate, ready to run.

The one thing to know: its text names no project. Whoever runs it binds PROJECT_PARAMETER to the id of the project that asks, as a String;
the caller's own parameters can never have that name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

# Names that begin so are the fence's: no alias, parameter or column of a caller's text may.
RESERVED_PREFIX = "fence_"
PROJECT_PARAMETER = f"{RESERVED_PREFIX}project"


@dataclass(frozen=True, slots=True)
class CheckedQuery:
    """`sql` is canonical text over physical tables, with parameters left as `{name:Type}` and `{fence_project:String}` among them.

    `tables` are the plain names it reads, sorted, each once. `parameters` are the caller's: name to ClickHouse type. `named` are the saved
    queries and rollups that the caller's own text names; `constants` the values of their parameters, bound under names of the fence's.
    `reads` says how often tables are read, at the most; `makes_rows`: functions such as numbers() make some beside.
    """

    sql: str
    tables: tuple[str, ...]
    parameters: Mapping[str, str]
    named: tuple[str, ...] = ()
    constants: Mapping[str, str] = field(default_factory=dict[str, str])
    reads: int = 0
    makes_rows: bool = False
