"""The API by its client, on a real port: answers equal to the model's own, and every refusal."""

import json
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from running_app import Running, eventually, hostile, recording, running, small_export

from pipeline import load_model
from pipeline.app import gate, patience, schema
from pipeline.app.limits import Limits

FORM = {"Content-Type": "multipart/form-data; boundary=xx"}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return load_model(small_export(tmp_path_factory.mktemp("model")))


@pytest.fixture(scope="module")
def temporary(tmp_path_factory):
    """The folder of temporary files, for whoever wants to see what is left there."""
    folder, before = tmp_path_factory.mktemp("temporary"), tempfile.tempdir
    tempfile.tempdir = str(folder)
    yield folder
    tempfile.tempdir = before


@pytest.fixture(scope="module")
def served(model, temporary):
    with running({"mine": model}, Limits(bytes=1 << 20, seconds=5, per_minute=None)) as known:
        yield known


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def wanted(model, content, tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    return dict(zip(model.classes, model.predict_proba(path).tolist(), strict=True))


def test_an_answer_is_the_models_own(served, model, temporary, tmp_path):
    content, flac = recording(), recording(form="FLAC")
    answers = [
        served.ask(content),
        served.ask(content, headers={"Content-Type": "audio/wav"}),
        served.ask(flac, params={"model": "mine", "segments": "false"}),
        served.client.post("/api/predict", files={"file": ("../../etc/x.wav", content)}),
    ]
    assert [answer.status_code for answer in answers] == [200] * 4
    for sent, answer in zip((content, content, flac, content), answers, strict=True):
        assert answer.json()["probabilities"] == wanted(model, sent, tmp_path)
    assert files(temporary) == []


def test_a_long_recording_is_answered_over_time_if_it_is_asked_for(served):
    content = recording(4.25)
    assert len(served.ask(content).json()["segments"]) == 3
    assert served.ask(content, params={"segments": "false"}).json()["segments"] == []


def test_what_there_is(served, model):
    assert served.client.get("/api/health").json() == {"status": "ok"}
    known = served.client.get("/api/models").json()
    assert known["models"]["mine"]["classes"] == model.classes
    assert known["limits"] == {"bytes": 1 << 20, "seconds": 5, "per_minute": None}
    paths = served.client.get("/api/openapi.json").json()["paths"]
    assert {*paths} == {"/api/health", "/api/models", "/api/predict"}
    assert {"200", "400", "403", "404", "408", "413", "415", "422", "429", "500", "503"} == {
        *paths["/api/predict"]["post"]["responses"]
    }
    docs = served.client.get("/api/docs").text
    assert f"curl -F file=@speech.wav {served.address.url}/api/predict" in docs
    assert "/api/predict?model=mine&amp;" in docs
    assert "http" not in docs.replace(served.address.url, "")
    assert "POST /api/predict" in docs
    assert "segments[].voiced" in docs


def test_answers_are_as_their_schema_says(served):
    answers = {
        schema.Prediction: served.ask(recording(4.25)),
        schema.Models: served.client.get("/api/models"),
        schema.Health: served.client.get("/api/health"),
        schema.Error: served.ask(b""),
    }
    for known, answer in answers.items():
        known.model_validate_json(answer.content)
    said = served.client.get("/api/openapi.json").json()["paths"]["/api/predict"]["post"]["responses"]
    names = {status: each["content"]["application/json"]["schema"]["$ref"] for status, each in said.items()}
    assert names.pop("200").endswith("/Prediction")
    assert {name.rpartition("/")[2] for name in names.values()} == {"Error"}


def test_every_answer_keeps_other_hosts_out(served):
    headers = served.client.get("/api/health").headers
    assert headers["content-security-policy"].startswith("default-src 'self'; ")
    assert headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("name", hostile())
def test_what_is_no_recording(served, temporary, name):
    answer = served.ask(hostile()[name])
    assert answer.status_code == 422
    (error,) = answer.json().values()
    assert error.startswith("recording: ")
    assert "/" not in error.replace("header says", "")
    assert "\n" not in error
    assert files(temporary) == []


@pytest.mark.parametrize(
    ("status", "says", "options"),
    [
        (422, "nothing came", {"content": b""}),
        (422, "no file in its field 'file'", {"files": {"sound": ("a.wav", recording())}}),
        (422, "the form's 'file' is no file; with curl, give -F file=@", {"files": {"file": (None, "hello")}}),
        (400, "the form cannot be read (", {"content": b"hello", "headers": {"Content-Type": "multipart/form-data"}}),
        (400, "the form cannot be read (", {"content": recording(), "headers": FORM}),
        (422, "segments: ", {"content": recording(), "params": {"segments": "perhaps"}}),
        (422, "'window' is no parameter; there are model and seg", {"content": recording(), "params": {"window": "1"}}),
        (415, "the body is application/json", {"json": {}}),
        (404, "no model 'mime' (did you mean 'mine'?); known: mine", {"content": b"", "params": {"model": "mime"}}),
        (413, "longer than 5 s", {"content": recording(5.5)}),
        (422, "recording: is too short (0.099 s); give at least 0.1 s", {"content": recording(0.099)}),
        (422, "recording: is silent; ", {"content": recording(pitch=0)}),
        (413, "more than 1 MiB", {"content": bytes((1 << 20) + 1)}),
        (413, "more than 1 MiB", {"content": iter([bytes(1 << 19)] * 3)}),
        (413, "more than 1 MiB", {"files": {"file": ("a.wav", bytes(1 << 20))}}),
        (403, "other sites cannot use", {"content": recording(), "headers": {"Origin": "http://evil.example"}}),
        (403, "other sites cannot use", {"content": recording(), "headers": {"Origin": "null"}}),
        (403, "other sites cannot use", {"content": recording(), "headers": {"Sec-Fetch-Site": "cross-site"}}),
        (403, "not known by that name", {"content": recording(), "headers": {"Host": "evil.example:7860"}}),
    ],
)
def test_refusals(served, temporary, status, says, options):
    answer = served.client.post("/api/predict", **options)
    assert answer.status_code == status
    assert [*answer.json()] == ["error"]
    assert says in answer.json()["error"]
    assert files(temporary) == []
    assert served.ask(recording()).status_code == 200


@pytest.fixture(scope="module")
def with_page(model, temporary):
    with running({"mine": model}, with_page=True) as known:
        yield known


@pytest.mark.parametrize(
    ("method", "path", "status", "allowed"),
    [
        ("GET", "/api/nothing", 404, None),
        ("POST", "/api/", 404, None),
        ("GET", "/api/predict", 405, "POST"),
        ("DELETE", "/api/predict", 405, "POST"),
        ("BREW", "/api/predict", 405, "POST"),
        ("POST", "/api/health", 405, "GET"),
        ("POST", "/api/openapi.json", 405, "GET, HEAD"),
    ],
)
@pytest.mark.parametrize("where", ["served", "with_page"])
def test_errors_of_http_are_json_too(request, where, method, path, status, allowed):
    answer = request.getfixturevalue(where).client.request(method, path)
    assert (answer.status_code, [*answer.json()], answer.headers.get("allow")) == (status, ["error"], allowed)


def test_a_tunnel_has_another_port(served):
    assert served.client.get("/api/health", headers={"Host": "localhost:8080"}).status_code == 200


def test_the_pages_own_scripts_may_ask(served):
    origin = {"Origin": served.address.url, "Sec-Fetch-Site": "same-origin"}
    assert served.ask(recording(), headers=origin).status_code == 200


def test_a_length_that_is_a_lie(served):
    """More than was said is not read as the body, and less is not waited for longer than the client stays."""
    head = f"POST /api/predict HTTP/1.1\r\nHost: 127.0.0.1:{served.address.port}\r\nContent-Length: "
    with served.connection() as connection:
        connection.sendall(f"{head}5\r\n\r\n".encode() + recording())
        assert b"422" in connection.recv(1 << 16)
    with served.connection() as connection:
        connection.sendall(f"{head}{10**12}\r\n\r\n".encode())
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 413 ")
    with served.connection() as connection:
        connection.sendall(f"{head}100000\r\n\r\n".encode() + recording()[:500])
    assert served.ask(recording()).status_code == 200


def test_a_client_that_is_slow(served, temporary, monkeypatch):
    monkeypatch.setattr(gate, "BODY_SECONDS", 0.3)
    monkeypatch.setattr(patience, "HEAD_SECONDS", 0.3)
    with served.connection() as connection:
        assert connection.recv(1) == b""
    with served.connection() as connection:
        connection.sendall(b"GET /api/health HTTP/1.1\r\nHost")
        assert connection.recv(1) == b""
    head = f"POST /api/predict HTTP/1.1\r\nHost: 127.0.0.1:{served.address.port}\r\nContent-Length: 99\r\n\r\nRIFF"
    with served.connection() as connection:
        connection.sendall(head.encode())
        assert b"408" in connection.recv(1 << 16)
    assert files(temporary) == []


def begun(served, size=60_000):
    """A connection that has sent three bytes of a recording."""
    connection = served.connection()
    head = f"POST /api/predict HTTP/1.1\r\nHost: 127.0.0.1:{served.address.port}\r\nContent-Length: {size}\r\n\r\n"
    connection.sendall(f"{head}RIF".encode())
    return connection


def test_slow_clients_hold_no_places(model):
    with running({"mine": model}, Limits(concurrency=1, waiting=1, per_minute=None)) as known:
        slow = [begun(known) for _ in range(6)]
        assert [known.ask(recording()).status_code for _ in range(3)] == [200] * 3
        for connection in slow:
            connection.close()


def test_bytes_that_arrive_at_once_are_counted_until_they_are_answered(model):
    size = len(recording())
    with running({"mine": model}, Limits(bytes=size, concurrency=1, waiting=1, per_minute=None)) as known:
        slow = [begun(known, size) for _ in range(2)]
        for connection in slow:
            connection.sendall(recording()[3:-1])
        full = known.ask(recording())
        assert (full.status_code, full.headers["retry-after"], [*full.json()]) == (503, "2", ["error"])
        for connection in slow:
            connection.close()
        eventually(lambda: known.ask(recording()).status_code == 200)


def test_an_address_with_too_many_connections_keeps_no_others_out(served, monkeypatch):
    monkeypatch.setattr(patience, "CONNECTIONS_EACH", 4)
    idle = [served.connection() for _ in range(6)]
    another = httpx.HTTPTransport(local_address="127.0.0.2")
    with (
        httpx.Client(base_url=served.address.url) as same,
        httpx.Client(base_url=served.address.url, transport=another) as other,
    ):
        refused = same.get("/api/health")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
        assert refused.json() == {"error": "too many connections; ask again"}
        assert refused.headers["content-security-policy"]
        assert other.get("/api/health").status_code == 200
    for connection in idle:
        connection.close()


@pytest.mark.parametrize(
    "request_",
    [b"no HTTP\r\n\r\n", b"POST /api/predict HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nno chunk\r\n"],
)
def test_what_is_no_http_is_told_in_the_form_of_all_errors(served, capfd, request_):
    with served.connection() as connection:
        connection.sendall(request_.replace(b"Host: h", f"Host: 127.0.0.1:{served.address.port}".encode()))
        answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {"error": "Invalid HTTP request received."}
    assert served.ask(recording()).status_code == 200
    assert capfd.readouterr().err == ""


def test_many_at_once_get_their_own_answers(served, model, tmp_path):
    contents = [recording(0.4 + 0.02 * i, 150 + 60 * i) for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = [*pool.map(lambda content: Running(served.address).ask(content).json(), contents)]
    for content, answer in zip(contents, answers, strict=True):
        assert answer["probabilities"] == wanted(model, content, tmp_path)


def test_an_address_that_asks_too_often(model):
    with running({"mine": model}, Limits(per_minute=2)) as known:
        answers = [known.ask(recording()) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 30
        assert known.client.get("/api/health").status_code == 200


def test_no_more_wait_than_there_are_places(model, temporary, monkeypatch):
    go = threading.Event()
    explain = model.explain

    def slow(*given):
        assert go.wait(20)
        return explain(*given)

    monkeypatch.setattr(model, "explain", slow)
    with running({"mine": model}, Limits(concurrency=1, waiting=1, per_minute=None)) as known:
        with ThreadPoolExecutor(2) as pool:
            first = [pool.submit(Running(known.address).ask, recording()) for _ in range(2)]
            eventually(lambda: [len(recording())] * 2 == [path.stat().st_size for path in files(temporary)])
            full = known.ask(recording())
            assert (full.status_code, full.headers["retry-after"]) == (503, "2")
            go.set()
            assert [each.result().status_code for each in first] == [200, 200]
        assert known.ask(recording()).status_code == 200


def test_a_model_that_cannot_answer_says_nothing_of_the_server(tmp_path, capfd):
    folder = small_export(tmp_path)
    model = load_model(folder)
    (folder / "fold_00.safetensors").write_bytes(b"damaged")
    with running({"mine": model}) as known:
        answer = known.ask(recording())
    assert (answer.status_code, answer.json()) == (500, {"error": "the model cannot answer"})
    assert "fold_00.safetensors" in capfd.readouterr().err
