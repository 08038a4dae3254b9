from __future__ import annotations

from typing import Any

import pytest

from verbatim.request import RunRequest, parse_request
from verbatim_operators.form import train_params


def defaults() -> dict[str, Any]:
    """What Airflow's form sends when nothing but the code is filled in: every field's value."""
    return {name: param.value for name, param in train_params().items()} | {"code": "https://git.example/churn.git"}


def test_every_key_of_the_conf_is_a_field_and_no_other() -> None:
    assert set(train_params()) == set(RunRequest.model_fields)


def test_the_forms_defaults_mean_what_no_conf_at_all_means() -> None:
    assert parse_request(defaults()) == parse_request({"code": "https://git.example/churn.git"})


def test_an_emptied_field_means_not_given_and_an_emptied_model_no_model() -> None:
    emptied = dict.fromkeys(train_params()) | {"code": "https://git.example/churn.git"}
    assert parse_request(emptied) == parse_request({"code": "https://git.example/churn.git", "model": None})


@pytest.mark.parametrize("value", ["text", "-1g", 5, -1, 2.5, True, [], [1, "x"], {}, {"unknown": [1]}])
@pytest.mark.parametrize("name", RunRequest.model_fields)
def test_airflow_lets_every_value_through_to_pin(name: str, value: Any) -> None:
    assert train_params()[name].resolve(value) == value


@pytest.mark.parametrize("name", sorted(set(RunRequest.model_fields) - {"code"}))
def test_no_field_but_the_code_must_be_filled_in(name: str) -> None:
    assert train_params()[name].resolve(None) is None


def test_the_code_is_asked_for_first_and_in_plain_sight() -> None:
    first, param = next(iter(train_params().items()))
    assert first == "code"
    assert "section" not in param.schema


def test_fields_are_explained() -> None:
    for name, param in train_params().items():
        assert len(param.schema["description_md"]) > len(name) + 10, name
