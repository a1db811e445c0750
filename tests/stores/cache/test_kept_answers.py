"""Kept answers on a real Valkey: taken only while they are as good as new ones, whatever happens to Redis and to those who change data."""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import redis

from analytics.cache import answers as answers_module
from analytics.cache import change_marks as marks_module
from analytics.cache.scripts import Script, script
from analytics.embedded.engines import EmbeddedEngines
from analytics.errors import RateLimitedError
from tests.factories.kept_answers import DAY, LONG_LEASE, OLD_SECONDS, Asking, Changing, Table
from tests.fixtures.patience import eventually
from tests.fixtures.relay import Relay
from tests.stores.cache.test_live_when_redis_is_away import kill, revive

pytestmark = pytest.mark.anyio
DAYS = (DAY, DAY + 6)


class World:
    """One process that changes data and one that asks."""

    def __init__(self, url: str, lease_seconds: float = LONG_LEASE) -> None:
        self.url = url
        self.table = Table()
        self.changing = Changing(url, self.table, lease_seconds=lease_seconds)
        self.asking = Asking(url, self.table)

    async def insert(self, *ids: str, day: int = DAY, age_seconds: float = OLD_SECONDS, project_id: str = "p1") -> None:
        await asyncio.to_thread(self.changing.insert, *ids, day=day, age_seconds=age_seconds, project_id=project_id)

    async def is_kept(self, days: tuple[int, int] | None = DAYS, question: str = "q") -> bool:
        """Whether the question is answered from the cache; kept after this in any case."""
        return (await self.asking.ask(days=days, question=question)).meta.cached

    async def until_kept(self) -> None:
        await eventually(self.is_kept, "a kept answer")


@asynccontextmanager
async def a_world(url: str, lease_seconds: float = LONG_LEASE) -> AsyncGenerator[World]:
    made = await asyncio.to_thread(World, url, lease_seconds)
    try:
        yield made
    finally:
        await made.asking.close()
        await asyncio.to_thread(made.changing.marks.stop)


@pytest.fixture
async def world(redis_url: str) -> AsyncIterator[World]:
    async with a_world(redis_url) as made:
        yield made


# ---- the rules, each a scenario, so that it can be seen failing with its protection off ----


async def a_change_to_the_days_of_an_answer_ends_it(world: World) -> None:
    await world.insert("a")
    assert not await world.is_kept()
    assert await world.is_kept()
    await world.insert("b", day=DAY + 7)
    assert await world.is_kept()
    await world.insert("c", day=DAY + 6)
    assert await world.asking.ids(days=DAYS) == ["a", "c"]
    assert await world.asking.ids() == ["a", "b", "c"]
    await world.insert("d", day=5)
    assert await world.asking.ids() == ["a", "b", "c", "d"]


async def an_answer_made_while_a_change_is_under_way_is_taken_by_nobody_later(world: World) -> None:
    await world.insert("a")
    token = await asyncio.to_thread(world.changing.begin)
    assert await world.asking.ids(days=DAYS) == ["a"]
    world.table.add(("p1", DAY, "b"))
    assert await world.asking.ids(days=DAYS) == ["a", "b"]
    world.table.add(("p1", DAY, "c"))
    await asyncio.to_thread(world.changing.marks.end, token)
    assert await world.asking.ids(days=DAYS) == ["a", "b", "c"]


async def a_change_nobody_could_be_told_of_ends_every_answer(world: World) -> None:
    """Redis is cut off from the process that changes data, and not from the one that asks."""
    parts = urlsplit(world.url)
    relay = Relay(Path(unquote(parts.path)))
    await relay.mend()
    changing = await asyncio.to_thread(
        lambda: Changing(f"redis://:{parts.password}@127.0.0.1:{relay.port}", world.table, node="node-2", lease_seconds=2.0, patient=False)
    )
    try:
        await world.until_kept()
        await relay.cut()
        await asyncio.to_thread(changing.insert, "b")
        assert await world.asking.ids(days=DAYS) == ["b"]
        await relay.mend()
        await eventually(lambda: not changing.marks._owes, "its debt paid")
        assert await world.asking.ids(days=DAYS) == ["b"]
        await world.until_kept()
        assert await world.asking.ids(days=DAYS) == ["b"]
    finally:
        await relay.mend() if relay._server is None else None
        await asyncio.to_thread(changing.marks.stop)
        await relay.cut()


async def what_is_rewritten_ends_every_answer_and_nothing_is_kept_meanwhile(world: World) -> None:
    for project_id in ("p1", None):
        await world.insert("a", "b")
        assert not await world.is_kept()
        assert await world.is_kept()
        with world.changing.marks.changing(project_id):
            assert not await world.is_kept()
            assert not await world.is_kept()
            world.table.remove("p1", "b")
        assert await world.asking.ids(days=DAYS, max_age_seconds=3_600) == ["a"]


RULES = (
    a_change_to_the_days_of_an_answer_ends_it,
    an_answer_made_while_a_change_is_under_way_is_taken_by_nobody_later,
    a_change_nobody_could_be_told_of_ends_every_answer,
    what_is_rewritten_ends_every_answer_and_nothing_is_kept_meanwhile,
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
async def test_rule(world: World, rule: Callable[[World], Awaitable[None]]) -> None:
    await rule(world)


SABOTAGE = {
    "changes are not counted": ("mark_changes", "redis.call('HINCRBY', key, 's', 1)", "0", RULES[0]),
    "days are not counted": ("mark_changes", "for _, day in ipairs(change[3]) do", "for _, day in ipairs({}) do", RULES[0]),
    "no mark is left": ("mark_changes", "for _, mark in ipairs(marks) do", "for _, mark in ipairs({}) do", RULES[1]),
    "a debt is not paid": ("mark_changes", "if renewed then", "if unknown == 1 then", RULES[2]),
    "no word lapses": ("find_answer", "elseif till < now or", "elseif", RULES[2]),
    "no epoch is raised": ("mark_changes", "for _, project in ipairs(raised) do", "for _, project in ipairs({}) do", RULES[3]),
    "no generation is renewed": ("mark_changes", "if renewed then", "if unknown == 1 then", RULES[3]),
}


@pytest.mark.parametrize("fault", SABOTAGE)
async def test_without_a_protection_its_rule_turns_red(redis_url: str, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    name, protection, without, rule = SABOTAGE[fault]
    whole = script(name)._text
    assert protection in whole
    broken = Script(whole.replace(protection, without))
    for module in (answers_module, marks_module):
        monkeypatch.setattr(module, "script", lambda wanted: broken if wanted == name else script(wanted))
    async with a_world(redis_url) as world:
        with pytest.raises(AssertionError):
            await rule(world)


# ---- what came in within the last second ----


@pytest.mark.parametrize("slack_seconds", [0.0, 3_600.0])
async def test_an_answer_may_lack_only_what_came_in_a_moment_ago(
    world: World, monkeypatch: pytest.MonkeyPatch, slack_seconds: float
) -> None:
    monkeypatch.setattr(answers_module, "SLACK_SECONDS", slack_seconds)
    await world.insert("a")
    await world.is_kept()
    await world.insert("b", age_seconds=1.0)
    assert await world.asking.ids(days=DAYS) == (["a"] if slack_seconds else ["a", "b"])
    await world.insert("c", age_seconds=7_200.0)
    assert await world.asking.ids(days=DAYS) == ["a", "b", "c"]


async def test_more_changes_than_are_remembered_are_too_many(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers_module, "SLACK_SECONDS", 3_600.0)
    await world.is_kept()
    for number in range(63):
        await world.insert(f"n{number:03}", age_seconds=1.0)
    assert await world.is_kept()
    for number in range(63, 70):
        await world.insert(f"n{number:03}", age_seconds=1.0)
    assert len(await world.asking.ids(days=DAYS)) == 70


async def test_whoever_allows_an_age_gets_an_answer_of_that_age(world: World) -> None:
    await world.is_kept()
    await world.insert("a")
    assert await world.asking.ids(days=DAYS, max_age_seconds=3_600) == []
    assert await world.asking.ids(days=DAYS) == ["a"]


async def test_an_answer_that_depends_on_the_time_is_not_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers_module, "SLACK_SECONDS", 0.0)
    assert not (await world.asking.ask(volatile=True)).meta.cached
    assert not (await world.asking.ask(volatile=True)).meta.cached
    assert (await world.asking.ask(volatile=True, max_age_seconds=3_600)).meta.cached


# ---- Redis and processes come and go ----


async def test_a_redis_started_anew_with_old_data_holds_no_answer(own_valkey: EmbeddedEngines) -> None:
    assert own_valkey.redis_url is not None
    async with a_world(own_valkey.redis_url, lease_seconds=2.0) as world:  # of an outage a change feels one lease
        await world.until_kept()
        with redis.Redis.from_url(own_valkey.redis_url) as client:
            client.save()
        await world.insert("a")
        kill(own_valkey)
        await world.insert("b")
        revive(own_valkey)  # from the main thread, as every child
        assert await world.asking.ids(days=DAYS) == ["a", "b"]
        await world.until_kept()
        assert await world.asking.ids(days=DAYS) == ["a", "b"]


async def test_what_is_forgotten_is_in_no_snapshot(own_valkey: EmbeddedEngines) -> None:
    assert own_valkey.redis_url is not None
    async with a_world(own_valkey.redis_url) as world:
        await world.insert("a")
        await world.until_kept()
        with redis.Redis.from_url(own_valkey.redis_url) as client:
            client.save()
            assert await asyncio.to_thread(world.asking.store.count, "p1") == 1
            await asyncio.to_thread(world.asking.store.forget, "p1")
            kill(own_valkey)
            revive(own_valkey)

            def held() -> list[bytes] | None:
                try:
                    return list(client.scan_iter("answers:*", count=1_000)) or None
                except redis.RedisError:
                    return None

            assert not any(key.startswith(b"answers:a:") for key in await eventually(held, "Valkey"))


async def test_a_redis_that_hung_renews_no_word_when_it_goes_on(own_valkey: EmbeddedEngines) -> None:
    assert own_valkey.redis_url is not None
    pid = own_valkey.pids()["valkey"]
    async with a_world(own_valkey.redis_url) as world:
        changing = await asyncio.to_thread(
            lambda: Changing(own_valkey.redis_url or "", world.table, node="node-2", lease_seconds=1.0, patient=False)
        )
        await world.until_kept()
        os.kill(pid, signal.SIGSTOP)
        try:
            await eventually(lambda: changing.marks._owes, "a call that runs into its limit")
            await asyncio.to_thread(changing.insert, "a")
        finally:
            os.kill(pid, signal.SIGCONT)

        async def is_kept() -> bool:
            answer = await world.asking.ask(days=DAYS)
            assert answer.rows == [["a"]]
            return answer.meta.cached

        await eventually(is_kept, "a kept answer")
        await asyncio.to_thread(changing.marks.stop)


async def test_an_emptied_redis_knows_all_marks_again(world: World) -> None:
    await world.is_kept()
    token = await asyncio.to_thread(world.changing.begin)
    with redis.Redis.from_url(world.url) as client:
        client.flushall()

        def is_marked() -> bool:
            return any(b"m=node-1" in key for key in client.hkeys("answers:writers"))  # type: ignore[union-attr]

        await eventually(is_marked, "the mark")
    assert await world.asking.ids(days=DAYS) == []
    world.table.add(("p1", DAY, "a"))
    assert await world.asking.ids(days=DAYS) == ["a"]
    await asyncio.to_thread(world.changing.marks.end, token)
    await world.until_kept()


async def test_while_a_process_that_changes_data_is_dead_nothing_is_taken(world: World) -> None:
    dead = await asyncio.to_thread(lambda: Changing(world.url, world.table, node="node-2", lease_seconds=1.0))
    await world.until_kept()
    await asyncio.to_thread(dead.die)

    async def is_passed_by() -> bool:
        return not await world.is_kept()

    await eventually(is_passed_by, "the end of its word")
    again = await asyncio.to_thread(lambda: Changing(world.url, world.table, node="node-2"))
    assert not await world.is_kept()
    assert await world.is_kept()
    await asyncio.to_thread(again.marks.stop)
    assert await world.is_kept(), "one that stopped in good order is not waited for"


async def test_without_redis_each_question_is_computed_and_a_crowd_one_at_a_time() -> None:
    asking = Asking("redis://127.0.0.1:1", Table())
    asking.table.add(("p1", DAY, "a"))
    assert await asking.ids() == ["a"]
    assert await asking.ids() == ["a"]
    assert asking.computed == 2
    running = 0

    async def reading() -> None:
        nonlocal running
        running += 1
        assert running == 1
        await asyncio.sleep(0.01)
        running -= 1

    asking.before_reading = reading
    assert await asyncio.gather(*(asking.ids() for _ in range(20))) == [["a"]] * 20
    await asking.close()


# ---- one computation for all ----


async def test_equal_questions_at_the_same_time_are_computed_once_in_all_processes(world: World) -> None:
    other = Asking(world.url, world.table)
    world.asking.before_reading = other.before_reading = lambda: asyncio.sleep(0.2)
    answers = await asyncio.gather(*(asking.ask(days=DAYS) for asking in (world.asking, other) for _ in range(25)))
    assert world.asking.computed + other.computed == 1
    assert sum(not answer.meta.cached for answer in answers) == 1
    await other.close()


async def test_a_computation_that_began_before_a_change_is_not_shared_after_it(world: World) -> None:
    read = asyncio.Event()
    world.asking.before_reading = read.wait
    first = asyncio.create_task(world.asking.ids(days=DAYS))
    await eventually(lambda: world.asking.computed == 1)
    before = world.table.ids("p1", DAYS)
    await world.insert("a")
    second = asyncio.create_task(world.asking.ids(days=DAYS))
    world.table.remove("p1", "a")  # the first reads what was before the change
    await asyncio.sleep(0.05)
    read.set()
    assert await first == before
    world.table.add(("p1", DAY, "a"))
    await second
    assert world.asking.computed == 2
    assert await world.asking.ids(days=DAYS) == ["a"]


async def test_whoever_leaves_ends_a_computation_only_if_nobody_else_waits_for_it(world: World) -> None:
    read = asyncio.Event()
    world.asking.before_reading = read.wait
    first = asyncio.create_task(world.asking.ask(days=DAYS))
    await eventually(lambda: world.asking.computed == 1)
    second = asyncio.create_task(world.asking.ask(days=DAYS))
    await eventually(lambda: any(one.waiting == 2 for one in world.asking.kept._under_way.values()))
    first.cancel()
    await asyncio.wait({first})
    assert first.cancelled()
    second.cancel()
    await asyncio.wait({second})
    await eventually(lambda: not world.asking.kept._under_way, "its end")
    read.set()
    assert not await world.is_kept()
    assert world.asking.computed == 2


async def test_a_failure_of_one_asker_is_no_failure_of_the_others(world: World) -> None:
    read = asyncio.Event()
    world.asking.before_reading = read.wait
    first = asyncio.create_task(world.asking.ask(days=DAYS, fails_with=RateLimitedError("too many", 1)))
    await eventually(lambda: world.asking.computed == 1)
    second = asyncio.create_task(world.asking.ask(days=DAYS))
    await eventually(lambda: any(one.waiting == 2 for one in world.asking.kept._under_way.values()))
    read.set()
    with pytest.raises(RateLimitedError):
        await first
    assert not (await second).meta.cached


# ---- bounds ----


async def test_what_was_used_longest_ago_makes_room_and_other_keys_are_left_alone(redis_url: str) -> None:
    async with a_world(redis_url) as world:
        world.asking = Asking(redis_url, world.table, most_bytes=10_000)
        await world.insert("x" * 200)
        with redis.Redis.from_url(redis_url) as client:
            for number in range(20):
                client.set(f"live:{number}", "y" * 1_000)
            for number in range(8):
                assert not await world.is_kept(question=f"q{number}")
            assert await world.is_kept(question="q0")
            for number in range(8, 11):
                assert not await world.is_kept(question=f"q{number}")
            assert await world.is_kept(question="q0")
            assert not await world.is_kept(question="q1")
            kept = list(client.scan_iter("answers:a:*", count=1_000))
            sizes = client.hgetall("answers:sizes")
            assert int(sizes.pop(b"")) == sum(map(int, sizes.values())) <= 10_000  # type: ignore[union-attr,arg-type]
            assert set(sizes) == set(kept) == set(client.zrange("answers:used", 0, -1))  # type: ignore[arg-type]
            assert len(list(client.scan_iter("live:*", count=1_000))) == 20
            await asyncio.to_thread(world.asking.store.forget, "p1")
            assert await asyncio.to_thread(world.asking.store.count, "p1") == 0
            assert client.hgetall("answers:sizes") == {b"": b"0"}


async def test_an_answer_that_is_too_large_is_not_kept(world: World) -> None:
    await world.insert("x" * 200_000)
    assert not await world.is_kept()
    assert not await world.is_kept()
