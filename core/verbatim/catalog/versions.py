"""Model versions and their aliases: numbers are allotted here, and an alias moves in one transaction with its audit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import insert, select, update

from verbatim.catalog.audit import note
from verbatim.catalog.database import Database, insert_once, row_as
from verbatim.catalog.tables import VersionRow, VersionStatus, aliases, model_versions, models, runs
from verbatim.documents import now
from verbatim.errors import NotFound, PlatformFault, UserFault

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


class Versions(Database):
    """Model versions and aliases."""

    def allot_version(self, name: str, run_id: str) -> int:
        """Return the version that a run's model gets: the next free one, the same whenever the run asks again.

        Raises:
            NotFound: There is no such run.
        """
        table = model_versions
        mine = select(table.c.version).where(table.c.name == name, table.c.run_id == run_id)
        with self._writing() as connection:
            if not connection.scalar(select(runs.c.run_id).where(runs.c.run_id == run_id)):
                raise NotFound(f"there is no run {run_id!r} in the catalog")
            insert_once(connection, models, {"name": name, "last_version": 0})
            model = models.c.name == name
            connection.execute(select(models).where(model).with_for_update())
            allotted: int | None = connection.scalar(mine)
            if allotted is None:
                following = update(models).where(model).values(last_version=models.c.last_version + 1)
                allotted = int(connection.execute(following.returning(models.c.last_version)).scalar_one())
                row = {"name": name, "version": allotted, "run_id": run_id, "created_at": now()}
                connection.execute(insert(table).values(row))
        return allotted

    def commit_version(self, name: str, version: int, *, digest: str, status: VersionStatus) -> None:
        """Make an allotted version visible; the same once more is fine.

        Args:
            name: The model.
            version: What ``allot_version`` gave.
            digest: Tree digest of the model's files.
            status: ``rejected`` can never be promoted.

        Raises:
            NotFound: The version was never allotted.
            PlatformFault: It is committed already, with another digest or status.
        """
        table = model_versions
        this = (table.c.name == name) & (table.c.version == version)
        with self._writing() as connection:
            connection.execute(
                update(table)
                .where(this, table.c.status.is_(None))
                .values(digest=digest, status=status, created_at=now())
            )
            row = connection.execute(select(table.c.digest, table.c.status).where(this)).one_or_none()
        if row is None:
            raise NotFound(f"version {version} of the model {name!r} was never allotted")
        if (row.digest, row.status) != (digest, status):
            raise PlatformFault(f"version {version} of the model {name!r} is there already; a version never changes")

    def versions(self, name: str | None = None) -> list[VersionRow]:
        """Return the committed versions of one model or of all, by name, the newest first."""
        table = model_versions
        query = select(table).where(table.c.status.is_not(None)).order_by(table.c.name, table.c.version.desc())
        if name is not None:
            query = query.where(table.c.name == name)
        with self._reading() as connection:
            return [row_as(VersionRow, row) for row in connection.execute(query)]

    def versions_of_runs(self, run_ids: Collection[str]) -> list[VersionRow]:
        """Return the committed versions that any of these runs made, by name and version."""
        table = model_versions
        query = select(table).where(table.c.status.is_not(None), table.c.run_id.in_(sorted(run_ids)))
        with self._reading() as connection:
            rows = connection.execute(query.order_by(table.c.name, table.c.version))
            return [row_as(VersionRow, row) for row in rows]

    def aliases(self, name: str) -> dict[str, int]:
        """Return a model's aliases and the versions that they stand for."""
        query = select(aliases.c.alias, aliases.c.version).where(aliases.c.name == name).order_by(aliases.c.alias)
        with self._reading() as connection:
            return {row.alias: row.version for row in connection.execute(query)}

    def resolve(self, name: str, selector: str | None = None) -> VersionRow:
        """Return the version that a selector names.

        Args:
            name: The model.
            selector: ``3``, ``@champion``, or None for the latest candidate.

        Raises:
            NotFound: There is none; the message tells what there is.
        """
        versions = {row.version: row for row in self.versions(name)}
        if not versions:
            raise NotFound(f"there is no model {name!r} in the catalog")
        if selector is None:
            candidates = [version for version, row in versions.items() if row.status == "candidate"]
            if not candidates:
                raise NotFound(f"the model {name!r} has no candidate: all its {len(versions)} versions were rejected")
            return versions[max(candidates)]
        known: Mapping[str, int] = {str(version): version for version in versions}
        if selector.startswith("@"):
            known = {f"@{alias}": version for alias, version in self.aliases(name).items()}
        if selector not in known:
            there = ", ".join(list(known)[:20]) or "none"
            what = "alias" if selector.startswith("@") else "version"
            raise NotFound(f"the model {name!r} has no {what} {selector!r}; there are: {there}")
        return versions[known[selector]]

    def set_alias(self, name: str, alias: str, version: int, *, actor: str, reason: str) -> None:
        """Let an alias stand for a version, and note in the audit who did it and why.

        Raises:
            NotFound: There is no such version.
            UserFault: The version is no candidate.
        """
        table = model_versions
        with self._writing() as connection:
            connection.execute(select(models).where(models.c.name == name).with_for_update())
            row = connection.execute(
                select(table).where(table.c.name == name, table.c.version == version, table.c.status.is_not(None))
            ).one_or_none()
            if row is None:
                raise NotFound(f"the model {name!r} has no version {version}")
            if row.status != "candidate":
                raise UserFault(
                    f"version {version} of the model {name!r} is {row.status}; only a candidate gets an alias"
                )
            this = (aliases.c.name == name) & (aliases.c.alias == alias)
            before = connection.scalar(select(aliases.c.version).where(this))
            if before is None:
                connection.execute(insert(aliases).values(name=name, alias=alias, version=version))
            else:
                connection.execute(update(aliases).where(this).values(version=version))
            details = {"alias": alias, "version": version, "before": before, "digest": row.digest, "reason": reason}
            note(connection, actor, "set_alias", name, details)
