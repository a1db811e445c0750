"""Addresses of pages to host, path and campaign."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.enrichment.page import NOWHERE, read_url, urls_kept

PLACES = {
    "https://example.org": ("example.org", "/"),
    "https://example.org/": ("example.org", "/"),
    "https://example.org//": ("example.org", "/"),
    "https://example.org/courses/python/": ("example.org", "/courses/python"),
    "https://EXAMPLE.org/Courses": ("example.org", "/Courses"),
    "https://www.example.org/a": ("example.org", "/a"),
    "https://www.www.org/a": ("www.org", "/a"),
    "http://example.org:8080/a": ("example.org", "/a"),
    "https://user:secret@example.org/a": ("example.org", "/a"),
    "https://user@home:secret@example.org:1/a": ("example.org", "/a"),
    "https://example.org/a?b=c": ("example.org", "/a"),
    "https://example.org?b=c": ("example.org", "/"),
    "https://example.org#top": ("example.org", "/"),
    "https://example.org/a#b?c": ("example.org", "/a"),
    "https://example.org/a?b=c/d#e": ("example.org", "/a"),
    "https://example.org/a?u=https://other.org/x": ("example.org", "/a"),
    "https://[2001:db8::1]:443/a": ("[2001:db8::1]", "/a"),
    "https://münchen.de/straße": ("münchen.de", "/straße"),
    "https://example.org/a%20b": ("example.org", "/a%20b"),
    "app://screen/settings": ("screen", "/settings"),
    "chrome-extension://abc/page.html": ("abc", "/page.html"),
    "file:///home/a.html": ("", "/home/a.html"),
    "/courses/python?x=1": ("", "/courses/python"),
    "courses": ("", "courses"),
    "//example.org/a": ("", "//example.org/a"),
    "not a url": ("", "not a url"),
    "?a=b": ("", "/"),
    "#": ("", "/"),
    "https://": ("", "/"),
    "https://[": ("", "/"),
    "https://[::1/a": ("", "/a"),
    "https://:@:/": ("", "/"),
    "é://x/y": ("", "é://x/y"),
}


@pytest.mark.parametrize(("url", "place"), PLACES.items())
def test_a_url_has_a_host_and_a_path(url: str, place: tuple[str, str]) -> None:
    page = read_url(url)
    assert (page.host, page.path) == place


def test_no_url_is_nowhere() -> None:
    assert read_url("") == NOWHERE


CAMPAIGNS = {
    "utm_source=news": ("news", "", "", "", ""),
    "utm_source=a&utm_medium=b&utm_campaign=c&utm_term=d&utm_content=e": ("a", "b", "c", "d", "e"),
    "x=1&utm_campaign=spring%20sale+now&y=2": ("", "", "spring sale now", "", ""),
    "utm_source=a&utm_source=b": ("b", "", "", "", ""),
    "utm_source=%ff": ("\ufffd", "", "", "", ""),
    "utm_source=": None,
    "utm_other=x": None,
    "utm_": None,
    "UTM_SOURCE=x": None,
    "a=utm_source=x": None,
    "": None,
    "utm_source=x" + "&a=1" * 300: None,  # no campaign needs 200 parameters
}


@pytest.mark.parametrize(("query", "campaign"), CAMPAIGNS.items(), ids=[query[:50] for query in CAMPAIGNS])
def test_a_query_may_name_a_campaign(query: str, campaign: tuple[str, ...] | None) -> None:
    assert read_url(f"https://example.org/a?{query}").campaign == campaign
    assert read_url(f"https://example.org/a?{query}#utm_source=no").campaign == campaign


@given(st.text(max_size=60) | st.text("htps:/.@[]?#&=%utm_source5", max_size=60))
def test_any_text_has_a_place(url: str) -> None:
    page = read_url(url)
    assert page.path or not url
    assert "?" not in page.path
    assert "#" not in page.path
    assert "/" not in page.host
    page.host.encode()


def test_a_long_url_is_read_but_not_kept() -> None:
    before = urls_kept()
    page = read_url("https://example.org/lessons/3?" + "x" * 2_000)
    assert ((page.host, page.path), urls_kept()) == (("example.org", "/lessons/3"), before)


@pytest.mark.parametrize("piece", ["&utm_source=a", "/", "@", ":", "[", "%", "?", "#", "www."])
def test_a_giant_url_is_read_in_bounded_time(piece: str) -> None:
    started = time.process_time()
    read_url("https://example.org/?" + piece * 100_000)
    read_url("https://" + piece * 100_000)
    assert time.process_time() - started < 0.5
