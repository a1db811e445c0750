"""User agents to browser, system and device."""

import time

import pytest

from analytics.enrichment import agent
from analytics.enrichment.agent import UNKNOWN, read_agent

WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"

AGENTS: dict[str, tuple[str, str, str, str]] = {
    f"{WINDOWS} {WEBKIT} Chrome/131.0.0.0 Safari/537.36": ("Chrome", "131", "Windows", "desktop"),
    f"{WINDOWS} {WEBKIT} Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0": ("Edge", "131", "Windows", "desktop"),
    f"{WINDOWS} {WEBKIT} Chrome/130.0.0.0 Safari/537.36 OPR/115.0.0.0": ("Opera", "115", "Windows", "desktop"),
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0": ("Firefox", "133", "Windows", "desktop"),
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15": (
        "Safari", "18", "Mac OS X", "desktop",
    ),
    f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Chrome/131.0.0.0 Safari/537.36": ("Chrome", "131", "Mac OS X", "desktop"),
    "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0": ("Firefox", "133", "Ubuntu", "desktop"),
    f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} Chrome/131.0.0.0 Safari/537.36": ("Chrome", "131", "Linux", "desktop"),
    f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {WEBKIT} Chrome/131.0.0.0 Safari/537.36": ("Chrome", "131", "Chrome OS", "desktop"),
    f"{IPHONE} Version/18.1 Mobile/15E148 Safari/604.1": ("Mobile Safari", "18", "iOS", "mobile"),
    f"{IPHONE} CriOS/131.0.6778.73 Mobile/15E148 Safari/604.1": ("Chrome Mobile iOS", "131", "iOS", "mobile"),
    f"{IPHONE} FxiOS/133.0 Mobile/15E148 Safari/605.1.15": ("Firefox iOS", "133", "iOS", "mobile"),
    f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Chrome/131.0.0.0 Mobile Safari/537.36": ("Chrome Mobile", "131", "Android", "mobile"),
    f"Mozilla/5.0 (Linux; Android 14; SM-S928B) {WEBKIT} SamsungBrowser/26.0 Chrome/122.0.0.0 Mobile Safari/537.36": (
        "Samsung Internet", "26", "Android", "mobile",
    ),
    f"Mozilla/5.0 (Linux; Android 13; CUBOT X) {WEBKIT} Chrome/99.0.0.0 Mobile Safari/537.36": ("Chrome Mobile", "99", "Android", "mobile"),
    "Mozilla/5.0 (Android 14; Mobile; rv:133.0) Gecko/133.0 Firefox/133.0": ("Firefox Mobile", "133", "Android", "mobile"),
    "Mozilla/5.0 (iPad; CPU OS 17_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Mobile/15E148 Safari/604.1": (
        "Mobile Safari", "17", "iOS", "tablet",
    ),
    f"Mozilla/5.0 (Linux; Android 13; SM-X710) {WEBKIT} Chrome/131.0.0.0 Safari/537.36": ("Chrome", "131", "Android", "tablet"),
    f"Mozilla/5.0 (Linux; Android 9; KFMAWI) {WEBKIT} Silk/122.1.1 like Chrome/122.0.6261.139 Safari/537.36": (
        "Amazon Silk", "122", "Android", "tablet",
    ),
}  # fmt: skip

BOTS = [
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    f"Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X) {WEBKIT} Chrome/131.0.0.0 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "Mozilla/5.0 (compatible; Yahoo! Slurp; http://help.yahoo.com/help/us/ysearch/slurp)",
    "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} HeadlessChrome/131.0.0.0 Safari/537.36",
    f"Mozilla/5.0 {WEBKIT}; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
    "curl/8.5.0",
    "python-requests/2.32.3",
    "Go-http-client/2.0",
]


@pytest.mark.parametrize(("text", "expected"), AGENTS.items(), ids=[" ".join(expected) for expected in AGENTS.values()])
def test_a_browser_is_known_by_its_agent(text: str, expected: tuple[str, str, str, str]) -> None:
    agent = read_agent(text)
    assert (agent.browser, agent.browser_version, agent.os, agent.device) == expected
    assert not agent.is_bot


@pytest.mark.parametrize("text", BOTS, ids=[text[-40:] for text in BOTS])
def test_a_bot_is_a_bot_whatever_it_pretends(text: str) -> None:
    agent = read_agent(text)
    assert (agent.is_bot, agent.device) == (True, "bot")


def test_of_a_long_agent_only_what_is_read_is_kept() -> None:
    text = "Mozilla/5.0 " + "x" * 500
    before = agent._read.cache_info().currsize
    assert {read_agent(text + str(number)) for number in range(100)} == {read_agent(text)}
    assert agent._read.cache_info().currsize == before + 1


def test_no_agent_says_nothing() -> None:
    assert read_agent("") == UNKNOWN


@pytest.mark.parametrize("text", ["x", "Mozilla/5.0", "\x00", "😀" * 100, "(((((((((", "Робот"])
def test_an_agent_that_says_little_is_other(text: str) -> None:
    assert (read_agent(text).device, read_agent(text).is_bot) == ("other", False)


@pytest.mark.parametrize("piece", ["android", "Mozilla/5.0 (", "bo t", "windows nt ", "a;", "Version/1 "])
def test_a_giant_agent_is_read_in_bounded_time(piece: str) -> None:
    started = time.process_time()
    read_agent(piece * 100_000)
    assert time.process_time() - started < 0.5
