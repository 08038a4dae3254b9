"""What every data source can do: list its objects and copy one. It knows nothing of snapshots or the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from verbatim.snapshot import SourceObject


class DataSource(Protocol):
    """Where a channel's files come from.

    Attributes:
        uri: As the conf names it.
        field: The conf field that names it, for messages.
    """

    uri: str
    field: str

    def objects(self) -> list[SourceObject]:
        """Return everything that is there now, of whatever age; ``path`` is relative to the source's prefix.

        Raises:
            UserFault: There is no such place, or it may not be read.
        """
        ...

    def copy(self, item: SourceObject, target: Path) -> None:
        """Copy one object to a new file. Called from several threads at once.

        Raises:
            UserFault: The object is not any more what was listed.
        """
        ...
