"""The audit: who did what, when. The database itself refuses to change what is in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select

from verbatim.catalog.database import Database, row_as
from verbatim.catalog.tables import AuditRow, audit
from verbatim.documents import now

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection


class Audit(Database):
    """What was done."""

    def audit(self, limit: int = 100, *, subject: str | None = None) -> list[AuditRow]:
        """Return what was done, to one subject or to all, the newest first."""
        query = select(audit).order_by(audit.c.id.desc()).limit(limit)
        if subject is not None:
            query = query.where(audit.c.subject == subject)
        with self._reading() as connection:
            return [row_as(AuditRow, row) for row in connection.execute(query)]


def note(connection: Connection, actor: str, action: str, subject: str, details: Mapping[str, Any]) -> None:
    """Add to the audit within a transaction; what is there can never be changed.

    Args:
        connection: Of the transaction.
        actor: Who.
        action: Did what, as a verb.
        subject: To what: a run id, a model.
        details: JSON; no secrets.
    """
    row = {"at": now(), "actor": actor, "action": action, "subject": subject, "details": dict(details)}
    connection.execute(insert(audit).values(row))
