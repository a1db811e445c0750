"""Bodies of `/v1/audit`."""

from typing import Any, Literal

from analytics.api.schemas.base import Answer, UtcTime
from analytics.audit.chain import Head
from analytics.metadata.audit_chain import Verification
from analytics.metadata.audit_trail import AuditRecord


class AuditItem(Answer):
    """One record. People are keyed hashes: `actor`, the targets that are people, and whoever is named in `before` and `after`."""

    id: int
    at: UtcTime
    actor_kind: str
    actor: str
    action: str
    project: str | None
    project_id: str | None
    target_kind: str
    target_id: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    address: str | None
    request_id: str | None

    @staticmethod
    def of(record: AuditRecord, slug: str | None) -> "AuditItem":
        """`slug` is that of the project, if there is one still."""
        return AuditItem(
            id=record.id,
            at=record.at,
            actor_kind=record.actor_kind,
            actor=record.actor,
            action=record.action,
            project=slug,
            project_id=record.project_id,
            target_kind=record.target_kind,
            target_id=record.target_id,
            before=record.before,
            after=record.after,
            address=record.address,
            request_id=record.request_id,
        )


class AuditHead(Answer):
    """The end of the chain: keep `head` elsewhere, to find out later whether the end was cut off."""

    head: str
    seals: int

    @staticmethod
    def of(head: Head) -> "AuditHead":
        """As it is printed."""
        return AuditHead(head=str(head), seals=head.number)


FindingKind = Literal["altered", "deleted", "missing-seals", "other-key", "older-key", "unsealed", "cut-tail", "other-chain"]


class AuditFinding(Answer):
    """One thing that is wrong, at a seal (`number`) or a record."""

    kind: FindingKind
    detail: str
    number: int | None
    record_id: int | None


class AuditVerification(AuditHead):
    """What a walk along the whole chain found; `findings` are the first hundred of `wrong`."""

    intact: bool
    wrong: int
    findings: list[AuditFinding]

    @staticmethod
    def told(verification: Verification) -> "AuditVerification":
        """As it is answered."""
        return AuditVerification(
            head=str(verification.head),
            seals=verification.checked,
            intact=not verification.wrong,
            wrong=verification.wrong,
            findings=[AuditFinding.model_validate(finding) for finding in verification.findings],
        )
