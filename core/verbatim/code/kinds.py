"""The list of kinds of code, and which one a conf's code is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from verbatim.code import archive, directory, file, repository
from verbatim.code.places import is_remote_file
from verbatim.errors import PlatformFault, RequestError, UserFault

if TYPE_CHECKING:
    from verbatim.code.pinning import Pinning
    from verbatim.spec import PinnedCode


class Kind(Protocol):
    """A module of one kind of code."""

    def applies(self, url: str) -> bool:
        """Return whether a URL is of this kind."""

    def pin(self, pinning: Pinning) -> PinnedCode:
        """Bring the code to one fixed state; raises as ``pin_code`` does."""


KINDS: tuple[Kind, ...] = (archive, file, repository, directory)
"""The first that applies to a URL is its kind; the last one applies to all and names what there is."""


def pin_code(pinning: Pinning) -> PinnedCode:
    """Bring a conf's code to one fixed state.

    Raises:
        RequestError: The code is not there, may not be read, or is not what its name says.
        UserFault: Likewise, with the field at fault.
        PlatformFault: The store, or a server that was reached, does not work as it should.
    """
    kind = next(kind for kind in KINDS if kind.applies(pinning.code.url))
    if kind is not repository or not is_remote_file(pinning.code.url):
        return kind.pin(pinning)
    try:
        return repository.pin(pinning)
    except RequestError as no_repository:
        return _pin_as_archive(pinning, no_repository)


def _pin_as_archive(pinning: Pinning, no_repository: RequestError) -> PinnedCode:
    """Take what a web server has where no git repository is for an archive, whatever it is called (``…/zip/main``)."""
    try:
        return archive.pin(pinning)
    except (UserFault, PlatformFault):
        raise no_repository from None
