"""A row of the table `projects`, to and from a Project."""

from typing import Any

from psycopg.types.json import Jsonb

from analytics.domain.personal_fields import PersonalMode
from analytics.domain.project import IpPolicy, Project
from analytics.metadata.pool import Connection, Row
from analytics.statements import postgres


async def insert_project(connection: Connection, project: Project) -> None:
    """Write a new project."""
    await connection.run(
        postgres("projects")["insert"],
        id=project.id,
        slug=project.slug,
        name=project.name,
        timezone=project.timezone,
        created_at=project.created_at,
        ip_policy=project.ip_policy.value,
        retention_days=project.retention_days,
        event_max_bytes=project.event_max_bytes,
        event_max_age_days=project.event_max_age_days,
        personal_fields=Jsonb(dict(project.personal_fields)),
        suppress_below=project.suppress_below,
        id_seed=project.id_seed,
    )


async def update_project(connection: Connection, project: Project) -> None:
    """Write name and policies of a project that is there; nothing else of it ever changes."""
    await connection.run(
        postgres("projects")["update"],
        id=project.id,
        name=project.name,
        ip_policy=project.ip_policy.value,
        retention_days=project.retention_days,
        event_max_bytes=project.event_max_bytes,
        event_max_age_days=project.event_max_age_days,
        personal_fields=Jsonb(dict(project.personal_fields)),
        suppress_below=project.suppress_below,
    )


def policies_of(project: Project) -> dict[str, Any]:
    """Name and policies, as the audit keeps them."""
    return {
        "slug": project.slug,
        "name": project.name,
        "ip_policy": project.ip_policy.value,
        "retention_days": project.retention_days,
        "event_max_bytes": project.event_max_bytes,
        "event_max_age_days": project.event_max_age_days,
        "personal_fields": {name: mode.value for name, mode in project.personal_fields.items()},
        "suppress_below": project.suppress_below,
    }


async def project_by_slug(connection: Connection, slug: str) -> Project | None:
    """The project as it is now, for those who cannot wait for the directory."""
    row = await connection.one(postgres("projects")["by_slug"], slug=slug)
    return project_of(row) if row else None


def project_of(row: Row) -> Project:
    """A row of `projects` as a Project."""
    personal = {name: PersonalMode(mode) for name, mode in row.pop("personal_fields").items()}
    return Project(ip_policy=IpPolicy(row.pop("ip_policy")), personal_fields=personal, **row)
