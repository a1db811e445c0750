"""Whose fault a failure of the engine is."""

import pyarrow as pa
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError
from urllib3.exceptions import ProtocolError

from analytics.errors import InsertRejectedError, WarehouseUnavailableError
from analytics.warehouse.failures import DRIVER_ERRORS, insert_failure, is_refusal

ROWS = (53, 70, 117, 469)  # TYPE_MISMATCH, CANNOT_CONVERT_TYPE, INCORRECT_DATA, VIOLATED_CONSTRAINT
SETUP = (60, 81, 291, 452, 497)
PASSING = (159, 202, 210, 236, 241, 243, 252, 516, 745)


@pytest.mark.parametrize("code", ROWS)
def test_a_no_that_is_about_the_rows_leads_to_quarantine(code: int) -> None:
    assert isinstance(insert_failure(DatabaseError("no", code=code)), InsertRejectedError)


@pytest.mark.parametrize("code", SETUP + PASSING)
def test_a_no_that_is_not_about_the_rows_is_waited_out(code: int) -> None:
    assert isinstance(insert_failure(DatabaseError("no", code=code)), WarehouseUnavailableError)


@pytest.mark.parametrize(("code", "lasts"), [*((code, True) for code in ROWS + SETUP), *((code, False) for code in PASSING)])
def test_a_migration_knows_a_lasting_no_from_a_passing_one(code: int, lasts: bool) -> None:
    assert is_refusal(DatabaseError("no", code=code)) is lasts


@pytest.mark.parametrize("error", [OperationalError("gone"), ProtocolError("cut"), ConnectionResetError(), pa.ArrowInvalid("cut")])
def test_a_broken_connection_is_no_refusal(error: Exception) -> None:
    assert isinstance(error, DRIVER_ERRORS)
    assert isinstance(insert_failure(error), WarehouseUnavailableError)
