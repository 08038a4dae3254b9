"""The live server, asked over HTTP while a real training runs."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass

import pytest

from verbatim_runner.live.server import LiveServer
from verbatim_runner.live.subject import Subject
from verbatim_runner.metrics.recorder import Recorder


@dataclass
class Client:
    url: str
    token: str = "token"

    def ask(self, path, body=None, *, raw=None):
        request = urllib.request.Request(self.url + path, headers={"Authorization": f"Bearer {self.token}"})
        if body is not None or raw is not None:
            request.data = raw if raw is not None else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read(), answer.headers
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read(), error.headers

    def json(self, path, body=None, **options):
        status, content, _ = self.ask(path, body, **options)
        return status, json.loads(content)


class Sink:
    """A stream that keeps what it is given."""

    def __init__(self):
        self.content = b""

    def write(self, content):
        self.content += content

    def flush(self):
        pass


@pytest.fixture
def subject(tmp_path):
    log = tmp_path / "train.log"
    log.write_text("first\nsecond\n")
    return Subject(Recorder(Sink()), log, lambda: {"step": "run_command"}, threading.Event())


@pytest.fixture
def client(subject):
    server = LiveServer(subject, "token", in_container=False)
    yield Client(server.url)
    server.close()


def test_without_the_token_nothing_is_told(client):
    client.token = "guessed"
    for path in ("/status", "/metrics", "/nowhere"):
        status, content = client.json(path)
        assert status == 401
        assert "VERBATIM_LIVE_TOKEN" in content["error"]


def test_the_status_tells_the_step_and_the_last_metrics(client, subject):
    subject.recorder.add([("loss", 0.5, 1), ("auc", float("nan"), None)], "text")
    status, content = client.json("/status")
    assert (status, content["step"], content["points"]) == (200, "run_command", 2)
    assert content["metrics"] == {"loss": 0.5, "auc": "NaN"}


def test_metrics_are_told_once_each(client, subject):
    subject.recorder.add([("loss", 0.5, 1), ("loss", 0.4, 2)], "text")
    _, first = client.json("/metrics?since=0")
    assert [point["value"] for point in first["points"]] == [0.5, 0.4]
    subject.recorder.add([("loss", 0.3, 3)], "text")
    _, second = client.json(f"/metrics?since={first['next']}")
    assert [(point["value"], point["step"], point["source"]) for point in second["points"]] == [(0.3, 3, "text")]
    assert client.json(f"/metrics?since={second['next']}")[1]["points"] == []


def test_the_log_is_told_from_any_offset(client):
    status, content, headers = client.ask("/logs?offset=6")
    assert (status, content, headers["X-Next-Offset"]) == (200, b"second\n", "13")
    assert client.ask("/logs?offset=1000")[1] == b""
    assert client.json("/logs?offset=-1")[0] == 400


@pytest.mark.parametrize(
    "body",
    [
        {"name": "auc", "value": 0.5, "step": 3},
        [{"name": "auc", "value": 0.5, "step": 3}],
        {"metrics": [{"name": "auc", "value": 0.5, "step": 3}]},
    ],
)
def test_a_training_in_any_language_may_report_metrics(client, subject, body):
    assert client.json("/metrics", body) == (202, {"accepted": 1})
    assert subject.recorder.last_values() == {"auc": 0.5}
    assert subject.recorder.summaries()["auc"].step == 3


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"name": "auc"}, "value: expected a number, got null"),
        ({"name": "auc", "value": "high"}, 'value: expected a number, got "high"'),
        ({"name": "auc", "value": True}, "value: expected a number, got true"),
        ({"value": 1}, "name: expected text"),
        ({"name": "auc", "value": 1, "step": 1.5}, "step: expected a whole number, got 1.5"),
        ({"name": "auc", "value": 1, "epoch": 1}, "unknown key 'epoch'"),
        ([{"name": "auc", "value": 1}, 3], "metric 1: expected an object"),
    ],
)
def test_a_wrong_report_is_refused_as_a_whole_in_plain_words(client, subject, body, reason):
    status, content = client.json("/metrics", body)
    assert status == 400
    assert reason in content["error"]
    assert subject.recorder.count == 0


def test_a_body_that_is_no_json_is_refused(client):
    status, content = client.json("/metrics", raw=b"auc=1")
    assert status == 400
    assert "not JSON" in content["error"]


def test_an_unknown_address_lists_the_known_ones(client):
    status, content = client.json("/metric")
    assert status == 404
    assert "GET /status" in content["error"]


def test_a_wrong_method_is_refused(client):
    assert client.ask("/cancel")[0] == 405
    assert client.ask("/status", {})[0] == 405


def test_a_cancelled_training_is_stopped_and_never_a_success(trainings):
    result = trainings.run(
        """
        import os, signal, sys, urllib.request
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        headers = {"Authorization": "Bearer " + os.environ["VERBATIM_LIVE_TOKEN"]}
        urllib.request.urlopen(urllib.request.Request(os.environ["VERBATIM_LIVE_URL"] + "/cancel", b"", headers))
        signal.pause()
        """
    )
    assert result.error.kind == "stopped"
    assert "cancelled" in result.error.message


def test_a_training_sees_its_own_metrics_and_log(trainings):
    outputs = trainings.succeed(
        """
        import json, os, time, urllib.request
        def ask(path, body=None):
            headers = {"Authorization": "Bearer " + os.environ["VERBATIM_LIVE_TOKEN"]}
            with urllib.request.urlopen(urllib.request.Request(os.environ["VERBATIM_LIVE_URL"] + path, body, headers)) as answer:
                return answer.read()
        print("step=1 loss=0.25", flush=True)
        while not json.loads(ask("/metrics?since=0"))["points"]:
            time.sleep(0.01)
        ask("/metrics", b'{"name": "mine", "value": 7, "step": 2}')
        status = json.loads(ask("/status"))
        print(json.dumps([status["step"], status["metrics"], ask("/logs?offset=0").decode()]))
        """
    )
    step, metrics, log = trainings.seen(outputs)
    assert step == "run_command"
    assert metrics["mine"] == 7
    assert log.startswith("step=1 loss=0.25\n")
    assert [(point.name, point.step) for point in trainings.points() if point.source == "http"] == [("mine", 2)]


def test_the_live_servers_address_is_in_the_store_and_its_token_is_nowhere(trainings):
    trainings.succeed("import os, pathlib; pathlib.Path('outputs').mkdir(); print(os.environ['VERBATIM_LIVE_TOKEN'])")
    store = trainings.ground.store
    live = json.loads(store.read_bytes("runs/churn-20260102T030405-abcdef/live.json"))
    assert live["url"].startswith("http://127.0.0.1:")
    assert b"***" in b"".join(store.read_bytes(key) for key in store.keys("runs") if key.endswith(".log"))


def test_a_training_that_nobody_asks_about_does_not_pay_for_django():
    script = """if 1:
        import sys, threading
        from pathlib import Path
        from verbatim_runner.live.server import LiveServer
        from verbatim_runner.live.subject import Subject
        server = LiveServer(Subject(None, Path("log"), dict, threading.Event()), "token", in_container=False)
        server.close()
        print("django" in sys.modules, "waitress" in sys.modules)
    """
    assert (
        subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
        == "False False\n"
    )


REPORT = {
    "trainerStatus": {
        "progressPercentage": 45,
        "estimatedRemainingSeconds": 120,
        "lastUpdatedTime": "2026-06-01T00:00:00+00:00",
        "metrics": [
            {"name": "loss", "value": "0.25"},
            {"name": "current_step", "value": "90"},
            {"name": "total_steps", "value": "200"},
            {"name": "phase", "value": "warm-up"},
        ],
    }
}
STATUS = "/apis/trainer.kubeflow.org/v1alpha1/namespaces/verbatim/trainjobs/churn-1/status"


def test_a_report_as_kubeflows_clients_send_it_becomes_metrics_and_progress(client, subject):
    assert client.ask(STATUS, REPORT)[0] == 200  # its clients take nothing else for success
    assert client.json("/status")[1]["progress"] == {"percentage": 45, "remaining_s": 120}
    assert subject.recorder.last_values() == {"loss": 0.25}
    assert subject.recorder.summaries()["loss"].step == 90


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"progressPercentage": 3}, 'expected {"trainerStatus": {…}}'),
        ({"trainerStatus": {"progressPercentage": 101}}, "progressPercentage: expected a number from 0 to 100"),
        ({"trainerStatus": {"estimatedRemainingSeconds": "soon"}}, "estimatedRemainingSeconds: expected a number"),
        ({"trainerStatus": {"metrics": {"loss": 1}}}, "metrics: expected a list"),
    ],
)
def test_a_wrong_report_of_kubeflows_form_is_refused_as_a_whole(client, subject, body, reason):
    status, content = client.json(STATUS, body)
    assert status == 400
    assert reason in content["error"]
    assert (subject.recorder.count, subject.progress) == (0, {})


def test_a_training_reports_as_in_a_kubeflow_job_with_what_its_variables_name(trainings):
    outputs = trainings.succeed(
        """
        import json, os, ssl, urllib.request
        certificates = ssl.create_default_context(cafile=os.environ["KUBEFLOW_TRAINER_SERVER_CA_CERT"])
        token = open(os.environ["KUBEFLOW_TRAINER_SERVER_TOKEN"]).read().strip()
        body = {"trainerStatus": {"progressPercentage": 50, "metrics": [{"name": "loss", "value": "0.5"}]}}
        request = urllib.request.Request(
            os.environ["KUBEFLOW_TRAINER_SERVER_URL"], json.dumps(body).encode(), {"Authorization": f"Bearer {token}"}
        )
        print(urllib.request.urlopen(request, context=certificates).status)
        """
    )
    assert outputs.metrics["loss"].last == 0.5
    assert trainings.log(outputs).splitlines()[-1] == "200"
