from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from verbatim.data.templates import Values, fill_text, names_in, values_of
from verbatim.errors import RequestError
from verbatim.request import parse_request

AS_OF = datetime(2026, 11, 20, 4, 5, 6, 7, tzinfo=UTC)
START, END = datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC)
PARAMETERS = {
    "region": "münchen west", "day": 7, "share": 0.5, "fast": True, "none": None, "days": [1], "deep": {"er": {"x": "y"}},
}  # fmt: skip
VALUES = Values(AS_OF, START, END, PARAMETERS)


def filled(text: str, values: Values = VALUES) -> str:
    return fill_text(text, values, field="data.a.s3.uri")


def refusal(text: str, values: Values = VALUES) -> str:
    with pytest.raises(RequestError) as raised:
        filled(text, values)
    assert {problem.field for problem in raised.value.problems} == {"data.a.s3.uri"}
    return str(raised.value)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ interval_start | ds }}", "2026-01-02"),
        ("{{interval_end|ds_nodash}}", "20260103"),
        ("{{ as_of | hour }}", "04"),
        ("{{ as_of | ts }}", "2026-11-20T04:05:06.000007+00:00"),
        ("{{ as_of }}", "2026-11-20T04:05:06.000007+00:00"),
        ("{{ as_of | date }}", "2026-11-20"),
        ("{{ as_of | format('%Y/%m/%d/%H') }}", "2026/11/20/04"),
        ('{{ as_of | format("y=%Y d=%j") }}', "y=2026 d=324"),
        ("{{ interval_start | minus(1d) | ds }}", "2026-01-01"),
        ("{{ as_of | plus(20h) | ds_nodash }}", "20261121"),
        ("{{ parameters.region }}", "münchen west"),
        ("{{ parameters.day }}-{{ parameters.share }}-{{ parameters.fast }}", "7-0.5-true"),
        ("{{ parameters.deep.er.x }}", "y"),
        ("no template } } { {", "no template } } { {"),
    ],
)
def test_a_template_becomes_the_value_that_it_names(template: str, text: str) -> None:
    assert filled(f"s3://lake/a={template}/*/b?c") == f"s3://lake/a={text}/*/b?c"


def test_moments_are_told_in_utc() -> None:
    local = AS_OF.astimezone(timezone(timedelta(hours=-9)))
    assert filled("{{ as_of | ds }} {{ as_of | hour }}", Values(local, START, END, {})) == "2026-11-20 04"


def test_early_years_keep_their_four_digits() -> None:
    early = datetime(33, 4, 3, tzinfo=UTC)
    assert filled("{{ as_of | format('%Y') }}/{{ as_of | ds }}", Values(early, START, END, {})) == "0033/0033-04-03"


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{{ as_off }}", "as_of, interval_start, interval_end, parameters.region"),
        ("{{ parameters }}", "as_of, interval_start"),
        ("{{ parameters.nope }}", "parameters.region"),
        ("{{ parameters.region.x }}", "parameters.region"),
        ("{{ parameters.__class__ }}", "'parameters.__class__'"),
        ("{{ as_of.year }}", "'as_of.year'"),
        ("{{ values.as_of }}", "'values.as_of'"),
        ("{{ as_of | upper }}", "ds, ds_nodash, ts, date, hour, format, minus, plus"),
        ("{{ parameters.day | ds }}", "a moment before the filter 'ds'"),
        ("{{ as_of | ds | plus(1d) }}", "a moment before the filter 'plus'"),
        ("{{ as_of | ds(1) }}", "nothing in parentheses"),
        ("{{ as_of | minus(1) }}", "duration"),
        ("{{ as_of | minus }}", "duration"),
        ("{{ as_of | format('%s') }}", "%Y %m %d"),
        ("{{ as_of | format('..') }}", "%Y %m %d"),
        ("{{ as_of | format }}", "%Y %m %d"),
        ("{{ as_of + 1 }}", "a template such as"),
        ("{{ as_of()", "a template such as"),
        ("{{ }}", "a template such as"),
        ("{{ 'x' }}", "a template such as"),
        ("{{ {{ as_of }} }}", "a template such as"),
        ("{{ lipsum.__globals__['os'].popen('id').read() }}", "a template such as"),
        ("{{ as_of" + " " * 100_000 + "}}", "a template such as"),
    ],
)  # fmt: skip
def test_what_is_no_template_is_refused_with_what_there_is(template: str, told: str) -> None:
    assert told in refusal(f"s3://lake/{template}/")


def test_a_moment_before_all_years_is_refused() -> None:
    first = datetime(1, 1, 1, tzinfo=UTC)
    assert "minus" in refusal("s3://lake/{{ as_of | minus(1d) | ds }}", Values(first, START, END, {}))


@pytest.mark.parametrize(
    "value",
    ["..", ".", "", " ", "a/b", "../x", "/etc", "a\\b", "%2e%2e", "%2F", "*", "a?b", "a#b", "a\nb", "a\0b", "[x]",
     "{{ as_of }}", "a'b", 'a"b', "`id`", "\u202e", "\u200b", "\u2028", None, [1], {"x": 1}],
)  # fmt: skip
def test_a_value_that_may_lead_to_another_place_is_refused(value: object) -> None:
    values = Values(AS_OF, START, END, {"region": value})
    refusal("s3://lake/{{ parameters.region }}/", values)


@pytest.mark.parametrize("uri", ["s3://{{ parameters.region }}/x", "s3://lake-{{ as_of | ds }}/", "file://{{ as_of }}"])
def test_the_bucket_or_host_is_no_template(uri: str) -> None:
    assert "a bucket or host that is written out" in refusal(uri)


def test_everything_wrong_is_told_at_once() -> None:
    told = refusal("s3://lake/{{ nope }}/{{ as_of | nope }}/{{ parameters.none }}")
    assert told.startswith("The conf has 3 problems")


def test_the_names_of_a_text_are_known() -> None:
    assert names_in("a {{ as_of | ds }} {{ parameters.x.y }} {{as_of}}", field="f") == {"as_of", "parameters.x.y"}


def test_a_run_without_an_interval_has_its_as_of_for_both_ends() -> None:
    request = parse_request({"code": "/x", "as_of": "2026-11-20", "parameters": {"a": 1}})
    day = datetime(2026, 11, 20, tzinfo=UTC)
    assert values_of(request, moment=AS_OF, interval=None) == Values(day, day, day, {"a": 1})
    assert values_of(request, moment=AS_OF, interval=(START, END)) == Values(day, START, END, {"a": 1})
