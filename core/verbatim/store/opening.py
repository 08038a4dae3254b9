"""Opens the object store that a URL names: the one place that knows how credentials reach its client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from verbatim.errors import PlatformFault
from verbatim.paths import SCHEME, local_path

if TYPE_CHECKING:
    from pathlib import Path

    from obstore.store import ObjectStore

    from verbatim.stage import S3Credentials

DEFAULT_REGION = "us-east-1"


def open_object_store(url: str, credentials: S3Credentials | None = None) -> ObjectStore:
    """Open the object store that a URL names.

    Args:
        url: ``file:///directory`` (made if it is not there) or ``s3://bucket/prefix``.
        credentials: For S3; without them the ambient ones of the machine are used.

    Raises:
        PlatformFault: The URL is of no known kind.
    """
    parts, directory = urlsplit(url), local_directory(url)
    if directory:
        from obstore.store import LocalStore  # noqa: PLC0415 - opening S3 does not need it

        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PlatformFault(f"{url} cannot be made: {error.strerror}") from None
        return LocalStore(directory)
    if parts.scheme == "s3":
        return _open_s3(parts.netloc, parts.path.strip("/") or None, credentials)
    raise PlatformFault(f"a store URL begins with file:/// or s3://; got {url!r}")


def local_directory(url: str) -> Path | None:
    """Return the directory of a ``file:///`` URL; None for a URL of another kind.

    Raises:
        PlatformFault: It names no directory.
    """
    if not url.startswith(SCHEME):
        return None
    try:
        return local_path(url)
    except ValueError as error:
        raise PlatformFault(f"expected {error}; got {url!r}") from None


def _open_s3(bucket: str, prefix: str | None, credentials: S3Credentials | None) -> ObjectStore:
    """Open a bucket.

    Keys go by a provider, since obstore adds to given ones a session token that it finds in the environment.
    """
    from obstore.store import S3Store  # noqa: PLC0415 - S3 clients take time to load

    client: dict[str, Any] = {"read_timeout": "60s", "timeout": "24h"}  # large objects take their time
    if credentials is None:
        return S3Store(bucket, prefix=prefix, client_options=client)  # type: ignore[arg-type]
    endpoint = credentials.endpoint_of(bucket)
    config: dict[str, Any] = {
        "region": credentials.region or DEFAULT_REGION,
        "endpoint": endpoint,
        "virtual_hosted_style_request": credentials.is_virtual_hosted,
        "skip_signature": credentials.unsigned or None,
    }
    client |= {
        "allow_http": (endpoint or "").startswith("http://"),
        "allow_invalid_certificates": not credentials.verify,
        "root_certificate": credentials.ca_certificates,
    }
    given = {name: value for name, value in config.items() if value is not None}
    client = {name: value for name, value in client.items() if value is not None}
    keys = credentials.keys()
    provider = (lambda: keys | {"expires_at": None}) if keys else None
    return S3Store(bucket, prefix=prefix, config=given, client_options=client, credential_provider=provider)  # type: ignore[arg-type]
