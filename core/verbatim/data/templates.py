"""Templates in a conf: ``{{ interval_start | ds }}`` names one of a run's values, and nothing else.

A name and filters, looked up: there are no expressions, and nothing is evaluated. Texts such as URIs are filled here;
queries never are, ``verbatim.data.query`` binds the same values to them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from verbatim.errors import RequestError
from verbatim.problems import Problem, shown
from verbatim.quantities import parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from verbatim.request import RunRequest

TEMPLATE = r"\{\{[^{}]{0,200}\}\}"
MOMENTS = ("as_of", "interval_start", "interval_end")

_FILTER = r"\|\s*(\w+)\s*(?:\(\s*('[^'()|]*'|\"[^\"()|]*\"|[^'\"()|]*?)\s*\))?\s*"
_INNER = re.compile(rf"\s*([^\s|(){{}}'\"]+)\s*((?:{_FILTER})*)")
_UNFIT = frozenset("/\\%*?#[]{}'\"`")
_FORMAT = re.compile(r"(?:%[YmdHMSj]|[\w/.=:+ -])+")
_DIRECTIVES = {"Y": "04d", "m": "02d", "d": "02d", "H": "02d", "M": "02d", "S": "02d", "j": "03d"}


@dataclass(frozen=True)
class Values:
    """What templates may name.

    Attributes:
        as_of: The moment that the run's data is as of.
        interval_start: Where the schedule's interval begins; as_of without a schedule.
        interval_end: Where it ends.
        parameters: The run's parameters.
    """

    as_of: datetime
    interval_start: datetime
    interval_end: datetime
    parameters: Mapping[str, Any]


def values_of(request: RunRequest, *, moment: datetime, interval: tuple[datetime, datetime] | None) -> Values:
    """Return what a run's templates may name.

    Args:
        request: The conf.
        moment: The run's own time, which data is as of unless the conf says otherwise.
        interval: The schedule's, from and to; as_of for both where the run has none.
    """
    as_of = request.as_of or moment
    start, end = interval or (as_of, as_of)
    return Values(as_of, start, end, request.parameters)


@dataclass(frozen=True)
class Template:
    """One ``{{ … }}`` in a text.

    Attributes:
        start: Its first character's place in the text.
        end: The place after its last one.
        name: What it names, such as ``as_of`` or ``parameters.region``.
        filters: Their names, each with what stands in its parentheses.
        written: Itself, for messages.
    """

    start: int
    end: int
    name: str
    filters: tuple[tuple[str, str], ...]
    written: str

    @property
    def names_a_moment(self) -> bool:
        """Whether it depends on when the run's data is as of."""
        return self.name in MOMENTS


def names_in(text: str, *, field: str) -> frozenset[str]:
    """Return what a text's templates name, such as ``as_of`` or ``parameters.region``.

    Raises:
        RequestError: A template of the text cannot be read.
    """
    return frozenset(template.name for template in templates_in(text, field=field))


def templates_in(text: str, *, field: str) -> tuple[Template, ...]:
    """Return the templates of a text, in order.

    Args:
        text: Any text.
        field: The conf field that it is from.

    Raises:
        RequestError: A ``{{`` begins none, or one cannot be read; with all of them.
    """
    found, problems = list[Template](), list[Problem]()
    for match in re.finditer(rf"{TEMPLATE}|\{{\{{", text):
        inner = _INNER.fullmatch(match[0][2:-2])
        if inner:
            filters = tuple((name, argument.strip("'\"")) for name, argument in re.findall(_FILTER, inner[2]))
            found.append(Template(match.start(), match.end(), inner[1], filters, match[0]))
        else:
            expected = "a template such as {{ as_of }}, {{ interval_start | ds }} or {{ parameters.region }}"
            came = f"{shown(text[match.start() : match.start() + 40])} at {position(text, match.start())}"
            problems.append(Problem(field=field, expected=expected, got=came))
    if problems:
        raise RequestError(problems)
    return tuple(found)


def value_of(template: Template, values: Values, *, field: str) -> Any:
    """Return what a template stands for: a moment, a date or text made of one, or a parameter as the conf has it.

    Args:
        template: Of a text.
        values: The run's.
        field: The conf field that the text is from.

    Raises:
        RequestError: There is nothing of the name, no such filter, or it does not fit the value.
    """
    value = _named(template, values, field)
    for name, argument in template.filters:
        made = _FILTERS.get(name)
        if made is None:
            known = ", ".join(_FILTERS)
            raise _problem(field, f"a filter that there is ({known})", f"{name!r} in {template.written}")
        if not isinstance(value, datetime):
            raise _problem(field, f"a moment before the filter {name!r}", f"{shown(value)} in {template.written}")
        try:
            value = made(value, argument)
        except (ValueError, OverflowError) as error:
            raise _problem(field, f"{error} for the filter {name!r}", template.written) from None
    return value


def fill_text(text: str, values: Values, *, field: str) -> str:
    """Return a text such as a URI with its templates filled in.

    A value becomes a name in the text and nothing more: one that would name another place is refused.

    Args:
        text: What the conf has.
        values: The run's.
        field: The conf field that the text is from.

    Raises:
        RequestError: A template cannot be filled, or must not be; with all of them.
    """
    filled, end, problems = list[str](), 0, list[Problem]()
    authority = re.match(r"\w+://[^/]*", text)
    for template in templates_in(text, field=field):
        try:
            if authority and template.start < authority.end():
                raise _problem(field, "a bucket or host that is written out", template.written)
            filled += [text[end : template.start], _as_name(template, values, field)]
        except RequestError as error:
            problems += error.problems
        end = template.end
    if problems:
        raise RequestError(problems)
    return "".join([*filled, text[end:]])


def position(text: str, place: int) -> str:
    """Return where a place in a text is, in words, such as ``line 3, column 12``."""
    before = text[:place]
    return f"line {before.count(chr(10)) + 1}, column {place - (before.rfind(chr(10)) + 1) + 1}"


def _named(template: Template, values: Values, field: str) -> Any:
    if template.names_a_moment:
        return getattr(values, template.name).astimezone(UTC)
    first, *steps = template.name.split(".")
    value: Any = values.parameters
    for step in steps:
        if not isinstance(value, Mapping) or step not in value:
            break
        value = value[step]
    else:
        if first == "parameters" and steps:
            return value
    known = ", ".join([*MOMENTS, *(f"parameters.{name}" for name in values.parameters)])
    raise _problem(field, f"a name that there is ({known})", f"{template.name!r} in {template.written}")


def _as_name(template: Template, values: Values, field: str) -> str:
    """Return a template's value as a part of a path; only the conf's own text around it may say where that leads."""
    value = value_of(template, values, field=field)
    if value is None or (isinstance(value, Mapping | Sequence) and not isinstance(value, str)):
        raise _problem(field, "text, a number, true or false, or a moment", f"{shown(value)} for {template.written}")
    if isinstance(value, bool):
        return str(value).lower()
    text = value.isoformat() if isinstance(value, date) else str(value)
    unfit = sorted({char for char in text if char in _UNFIT or not char.isprintable()})
    if template.names_a_moment:
        unfit = [char for char in unfit if char != "/"]  # of the conf's own format, never of a value
    if unfit or not text.strip(". "):
        expected = "a value that is a name, without / \\ % * ? # brackets, quotes and control characters"
        raise _problem(field, expected, f"{shown(text)} for {template.written}")
    return text


def _formatted(moment: datetime, wanted: str) -> str:
    if not _FORMAT.fullmatch(wanted) or ".." in wanted:
        raise ValueError(r"a format in quotes such as '%Y/%m/%d', of %Y %m %d %H %M %S %j")
    fields = dict(zip("YmdHMS", moment.timetuple(), strict=False)) | {"j": moment.timetuple().tm_yday}
    return re.sub("%(.)", lambda match: format(fields[match[1]], _DIRECTIVES[match[1]]), wanted)


def _plain(made: Callable[[datetime], Any]) -> Callable[[datetime, str], Any]:
    def checked(moment: datetime, argument: str) -> Any:
        if argument:
            raise ValueError("nothing in parentheses")
        return made(moment)

    return checked


_FILTERS: dict[str, Callable[[datetime, str], Any]] = {
    "ds": _plain(lambda moment: moment.date().isoformat()),
    "ds_nodash": _plain(lambda moment: moment.date().isoformat().replace("-", "")),
    "ts": _plain(datetime.isoformat),
    "date": _plain(datetime.date),
    "hour": _plain(lambda moment: f"{moment.hour:02d}"),
    "format": _formatted,
    "minus": lambda moment, amount: moment - parse_duration(amount),
    "plus": lambda moment, amount: moment + parse_duration(amount),
}


def _problem(field: str, expected: str, got: str) -> RequestError:
    return RequestError([Problem(field=field, expected=expected, got=got)])
