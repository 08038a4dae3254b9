"""The base of every document that crosses a boundary: frozen, strict, with one canonical byte form."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core.core_schema import no_info_after_validator_function

from verbatim.errors import ContractError
from verbatim.problems import problems_of

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic_core import CoreSchema

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256, 64 lower-case hexadecimal digits")]


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("a moment that lies in the years 1 to 9999 in UTC, too") from None


@dataclass(frozen=True)
class Pattern:
    """Annotates text that must match a regular expression, and says in words what is wanted when it does not."""

    regex: str
    words: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return handler(schema) | {"pattern": self.regex}

    def _check(self, text: str) -> str:
        if not re.fullmatch(self.regex, text):
            raise ValueError(self.words)
        return text


Moment = Annotated[datetime, AfterValidator(_in_utc)]
"""A point in time; one without a zone is taken as UTC."""


def now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(tz=UTC)


class Document(BaseModel):
    """A frozen JSON document; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings", allow_inf_nan=True)

    def canonical(self) -> bytes:
        """Return the one byte form that digests are made of: UTF-8 JSON, sorted keys, no white space.

        NaN and infinite numbers, which JSON does not have, are the strings ``NaN``, ``Infinity`` and ``-Infinity``.
        """
        plain = json.loads(self.model_dump_json())
        return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()

    def content_digest(self) -> str:
        """Return the SHA-256 of the canonical form, as 64 hexadecimal digits."""
        return hashlib.sha256(self.canonical()).hexdigest()

    @classmethod
    def parse(cls, content: bytes | str, *, source: str) -> Self:
        """Read a document that the platform wrote.

        Args:
            content: JSON text.
            source: Where it came from, for the error's text.

        Raises:
            ContractError: It is not JSON or not this document.
        """
        try:
            return cls.model_validate_json(content)
        except ValidationError as error:
            first = "; ".join(str(problem) for problem in problems_of(error, cls)[:3])
            raise ContractError(f"{source} is not a readable {cls.__name__}: {first}") from None


class FileRef(Document):
    """A file of a directory, by content."""

    path: str = Field(description="relative POSIX path")
    size: int = Field(ge=0, description="bytes")
    sha256: Sha256


def tree_digest(files: tuple[FileRef, ...]) -> str:
    """Return one SHA-256 for a directory: over its files' paths and digests in path order; 64 hexadecimal digits."""
    lines = (f"{file.sha256} {file.path}\n" for file in files)
    return hashlib.sha256("".join(sorted(lines, key=lambda line: line[65:])).encode()).hexdigest()
