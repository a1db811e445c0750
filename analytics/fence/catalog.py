"""The tables an analyst can name, and what stands behind each: the one source for the gate, the grants and the schema route.

An analyst's table is a subquery over a physical table: the project's rows that have not expired, under public columns. The one thing to
know: it reads without FINAL, as every question of the service does. Repeats are stopped before they are inserted, and reconciliation
removes those that came too late to be recognised.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from analytics.fence.checked_query import PROJECT_PARAMETER, RESERVED_PREFIX

# The name of the physical table inside its subquery: columns are written with it, so that no alias of a caller's can stand for them.
INNER = f"{RESERVED_PREFIX}table"


@dataclass(frozen=True, slots=True)
class SqlColumn:
    """A public column: `type` is its ClickHouse type, `expression` what it is made of, over the physical table as `{t}`."""

    name: str
    type: str
    description: str
    expression: str = ""

    def text(self) -> str:
        """Its entry in the subquery's list."""
        expression = self.expression.format(t=INNER) if self.expression else f"{INNER}.`{self.name}`"
        return f"{expression} AS `{self.name}`"


@dataclass(frozen=True, slots=True)
class SqlTable:
    """A table an analyst can name.

    `hot` are members of `properties` with a physical column of their own, by name. `summed`: rows of one key (all columns but `events`)
    may not have been merged yet and are added up. `grouped`: likewise, where the columns with an expression are states that are added up.
    """

    name: str
    physical: str
    description: str
    columns: tuple[SqlColumn, ...]
    hot: Mapping[str, str] = field(default_factory=dict[str, str])
    summed: bool = False
    grouped: bool = False

    def column(self, name: str) -> SqlColumn | None:
        """The public column of that name."""
        return next((column for column in self.columns if column.name == name), None)


@dataclass(frozen=True, slots=True)
class SqlCatalog:
    """The tables of one database. `database` is that of the physical tables."""

    database: str
    tables: Mapping[str, SqlTable]

    @classmethod
    def of_database(cls, database: str, tables: tuple[SqlTable, ...] | None = None) -> "SqlCatalog":
        """The tables that every project has, in this database."""
        return cls(database, {table.name: table for table in (TABLES if tables is None else tables)})

    def rows_of(self, table: SqlTable, hot: tuple[str, ...] = ()) -> str:
        """The subquery that stands for a table: the project's live rows. `hot` are names of hot members whose columns it carries too."""
        listed = [column.text() for column in table.columns]
        listed += [f"{INNER}.`{table.hot[name]}` AS `{hot_column(name)}`" for name in hot]
        live = f"{INNER}.project_id = {{{PROJECT_PARAMETER}:String}} AND {INNER}.expires_on > toDate(now('UTC'))"
        text = f"SELECT {', '.join(listed)} FROM `{self.database}`.`{table.physical}` AS {INNER} WHERE {live}"  # noqa: S608 - names of our own
        if table.summed or table.grouped:
            keys = [f"{INNER}.`{column.name}`" for column in table.columns if not column.expression]
            text += f" GROUP BY {', '.join(keys)}" + (f" HAVING sum({INNER}.events) != 0" if table.summed else "")
        return text


def hot_column(name: str) -> str:
    """The name under which a subquery carries a hot member of `properties`."""
    return f"{RESERVED_PREFIX}hot_{name}"


def _text(name: str, description: str, kind: str = "String") -> SqlColumn:
    return SqlColumn(name, kind, description)


_LOW = "LowCardinality(String)"
_TIME = "DateTime64(3, 'UTC')"

EVENTS = SqlTable(
    "events",
    "events",
    "Every event, once.",
    (
        _text("event_id", "Identity of the event: once per project."),
        _text("event", "Name of the event.", _LOW),
        SqlColumn("timestamp", _TIME, "When it happened, UTC, to the millisecond."),
        SqlColumn("received_at", _TIME, "When it arrived, UTC, to the millisecond."),
        SqlColumn("date", "Date", "Day it happened on, UTC; the fastest way to a span of time."),
        SqlColumn("local_date", "Date", "Day it happened on, in the project's time zone."),
        _text("person", "Who counts as the user: user_id, or else anonymous_id."),
        _text("user_id", "The signed-in user, empty if none."),
        _text("anonymous_id", "The device or browser, empty if none."),
        _text("session_id", "Session as the client says."),
        _text("properties", "Properties as a compact JSON object; a member is written properties.name, properties.name::Int64."),
        _text("ip", "Sender's address, as the project's policy left it."),
        _text("user_agent", "User agent.", _LOW),
        _text("browser", "Browser, from the user agent.", _LOW),
        _text("browser_version", "Its major version.", _LOW),
        _text("os", "Operating system, from the user agent.", _LOW),
        _text("device", "desktop, mobile, tablet, bot or other.", _LOW),
        SqlColumn("is_bot", "UInt8", "1 if the user agent is a robot's."),
        _text("country", "ISO country of the address.", _LOW),
        _text("page_url", "Address of the page."),
        _text("page_host", "Host of the page.", _LOW),
        _text("page_path", "Path of the page."),
        _text("page_title", "Title of the page."),
        _text("referrer", "Address of the page before."),
        _text("referrer_host", "Its host.", _LOW),
        _text("campaign_source", "Campaign source (utm_source).", _LOW),
        _text("campaign_medium", "Campaign medium (utm_medium).", _LOW),
        _text("campaign_name", "Campaign name (utm_campaign).", _LOW),
        _text("campaign_term", "Campaign term (utm_term).", _LOW),
        _text("campaign_content", "Campaign content (utm_content).", _LOW),
        _text("locale", "Language and region, such as en-GB.", _LOW),
        _text("timezone", "The sender's time zone.", _LOW),
        _text("context_extra", "Members of the context without a column, as a JSON object; empty if none."),
    ),
    hot={"course_id": "course_id", "lesson_id": "lesson_id"},
)

_SUMMED_EVENTS = SqlColumn("events", "Int64", "Number of events.", "sum({t}.events)")

EVENT_COUNTS = SqlTable(
    "event_counts",
    "event_counts",
    "Events by name and quarter of an hour: the fast way to totals.",
    (
        SqlColumn("date", "Date", "Day of bucket, UTC."),
        _text("event", "Name of the event.", _LOW),
        SqlColumn("bucket", "DateTime('UTC')", "Start of the quarter of an hour."),
        _SUMMED_EVENTS,
    ),
    summed=True,
)

USER_DAYS = SqlTable(
    "user_days",
    "user_days",
    "Who did what on which day, with how many events: the fast way to active users and retention.",
    (
        SqlColumn("local_date", "Date", "Day in the project's time zone."),
        _text("event", "Name of the event.", _LOW),
        _text("person", "Who counts as the user: user_id, or else anonymous_id."),
        SqlColumn("is_anonymous", "UInt8", "1 if person is an anonymous_id."),
        _SUMMED_EVENTS,
    ),
    summed=True,
)

USER_TIMELINE = SqlTable(
    "user_timeline",
    "user_timeline",
    "Events by person and time, narrow: the fast way to one person's events, to funnels and paths.",
    (
        SqlColumn("date", "Date", "Day of timestamp, UTC."),
        SqlColumn("timestamp", _TIME, "When it happened, UTC, to the millisecond."),
        _text("event", "Name of the event.", _LOW),
        _text("person", "Who counts as the user: user_id, or else anonymous_id."),
        SqlColumn("is_anonymous", "UInt8", "1 if person is an anonymous_id."),
        _text("session_id", "Session as the client says."),
    ),
)

TABLES = (EVENTS, EVENT_COUNTS, USER_DAYS, USER_TIMELINE)
