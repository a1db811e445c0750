"""Every error of ours has its status, and every problem code its words."""

from collections.abc import Iterator

from analytics.api.problems import STATUS, problem_of
from analytics.errors import AnalyticsError, InvalidRequestError, StoreError


def tree(error: type[AnalyticsError]) -> Iterator[type[AnalyticsError]]:
    yield error
    for child in error.__subclasses__():
        if child.__module__ == "analytics.errors":
            yield from tree(child)


def test_each_error_is_mapped_by_itself() -> None:
    assert set(STATUS) == set(tree(AnalyticsError))


def test_each_leaf_has_a_code_and_a_title_of_its_own() -> None:
    leaves = [error for error in tree(AnalyticsError) if not error.__subclasses__()]
    assert len({error.code for error in leaves}) == len({error.title for error in leaves}) == len(leaves)


def test_statuses_follow_the_contract() -> None:
    for error, status in STATUS.items():
        if issubclass(error, StoreError):
            assert status == 503, error
        if issubclass(error, InvalidRequestError):
            assert status == 422, error


def test_an_error_below_a_mapped_one_takes_its_status() -> None:
    class Finer(InvalidRequestError):
        code = "finer"

    status, headers, body = problem_of(Finer("too fine"), "/x")
    assert status == 422
    assert headers["content-type"] == "application/problem+json"
    assert b'"type":"/problems/finer"' in body
