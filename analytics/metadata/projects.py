"""Projects in PostgreSQL."""

from zoneinfo import available_timezones

from analytics.clock import Clock
from analytics.domain.project import Project
from analytics.errors import ConflictError, FieldError, InvalidRequestError
from analytics.metadata.key_directory import KeyDirectory
from analytics.metadata.keys import WriteKeyRecord, insert_write_key
from analytics.metadata.pool import Change, Database
from analytics.metadata.project_rows import insert_project
from analytics.metadata.secrets import make_id, make_id_seed


class Projects:
    """Makes projects; they are read from the KeyDirectory, which holds them all."""

    def __init__(self, database: Database, directory: KeyDirectory, clock: Clock) -> None:
        self._database = database
        self._directory = directory
        self._clock = clock

    async def create(self, actor: str, slug: str, name: str, timezone: str) -> tuple[Project, WriteKeyRecord]:
        """A new project with its first write key.

        Raises ConflictError if the slug is taken, InvalidRequestError if there is no such zone.
        """
        project = new_project(slug, name, timezone, self._clock)
        try:
            async with self._database.change(Change(actor, "project.create", project.id, project.id)) as connection:
                await insert_project(connection, project)
                key = await insert_write_key(connection, project.id, "first", self._clock)
        except ConflictError as error:
            raise ConflictError(f"There is a project {slug} already.") from error
        await self._directory.catch_up()
        return project, key


def new_project(slug: str, name: str, timezone: str, clock: Clock) -> Project:
    """A project that is nowhere yet. Raises InvalidRequestError if there is no such zone."""
    if timezone not in available_timezones():
        raise InvalidRequestError(
            f"{timezone[:50]!r} is no IANA time zone.", [FieldError("/timezone", "is no IANA time zone, such as Europe/London")]
        )
    return Project(make_id("p"), slug, name, timezone, clock.now(), id_seed=make_id_seed())
