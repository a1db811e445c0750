"""`analytics project|key|token|user` against the running application."""

import json
import os
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio.to_thread
import pytest
from click.testing import CliRunner, Result
from structlog.testing import capture_logs

from analytics.cli.main import main
from analytics.oidc.flow import begin_flow
from analytics.oidc.id_token import Identity
from tests.factories.second_factors import enrol
from tests.factories.sent_events import send_events
from tests.factories.subject_exports import read_zip
from tests.fixtures.api import PASSWORD, Api

pytestmark = pytest.mark.anyio
Run = Callable[..., Awaitable[Result]]


@pytest.fixture
def run(api: Api, api_url: str) -> Run:
    """The command line, as owner."""

    async def command(*arguments: str, given: str | None = None) -> Result:
        token = api.services.signer.for_operator()
        with capture_logs():  # the service logs in this same process, into what the runner takes for the command's output
            return await anyio.to_thread.run_sync(
                lambda: CliRunner().invoke(main, [*arguments, "--url", api_url, "--token", token], input=given)
            )

    return command


async def test_a_made_secret_stands_alone_on_standard_output(api: Api, run: Run) -> None:
    project = await run("project", "create", "by-cli", "--timezone", "Asia/Kathmandu")
    assert project.exit_code == 0, project.stderr
    found = api.services.keys.project_of_key(project.stdout.removesuffix("\n"))
    assert found is not None
    assert (found.slug, found.timezone) == ("by-cli", "Asia/Kathmandu")

    key = (await run("key", "create", "--project", "by-cli")).stdout.removesuffix("\n")
    assert api.services.keys.project_of_key(key) == found

    token = (await run("token", "create", "--project", "by-cli", "--scope", "read", "--scope", "sql")).stdout.removesuffix("\n")
    me = (await api.bearer(token).get("/v1/me")).json()
    assert me["scopes"] == ["read", "sql"]


async def test_with_json_the_whole_answer_is_the_output(api: Api, run: Run) -> None:
    slug = (await api.make_project())["slug"]
    made = json.loads((await run("key", "create", "--project", slug, "--json")).stdout)
    assert set(made) == {"id", "name", "key", "created_at", "revoked_at", "ends_at", "allowed_origins"}
    listed = json.loads((await run("key", "list", "--project", slug, "--json")).stdout)
    assert made in listed
    assert slug in [project["slug"] for project in json.loads((await run("project", "list", "--json")).stdout)]


@pytest.mark.parametrize("named_by", ["id", "key"])
async def test_a_key_is_revoked_by_id_or_by_itself(api: Api, run: Run, named_by: str) -> None:
    slug = (await api.make_project())["slug"]
    made = json.loads((await run("key", "create", "--project", slug, "--json")).stdout)
    revoked = await run("key", "revoke", "--project", slug, made[named_by])
    assert revoked.exit_code == 0, revoked.stderr
    assert api.services.keys.project_of_key(made["key"]) is None
    again = await run("key", "revoke", "--project", slug, "wk_nobodys", "--json")
    assert (again.exit_code, json.loads(again.stderr)["code"]) == (1, "not-found")


async def test_a_token_is_ended(api: Api, run: Run) -> None:
    slug = (await api.make_project())["slug"]
    made = json.loads((await run("token", "create", "--project", slug, "--scope", "read", "--days", "7", "--json")).stdout)
    assert made["token"][-4:] in (await run("token", "list", "--project", slug)).stdout
    assert (await run("token", "revoke", "--project", slug, made["id"])).exit_code == 0
    assert (await api.bearer(made["token"]).get("/v1/me")).status_code == 401


async def test_a_person_is_made_with_a_password_from_standard_input_and_a_role(api: Api, run: Run) -> None:
    slug = (await api.make_project())["slug"]
    email = "by-cli@example.org"
    made = await run("user", "create", email, "--password-stdin", "--project", slug, "--role", "analyst", given=f"{PASSWORD}\n")
    assert made.exit_code == 0, made.stderr
    assert PASSWORD not in made.output
    person = await api.signed_in(email)
    assert [p["role"] for p in (await person.get("/v1/me")).json()["projects"]] == ["analyst"]
    assert (await run("user", "grant", email, "--project", slug, "--role", "viewer")).exit_code == 0
    assert "viewer" in (await run("user", "list", "--project", slug)).stdout
    assert (await run("user", "remove", email, "--project", slug)).exit_code == 0
    assert (await person.get("/v1/me")).json()["projects"] == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("project", "create", "default"), 1),
        (("project", "create", "Not A Slug"), 1),
        (("key", "create", "--project", "unknown"), 1),
        (("key", "create"), 2),
        (("token", "create", "--project", "default", "--scope", "everything"), 1),
        (("user", "create", "a@example.org", "--password-stdin", "--project", "default"), 2),
        (("user", "grant", "a@example.org", "--project", "default", "--role", "king"), 2),
    ],
)
async def test_exit_codes_tell_a_refusal_from_a_mistake(run: Run, arguments: tuple[str, ...], code: int) -> None:
    result = await run(*arguments, given="long enough\n")
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert result.stderr


async def test_a_person_is_invited_reset_shut_out_and_let_in_by_command(api: Api, run: Run) -> None:
    slug = (await api.make_project())["slug"]
    email = "invited-by-cli@example.org"

    async def accept(link: str) -> None:
        token = link.removesuffix("\n").partition("?token=")[2]
        answer = await api.nobody.post("/v1/auth/accept", {"token": token, "password": PASSWORD})
        assert answer.status_code == 200, answer.text

    invited = await run("user", "invite", email, "--name", "Ada", "--project", slug, "--role", "analyst")
    assert invited.exit_code == 0, invited.stderr
    assert invited.stdout.count("\n") == 1
    await accept(invited.stdout)
    person = await api.signed_in(email)
    assert (await run("user", "disable", email)).exit_code == 0
    assert (await person.get("/v1/me")).status_code == 401
    assert (await run("user", "enable", email)).exit_code == 0
    await accept((await run("user", "reset", email)).stdout)
    await api.signed_in(email)

    assert (await run("user", "update", email, "--owner", "--name", "Ada L")).exit_code == 0
    listed = json.loads((await run("user", "list", "--json")).stdout)
    found = next(item for item in listed if item["email"] == email)
    assert (found["name"], found["is_owner"], found["disabled"], found["roles"]) == ("Ada L", True, False, {slug: "analyst"})
    assert f"{slug}:analyst" in (await run("user", "list")).stdout
    assert (await run("user", "update", email, "--no-owner")).exit_code == 0
    assert (await run("user", "update", email)).exit_code == 2
    assert (await run("user", "invite", email)).exit_code == 1


async def test_signing_keys_rotate_by_command(api: Api, run: Run) -> None:
    before = api.services.keys.signing_keys()
    rotated = await run("key-ring", "rotate", "--json")
    assert rotated.exit_code == 0, rotated.stderr
    after = api.services.keys.signing_keys()
    assert [item["kid"] for item in json.loads(rotated.stdout)["items"]] == [key.id for key in after]
    assert after[1:] == before


async def test_a_person_is_exported_by_command(api: Api, run: Run, tmp_path: Path) -> None:
    project = await api.make_project()
    await send_events(api, project, [{"event": "x", "user_id": "u-1"}, {"event": "x", "user_id": "u-2"}])
    out = tmp_path / "person.zip"
    done = await run("export", "--project", project["slug"], "--user", "u-1", "--out", str(out))
    assert done.exit_code == 0, done.output
    assert [line["user_id"] for line in read_zip(out.read_bytes())["events.ndjson"]] == ["u-1"]
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    nowhere = await run("export", "--project", project["slug"], "--user", "u-1", "--out", str(tmp_path / "no folder" / "x.zip"))
    assert nowhere.exit_code == 1
    unknown = await run("export", "--project", "no-such-project", "--user", "u-1", "--out", str(tmp_path / "x.zip"))
    assert unknown.exit_code == 1
    assert os.listdir(tmp_path) == ["person.zip"]


async def test_a_second_factor_is_shown_and_taken_off_by_command(api: Api, run: Run) -> None:
    email = await api.make_user()
    assert "no second factor" in (await run("user", "second-factor", email)).stdout
    await enrol(api, email)
    shown = await run("user", "second-factor", email, "--json")
    assert (shown.exit_code, json.loads(shown.stdout)["recovery_codes_left"]) == (0, 10)
    assert "recovery codes left: 10" in (await run("user", "second-factor", email)).stdout
    removed = await run("user", "second-factor", email, "--remove", "--json")
    assert (removed.exit_code, json.loads(removed.stdout)["enabled"]) == (0, False)
    await api.signed_in(email)
    assert (await run("user", "second-factor", email, "--remove")).exit_code == 1


async def test_an_identity_is_unbound_by_command(api: Api, run: Run) -> None:
    email, identities = await api.make_user(), api.services.metadata.oidc_identities
    assert (await run("user", "unbind", email)).exit_code == 1
    await identities.admit("https://provider.example", Identity("s-1", email), begin_flow(None, api.services.clock.now()))
    assert (await run("user", "unbind", email)).exit_code == 0
    await identities.admit("https://provider.example", Identity("s-2", email), begin_flow(None, api.services.clock.now()))
