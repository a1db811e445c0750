"""Projects in PostgreSQL."""

from analytics.clock import Clock
from analytics.domain.project import Project
from analytics.domain.time_range import parse_zone
from analytics.errors import ConflictError, FieldError, InvalidRequestError, TimeRangeError
from analytics.metadata.key_directory import KeyDirectory
from analytics.metadata.keys import WriteKeyRecord, insert_write_key
from analytics.metadata.pool import Change, Database
from analytics.metadata.project_rows import insert_project, policies_of, project_by_slug, update_project
from analytics.metadata.secrets import make_id, make_id_seed


class Projects:
    """Makes projects; they are read from the KeyDirectory, which holds them all."""

    def __init__(self, database: Database, directory: KeyDirectory, clock: Clock) -> None:
        self._database = database
        self._directory = directory
        self._clock = clock

    async def create(self, actor: str, project: Project) -> WriteKeyRecord:
        """Keep a new project (see `new_project`) and make its first write key. Raises ConflictError if the slug is taken."""
        try:
            async with self._database.change(Change(actor, "project.create", project.id, project.id)) as connection:
                await insert_project(connection, project)
                key = await insert_write_key(connection, project.id, "first", self._clock)
                connection.change.after = {**policies_of(project), "first_key": key.id}
        except ConflictError as error:
            raise ConflictError(f"There is a project {project.slug} already.") from error
        await self._directory.catch_up()
        return key

    async def update(self, actor: str, project: Project) -> None:
        """Keep name and policies of `project`, whose other fields must be as they are."""
        async with self._database.change(Change(actor, "project.update", project.id, project.id)) as connection:
            before = await project_by_slug(connection, project.slug)
            await update_project(connection, project)
            connection.change.before = policies_of(before) if before else None
            connection.change.after = policies_of(project)
        await self._directory.catch_up()


def new_project(slug: str, name: str, timezone: str, clock: Clock) -> Project:
    """A project that is nowhere yet. Raises InvalidRequestError if there is no such zone."""
    try:
        parse_zone(timezone)  # the same that questions take: an event's day is in this zone for ever
    except TimeRangeError as error:
        raise InvalidRequestError(
            f"{timezone[:50]!r} is no IANA time zone.", [FieldError("/timezone", "is no IANA time zone, such as Europe/London")]
        ) from error
    return Project(make_id("p"), slug, name, timezone, clock.now(), id_seed=make_id_seed())
