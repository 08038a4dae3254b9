from __future__ import annotations

import logging
import pickle

import pytest
from airflow.sdk.exceptions import AirflowFailException

from verbatim.errors import ContractError, GateFailed, PlatformFault, RequestError, Stopped, UserFault
from verbatim.problems import Problem
from verbatim_operators.failures import failures_told

log = logging.getLogger("task")
PROBLEMS = [
    Problem(field="seed", expected="a number", got="'x'"),
    Problem(field="code", expected="a value", got="nothing"),
]


@pytest.mark.parametrize(
    "error",
    [UserFault("no such command", field="command"), GateFailed("auc"), Stopped("cancelled"), RequestError(PROBLEMS)],
)
def test_a_final_error_is_told_first_and_not_retried(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(AirflowFailException, match=str(error)[:20]), failures_told(log):
        raise error
    assert caplog.messages[0] == str(error)
    assert caplog.records[0].exc_info is None


@pytest.mark.parametrize("error", [PlatformFault("the store is away"), ContractError("no result")])
def test_a_fault_of_the_platform_is_told_first_and_retried(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(PlatformFault), failures_told(log):
        raise error
    assert caplog.messages == [str(error)]


@pytest.mark.parametrize("error", [UserFault("x", field="f"), RequestError(PROBLEMS), PlatformFault("y")])
def test_what_is_raised_survives_an_executors_queue(error: Exception) -> None:
    with pytest.raises((AirflowFailException, PlatformFault)) as caught, failures_told(log):
        raise error
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
