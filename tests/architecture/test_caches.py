"""Whatever the code keeps in memory beyond a call is in the privacy registry, or in the list below with the reason why no person is in it.

The one thing to know: a container that is made empty in `__init__` or in a module counts as kept, and a function that remembers answers.
"""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import analytics
from analytics.privacy.registry import NOT_PERSONAL, PERSONAL

PACKAGE = Path(analytics.__file__).parent
_EMPTY = frozenset({"dict", "set", "OrderedDict", "defaultdict", "Counter", "deque", "TTLCache", "LRUCache"})
_WEAK = frozenset({"WeakKeyDictionary", "WeakValueDictionary", "WeakSet"})
_REMEMBERS = frozenset({"cache", "lru_cache", "alru_cache", "cached", "cachedmethod", "ttl_cache"})

_ONE_CALL = "as long as one question is read or answered"
_OURS = "text of our own files"
_RUNNING = "what runs now, by its id"
KEPT: Mapping[str, str] = {
    "adhoc.delivery.Delivery._chunks": _ONE_CALL,
    "adhoc.door.SqlDoor._held": _RUNNING,
    "adhoc.door.SqlDoor._running": _RUNNING,
    "adhoc.places.Places._of_caller": "numbers by id of the team",
    "adhoc.places.Places._of_project": "numbers by project",
    "adhoc.queries.AdhocQueries._doomed": _RUNNING,
    "adhoc.queries.AdhocQueries._open": _RUNNING,
    "adhoc.reads.OwnRows._known": "numbers by project",
    "adhoc.schema.SqlSchema._remembered": "memory:sql_schema",
    "adhoc.watchdog.Watchdog._unnoted": _RUNNING,
    "answers.checked.CheckedTexts._known": "memory:checked_sql",
    "answers.kept.KeptAnswers._under_way": _RUNNING,
    "api.accept_page._template": _OURS,
    "api.docs._read": _OURS,
    "cache.change_marks.ChangeMarks._marks": "numbers by project",
    "cache.key_rates.KeyRates._counted": "numbers by write key",
    "cache.live.LiveCounters._uncounted": "the redis:live of batches that Redis has not taken yet: hashes",
    "cache.live_feed.LiveFeed._rings": "memory:live_feed",
    "cache.live_snapshot.LiveReader._hours": "numbers by project and hour",
    "cache.live_view.LiveView._snapshots": "numbers of a project for a second",
    "cache.live_view.LiveView._streams": _RUNNING,
    "cache.scripts.script": _OURS,
    "cache.tickets.Tickets._held": "the redis:ticket of this process while Redis is away: hashes",
    "cli.load._Meter._before": "numbers, of the command line",
    "crypto.key_ring.KeyRing._keys": "keys",
    "crypto.personal_values.PersonalValues._ciphers": "keys by project and field",
    "crypto.personal_values.PersonalValues._hash_keys": "keys by project and field",
    "dashboards.templates.__init__._text": _OURS,
    "demo.learner._Scene._campaign": "made-up people",
    "demo.learner._midnight_ms": "made-up people",
    "domain.rate.RateMemory._full_at": "the redis:rate of this process while Redis is away",
    "domain.sign_in_brake.MemoryBrake._tries": "the redis:brake of this process while Redis is away",
    "domain.time_range.calendar_buckets": "times",
    "enrichment.agent._read": "memory:agents",
    "enrichment.page._read_and_keep": "memory:pages",
    "fence.checker.Checker._constants": _ONE_CALL,
    "fence.checker.Checker._reads_of": _ONE_CALL,
    "fence.checker.Checker.parameters": _ONE_CALL,
    "fence.checker.Checker.tables": _ONE_CALL,
    "fence.functions.allowed_functions": "names of the engine's functions",
    "fence.gate.Gate._rows": _OURS,
    "fence.hidden.is_plain": "single characters",
    "fence.walker.TreeWalker._rules": "methods by the kind of a node",
    "fence.named.NamedSources._known": _ONE_CALL,
    "fence.named.NamedSources._trees": _ONE_CALL,
    "fence.named.NamedSources.constants": _ONE_CALL,
    "fence.named.NamedSources.used": _ONE_CALL,
    "ingest.ingestor.Ingestor._incoming": "requests that are not answered yet",
    "ingest.ingestor.Ingestor._ready": "requests that are not answered yet",
    "ingest.pace.Pace._spent": "numbers by project",
    "ingest.record._zoned": "time zones",
    "ingest.steps._address": "memory:addresses",
    "ingest.steps._cut": "memory:addresses",
    "load.checkpoint.Checkpoint._done": "places in files, of the command line",
    "mail.letters.Letters._under_way": _RUNNING,
    "metadata.audit_queue.AuditQueue._counted": "records of the audit for a second: of the team, people as hashes once written",
    "metadata.audit_queue.AuditQueue._waiting": "records of the audit for a second: of the team, people as hashes once written",
    "metadata.sql_limits.SqlLimitChanges._remembered": "numbers by project",
    "metadata.token_uses.TokenUses._noted": "times by token",
    "metadata.token_uses.TokenUses._waiting": "times by token",
    "pictures.chart._validator": _OURS,
    "oidc.provider.IdentityProvider._document": "what the identity provider says of itself",
    "oidc.provider.IdentityProvider._not_before": "until when it is not asked again for its document or its keys",
    "pictures.drawer.Pictures._all": "processes",
    "pictures.theme.theme_of": _OURS,
    "privacy.passing.SpoolPassing._passed": "keyed hashes of erased ids",
    "rollups.feeds.OwnFeeds._failed": "ids of rollups",
    "rollups.keeping.RollupKeeper._days": "days and numbers by rollup",
    "rollups.keeping.RollupKeeper._looked_at": "times by rollup",
    "rollups.keeping.RollupKeeper._failed": "reasons by rollup, until they are stored",
    "spool.spool.Spool._pending_bytes": "numbers by project",
    "spool.spool.Spool._pending_rows": "numbers by project",
    "spool.spool.Spool._reserved": "numbers",
    "statements.clickhouse": _OURS,
    "statements.postgres": _OURS,
    "supervisor.Supervisor._made": "the first admin, until the ready line is out",
    "warehouse.client.Warehouse._limiters": "numbers",
}


def _word(node: ast.expr) -> str:
    """The last word of a name: OrderedDict of collections.OrderedDict[str, int]."""
    node = node.value if isinstance(node, ast.Subscript) else node
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _is_container(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Dict):
        return not value.keys
    if not isinstance(value, ast.Call):
        return False
    word = _word(value.func)
    return word in _WEAK or (word in _EMPTY and (word not in ("dict", "set") or not value.args))


def _assigned(node: ast.AST) -> Iterator[ast.expr]:
    """What a container is assigned to."""
    if isinstance(node, ast.Assign | ast.AnnAssign) and _is_container(node.value):
        yield from node.targets if isinstance(node, ast.Assign) else [node.target]


def kept_in(source: str, module: str) -> set[str]:
    """What a module keeps beyond a call."""
    tree = ast.parse(source)
    found = {f"{module}.{target.id}" for node in tree.body for target in _assigned(node) if isinstance(target, ast.Name)}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            words = {_word(one.func if isinstance(one, ast.Call) else one) for one in node.decorator_list}
            found |= {f"{module}.{node.name}"} if words & _REMEMBERS else set()
        elif isinstance(node, ast.ClassDef):
            made = [one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"]
            inner = [*node.body, *(part for one in made for part in ast.walk(one))]
            targets = [target for part in inner for target in _assigned(part)]
            found |= {f"{module}.{node.name}.{target.attr}" for target in targets if isinstance(target, ast.Attribute)}
            found |= {f"{module}.{node.name}.{target.id}" for target in targets if isinstance(target, ast.Name) and target in _own(node)}
    return found


def _own(node: ast.ClassDef) -> list[ast.expr]:
    return [target for part in node.body for target in _assigned(part)]


def test_what_is_kept_in_memory_is_registered_or_says_why_not() -> None:
    found: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        module = path.relative_to(PACKAGE).with_suffix("").as_posix().replace("/", ".")
        found |= kept_in(path.read_text("utf-8"), module)
    assert found == set(KEPT), "a new one: is a person in it? Then it is a store of personal data (analytics/privacy/registry.py)"
    registered = {reason for reason in KEPT.values() if reason.startswith("memory:")}
    assert registered <= {*PERSONAL, *NOT_PERSONAL}


def test_each_form_of_a_cache_is_noticed() -> None:
    source = """
import functools
from collections import OrderedDict, deque
_names: dict[str, str] = {}
_newest = deque(maxlen=5)
_CONSTANT = {"a": 1}
class Holder:
    shared = OrderedDict()
    def __init__(self) -> None:
        self._seen: dict[str, int] = {}
        self._cache = TTLCache[str, int](10, 5)
        here = {}
    def ask(self) -> None:
        gone = {}
    @functools.lru_cache(maxsize=5)
    def remembered(self, user: str) -> str: ...
@cache
def also(user: str) -> str: ...
"""
    names = {"_names", "_newest", "Holder.shared", "Holder._seen", "Holder._cache", "remembered", "also"}
    assert {name for name in kept_in(source, "m") if name != "m.Holder.here"} == {f"m.{name}" for name in names}
