from __future__ import annotations

import json
import math
import pickle
import random

import pytest

from verbatim import errors
from verbatim.documents import FileRef, tree_digest
from verbatim.errors import ContractError, RequestError, VerbatimError
from verbatim.exit_codes import ExitCode
from verbatim.gates import judge
from verbatim.metrics import MetricPoint, MetricSummary
from verbatim.problems import Problem
from verbatim.request import Gate, parse_request


def test_a_digest_does_not_depend_on_the_order_of_keys() -> None:
    one = parse_request({"code": "x", "parameters": {"a": 1, "b": 2}})
    other = parse_request({"parameters": {"b": 2, "a": 1}, "code": "x"})
    assert one.canonical() == other.canonical()
    assert one.content_digest() == other.content_digest()


def test_a_digest_changes_with_any_value() -> None:
    digests = {parse_request({"code": "x", "seed": seed}).content_digest() for seed in range(10)}
    assert len(digests) == 10


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.1])
def test_a_number_that_json_does_not_have_survives_as_valid_json(value: float) -> None:
    content = MetricPoint(name="loss", value=value, time=1.0, source="text").canonical()
    json.loads(content, parse_constant=pytest.fail)
    assert MetricPoint.parse(content, source="test").value == pytest.approx(value, nan_ok=True)


def test_a_tree_has_one_digest_whatever_the_order_of_its_files() -> None:
    files = [FileRef(path=f"{name}.bin", size=1, sha256=name * 64) for name in "abcdef"]
    shuffled = random.Random(3).sample(files, len(files))
    assert tree_digest(tuple(files)) == tree_digest(tuple(shuffled))
    renamed = (files[0].model_copy(update={"path": "z.bin"}), *files[1:])
    assert tree_digest(renamed) != tree_digest(tuple(files))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"path": "x"}', b"\xff"])
def test_a_garbled_document_is_a_contract_error_that_names_its_source(content: bytes) -> None:
    with pytest.raises(ContractError, match=r"^runs/x\.json is not a readable FileRef: "):
        FileRef.parse(content, source="runs/x.json")


def every_error() -> list[VerbatimError]:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, VerbatimError)]
    plain = [kind("it broke", field="data.x") for kind in kinds if kind is not RequestError]
    return [*plain, RequestError([Problem(field="seed", expected="a number", got="null")])]


@pytest.mark.parametrize("error", every_error(), ids=lambda error: type(error).__name__)
def test_an_error_survives_a_queue_between_processes(error: VerbatimError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert again.exit_code == error.exit_code


def test_an_error_is_fit_for_any_file_and_database() -> None:
    error = VerbatimError("the file a\0b\ud800.py", field="data.\udcff")
    assert str(error) == r"data.\udcff: the file a\x00b\ud800.py"


def test_an_error_message_is_bounded() -> None:
    assert len(str(VerbatimError("x" * 10**6))) <= errors.MAX_MESSAGE_CHARS


def test_only_faults_of_the_platform_are_worth_a_retry() -> None:
    retried = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, VerbatimError)}
    retried = {kind.__name__ for kind in retried if not kind.exit_code.is_final}
    assert retried == {"VerbatimError", "PlatformFault", "ContractError"}
    assert not ExitCode.PLATFORM_FAULT.is_final


@pytest.mark.parametrize("metrics", [{}, {"auc": math.nan}, {"auc": math.inf}, {"auc": 0.79}])
def test_a_gate_fails_on_a_value_that_is_missing_or_not_finite_or_too_low(metrics: dict[str, float]) -> None:
    (result,) = judge([Gate(metric="auc", min=0.8)], metrics)
    assert not result.passed
    assert "auc" in result.reason


def test_a_gate_passes_on_its_bound() -> None:
    (result,) = judge([Gate(metric="auc", min=0.8, max=0.8)], {"auc": 0.8})
    assert result.passed
    assert result.condition == "0.8 <= auc <= 0.8"


def test_a_summary_keeps_nan_as_last_value_and_out_of_the_bounds() -> None:
    points = [MetricPoint(name="loss", value=value, time=0, source="text") for value in (2.0, 1.0, math.nan)]
    summary = MetricSummary.start(points[0]).add(points[1]).add(points[2])
    assert math.isnan(summary.last)
    assert (summary.min, summary.max, summary.count) == (1.0, 2.0, 3)
