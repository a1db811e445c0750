"""Derived columns of a batch."""

from typing import Any

import pyarrow as pa
import pytest

from analytics.enrichment.steps import STEPS, Columns

CAMPAIGN = ("campaign_source", "campaign_medium", "campaign_name", "campaign_term", "campaign_content")
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"


def enriched(*rows: dict[str, str | None]) -> list[dict[str, Any]]:
    """Each row after all steps; what it does not name is null."""
    names = ("user_agent", "page_url", "referrer", *CAMPAIGN)
    columns: Columns = {name: pa.array([row.get(name) for row in rows], pa.string()) for name in names}
    for step in STEPS:
        step(columns)
    return [{name: column[index].as_py() for name, column in columns.items()} for index in range(len(rows))]


def test_agents_are_read_for_each_row_in_its_place() -> None:
    rows = enriched({"user_agent": CHROME}, {}, {"user_agent": "curl/8.5.0"}, {"user_agent": CHROME}, {"user_agent": ""})
    assert [row["device"] for row in rows] == ["desktop", "", "bot", "desktop", ""]
    assert [row["is_bot"] for row in rows] == [0, 0, 1, 0, 0]
    assert (rows[3]["browser"], rows[3]["browser_version"], rows[3]["os"]) == ("Chrome", "131", "Linux")


def test_pages_are_read_for_each_row_in_its_place() -> None:
    rows = enriched({"page_url": "https://a.org/x/"}, {}, {"page_url": "https://b.org"}, {"page_url": "https://a.org/x/"})
    assert [(row["page_host"], row["page_path"]) for row in rows] == [("a.org", "/x"), ("", ""), ("b.org", "/"), ("a.org", "/x")]


def test_a_campaign_of_the_url_fills_in_where_the_event_names_none() -> None:
    url = "https://a.org/?utm_source=news&utm_medium=mail"
    rows = enriched(
        {"page_url": url}, {"page_url": url, "campaign_name": "own"}, {}, {"page_url": "https://a.org/"}, {"campaign_source": "x"}
    )
    assert [(row["campaign_source"], row["campaign_medium"], row["campaign_name"]) for row in rows] == [
        ("news", "mail", ""),
        (None, None, "own"),  # the event's own campaign is not mixed with the page's
        (None, None, None),
        (None, None, None),
        ("x", None, None),
    ]


@pytest.mark.parametrize(
    ("page", "referrer", "host"),
    [
        ("https://a.org/x", "https://search.org/?q=x", "search.org"),
        ("https://a.org/x", "https://a.org/y", ""),
        ("https://a.org/x", "https://www.a.org:8443/y", ""),
        ("https://a.org/x", "https://shop.a.org/y", "shop.a.org"),
        (None, "https://search.org/", "search.org"),
        ("https://a.org/x", None, ""),
        (None, None, ""),
        ("https://a.org/x", "android-app://com.google.android.gm/", "com.google.android.gm"),
    ],
)
def test_a_page_of_the_same_host_is_no_referrer(page: str | None, referrer: str | None, host: str) -> None:
    assert enriched({"page_url": page, "referrer": referrer})[0]["referrer_host"] == host
