"""Package indexes that the conf names besides the platform's own, and how they are logged into.

The conf's come first, and uv takes a package from the first index that has its name, whatever versions the others have:
nobody can publish a private package's name elsewhere and be preferred.

A login reaches uv in a file of uv's own form, in a directory of one call that only the builder reads, and counts for
that scheme, host and port alone. It is in no URL, argument, variable, cache or lock.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from verbatim.errors import PlatformFault, UserFault

if TYPE_CHECKING:
    from pathlib import Path

    from verbatim.request import PackageIndex
    from verbatim_runner.stage_context import StageContext

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def index_arguments(context: StageContext) -> tuple[str, ...]:
    """Return uv's arguments for the conf's indexes, first ones first."""
    return tuple(part for index in context.request.spec.environment.indexes for part in ("--index", index.url))


def private_indexes(context: StageContext) -> tuple[PackageIndex, ...]:
    """Return the conf's indexes that need a login."""
    return tuple(index for index in context.request.spec.environment.indexes if index.connection)


def write_logins(context: StageContext, directory: Path) -> dict[str, str]:
    """Write the logins of the conf's indexes for one call of uv.

    Args:
        context: The stage's.
        directory: Of that call; given to the builder afterwards, and gone after it.

    Returns:
        The environment variables that tell uv of them; none where there is no login.

    Raises:
        UserFault: An index would be sent a password in the clear.
        PlatformFault: The orchestrator did not hand a login over.
    """
    private = private_indexes(context)
    if not private:
        return {}
    store = directory / "logins"
    store.mkdir(mode=0o700)
    file = store / "credentials.toml"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write("\n".join(_entry(context, index) for index in private))
    for path in (store, file):
        context.isolation.give_to_builder(path)
    return {"UV_CREDENTIALS_DIR": str(store)}


def _entry(context: StageContext, index: PackageIndex) -> str:
    """Return one login as uv keeps it (``uv auth login``); JSON's strings are TOML's."""
    login = context.secrets.logins.get(index.connection or "")
    if login is None:
        raise PlatformFault(f"the connection {index.connection!r} was not handed to the stage")
    url = urlsplit(index.url)
    if url.scheme != "https" and url.hostname not in _LOOPBACK:
        raise UserFault(
            f"expected an https:// URL where a connection is named; got {index.url}", field="environment.indexes"
        )
    password = login.password.get_secret_value() if login.password else ""
    values = {
        "service": f"{url.scheme}://{url.netloc}/",
        "username": login.username or "__token__",
        "scheme": "basic",
        "password": password,
    }
    return "[[credential]]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())
