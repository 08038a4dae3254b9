"""Objects as of a moment, where the source keeps no earlier versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim.errors import UserFault

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from verbatim.snapshot import SourceObject


def objects_as_of(there: Sequence[SourceObject], as_of: datetime, name: str, *, field: str) -> tuple[SourceObject, ...]:
    """Return the objects that are not newer than a moment, sorted by path.

    Args:
        there: All that are there now.
        as_of: The moment.
        name: The source's, for messages.
        field: The conf field that names it.

    Raises:
        UserFault: There is none.
    """
    objects = sorted((item for item in there if item.modified_at <= as_of), key=lambda item: item.path)
    if there and not objects:
        message = (
            f"{name} holds nothing as old as the run's as_of, {as_of.isoformat()}: its objects ({len(there)}) are newer"
        )
        raise UserFault(message, field=field)
    if not objects:
        message = f"{name} holds no data; expected at least one object. Check the bucket, the prefix and its spelling"
        raise UserFault(message, field=field)
    return tuple(objects)
