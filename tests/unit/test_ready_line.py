"""What the ready line says."""

from analytics.metadata.bootstrap import BootstrapResult
from analytics.worker import ready_fields


def test_a_project_whose_keys_are_all_revoked_shows_none() -> None:
    assert ready_fields(BootstrapResult("default", "")) == {"project": "default"}


def test_a_new_admin_is_shown_with_its_password() -> None:
    fields = ready_fields(BootstrapResult("default", "wk_1", "admin@example.com", "secret"))
    assert fields == {"project": "default", "write_key": "wk_1", "admin_email": "admin@example.com", "admin_password": "secret"}
