"""How visitors' files come, wait and go, without a browser."""

from types import SimpleNamespace

import pytest

pytest.importorskip("gradio")

from fastapi import FastAPI
from fastapi.testclient import TestClient

from pipeline.app.page import uploads as waiting
from pipeline.app.page.door import open_uploads
from pipeline.app.page.uploads import Uploads
from pipeline.errors import UserError

LARGEST = 2000
ADDRESS = "/gradio_api/upload"


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """Uploads to a folder, and a client that sends some."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "page"))
    names = set()
    uploads = Uploads(SimpleNamespace(upload_file_set=names, temp_file_sets=[names]))
    app = FastAPI()
    open_uploads(app, uploads, LARGEST)
    with TestClient(app) as client:
        yield SimpleNamespace(uploads=uploads, client=client, folder=tmp_path / "page")


def sent(desk, *sizes):
    return desk.client.post(ADDRESS, files=[("files", ("my talk.wav", bytes(size))) for size in sizes])


def left(desk):
    return [*desk.folder.rglob("*")]


def test_a_file_waits_under_a_name_that_tells_nothing_of_the_server_and_goes_with_its_folder(desk):
    (name,) = sent(desk, 100).json()
    assert name.endswith("/my talk.wav")
    assert not name.startswith("/")
    with desk.uploads.taken(desk.uploads.path(name)) as file:
        assert file.read_bytes() == bytes(100)
    assert left(desk) == []
    assert desk.uploads.path(name) is None
    with pytest.raises(UserError, match="no longer here"), desk.uploads.taken(str(file)):
        pass


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "", None, 3, ["a"]])
def test_no_other_name_leads_to_a_file(desk, name):
    sent(desk, 100)
    assert desk.uploads.path(name) is None


@pytest.mark.parametrize(("sizes", "status"), [((100, 100), 400), ((), 400), ((LARGEST + 1,), 413)])
def test_one_file_is_taken_that_is_not_too_large(desk, sizes, status):
    answer = sent(desk, *sizes)
    assert (answer.status_code, [*answer.json()]) == (status, ["error"])
    assert left(desk) == []


def test_a_form_with_a_text_is_refused(desk):
    answer = desk.client.post(ADDRESS, data={"files": "hello"}, files={"other": ("a.wav", b"1")})
    assert (answer.status_code, left(desk)) == (400, [])


def test_what_waits_has_a_most_and_there_is_room_again_after_an_answer(desk):
    answers = [sent(desk, LARGEST - 100) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 4 + [503] * 2
    assert answers[-1].headers["retry-after"] == "5"
    with desk.uploads.taken(desk.uploads.path(answers[0].json()[0])):
        pass
    assert sent(desk, LARGEST - 100).status_code == 200


def test_what_nobody_asks_about_is_deleted_soon_and_what_was_asked_about_waits(desk, monkeypatch):
    monkeypatch.setattr(waiting, "ABANDONED", 0.05)
    monkeypatch.setattr(waiting, "UNANSWERED", 0.4)
    (abandoned,), (asked,) = (sent(desk, 100).json() for _ in range(2))
    desk.uploads.ask(desk.uploads.path(asked))
    desk.client.portal.call(pause, 0.2)
    assert [desk.uploads.path(name) is None for name in (abandoned, asked)] == [True, False]
    desk.client.portal.call(pause, 0.5)
    assert left(desk) == []


async def pause(seconds):
    import asyncio

    await asyncio.sleep(seconds)
