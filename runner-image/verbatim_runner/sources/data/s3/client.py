"""botocore's client of a data source's bucket, for what obstore cannot: versions, exact keys and checksums.

Also says what botocore's errors and obstore's mean. botocore is imported only where one of these is needed.
"""

from __future__ import annotations

import atexit
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from obstore.exceptions import BaseError, NotFoundError, PermissionDeniedError, UnauthenticatedError

from verbatim.errors import PlatformFault, UserFault, first_line
from verbatim.store.opening import DEFAULT_REGION
from verbatim.store.transfer import Truncated

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from verbatim.stage import S3Credentials

TRIES = 5
POOL = 32
_NOT_THERE = {"NoSuchBucket", "NoSuchKey", "NoSuchVersion", "404"}
_NOT_HERE = {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "301"}
_FORBIDDEN = {
    "AccessDenied", "AllAccessDisabled", "AccountProblem", "InvalidAccessKeyId", "SignatureDoesNotMatch", "403",
    "Forbidden", "Unauthorized",
}  # fmt: skip


def open_client(credentials: S3Credentials) -> Any:
    """Return a client that uses these credentials and nothing of the machine's configuration; threads may share it."""
    from botocore import UNSIGNED
    from botocore.config import Config
    from botocore.session import Session

    session = Session(session_vars={"profile": (None, None, None, None)})
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_moment)
    keys = credentials.keys()
    config = Config(
        signature_version=UNSIGNED if credentials.unsigned else None,
        s3={"addressing_style": "virtual" if credentials.is_virtual_hosted else "path"},
        retries={"mode": "standard", "max_attempts": TRIES},
        connect_timeout=10, read_timeout=60, max_pool_connections=POOL,
    )  # fmt: skip
    return session.create_client(
        "s3", region_name=credentials.region or DEFAULT_REGION, endpoint_url=credentials.endpoint_url, config=config,
        aws_access_key_id=keys.get("access_key_id"), aws_secret_access_key=keys.get("secret_access_key"),
        aws_session_token=keys.get("token"), verify=_verify(credentials),
    )  # fmt: skip


@contextmanager
def faults(name: str, field: str) -> Iterator[None]:
    """Raise what goes wrong with a source as one of our own errors.

    Args:
        name: The source's.
        field: The conf field that names it.

    Raises:
        UserFault: There is no such place, or the connection may not read it.
        PlatformFault: The server does not answer as it should.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        raise _of_code(error_code(error), name, field, error) from None
    except (PermissionDeniedError, UnauthenticatedError) as error:
        raise _of_code("403", name, field, error) from None
    except (NotFoundError, FileNotFoundError) as error:
        raise _of_code("404", name, field, error) from None
    except (BotoCoreError, BaseError, Truncated) as error:
        raise _of_code("", name, field, error) from None


def error_code(error: Any) -> str:
    """Return the code of a ``ClientError``, such as ``AccessDenied``."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_forbidden(error: Any) -> bool:
    """Return whether a ``ClientError`` says that the connection may not do this."""
    return error_code(error) in _FORBIDDEN


def _of_code(code: str, name: str, field: str, error: Exception) -> UserFault | PlatformFault:
    said = first_line(error)
    if code in _FORBIDDEN:
        return UserFault(f"{name} may not be read with this connection: {said}", field=field)
    if code == "NoSuchBucket":
        return UserFault(f"{name} is not there: no such bucket", field=field)
    if code in _NOT_THERE:
        return UserFault(f"{name} is not there: {said}", field=field)
    if code in _NOT_HERE:
        message = f"{name} is in another region than its connection says (region_name in its extra field): {said}"
        return UserFault(message, field=field)
    return PlatformFault(f"{name} does not answer as it should: {said}")


def _moment(text: str) -> datetime:
    """Read a timestamp; those of listings, of which there are many, in a hundredth of botocore's time."""
    from datetime import datetime

    from botocore.utils import parse_timestamp

    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return parse_timestamp(text)  # type: ignore[no-any-return]


def _verify(credentials: S3Credentials) -> bool | str | None:
    """Return botocore's setting: None for the machine's own authorities, a file for those of the connection."""
    if not credentials.verify:
        return False
    if not credentials.ca_certificates:
        return None
    with tempfile.NamedTemporaryFile("w", prefix="ca-", suffix=".pem", delete=False) as file:
        file.write(credentials.ca_certificates)
    atexit.register(Path(file.name).unlink, missing_ok=True)  # botocore reads it with each new connection
    return file.name
