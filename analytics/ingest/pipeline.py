"""The way of an event through the door, step by step.

The first part runs here, before the answer, since it decides verdicts and what may reach the disk. The second part
(`analytics/enrichment/steps.py`) runs in the writer, for tens of thousands of events at once: it only derives columns from columns.
"""

from collections.abc import Callable

from analytics.ingest import steps
from analytics.ingest.batch import EventBatch
from analytics.ingest.personal import PersonalFields

Step = Callable[[EventBatch], None]


def door_steps(
    country_of: Callable[[str], str] | None, personal: PersonalFields | None = None, refuse_erased: Step | None = None
) -> tuple[Step, ...]:
    """The steps in order; `country_of` maps an address to an ISO country code, None if no GeoIP file is configured.

    Without `personal` (no keys) events of a project with personal fields are not taken. `refuse_erased` comes first, since the first
    reason of a refusal stays and of this one nothing is kept; and once more at the end, for ids as they are stored.
    """
    return (
        *((refuse_erased,) if refuse_erased else ()),
        steps.require_user,
        steps.check_properties,
        steps.correct_clock,
        steps.check_age,
        steps.assign_ids,
        steps.take_sender_address,
        *((steps.country_step(country_of),) if country_of else ()),
        steps.apply_ip_policy,
        (personal or PersonalFields(None)).treat_batch,
        *((refuse_erased,) if refuse_erased else ()),
    )
