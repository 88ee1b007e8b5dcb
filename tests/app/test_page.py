"""The real page in Chromium: what a visitor can do, and what the page keeps to itself."""

import json
import socket
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import requests
import soundfile
from click.testing import CliRunner
from conftest import tone
from trained_project import trained_project

from pipeline import load_model
from pipeline.cli import main

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no browser: {CHROMIUM} is not there"),
]
ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --use-fake-device-for-media-stream --use-fake-ui-for-media-stream"
)
SOON = 60_000
"""within what an answer comes (ms)"""
LARGEST = 1_000_000


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    """A fusion and one of its experiments."""
    project = trained_project(tmp_path_factory.getbasetemp())
    folder = tmp_path_factory.mktemp("exports")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project.folder)
        for name in ("pair", "again"):
            done = CliRunner().invoke(main, ["export", name, "--to", str(folder / name)])
            assert done.exit_code == 0, done.output
    return [load_model(folder / "pair"), load_model(folder / "again")]


@pytest.fixture(scope="module")
def site(exports, tmp_path_factory):
    """Where the page is, and where uploads go to."""
    import uvicorn
    from fastapi import FastAPI

    from pipeline.app.page.page import mounted, page

    kept = tmp_path_factory.mktemp("uploads")
    with pytest.MonkeyPatch.context() as patch, socket.socket() as free:
        patch.setenv("GRADIO_TEMP_DIR", str(kept))
        free.bind(("127.0.0.1", 0))
        app = mounted(FastAPI(), page(exports, longest=6, concurrency=2), LARGEST)
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=server.run, args=([free],))
        thread.start()
        yield f"http://127.0.0.1:{free.getsockname()[1]}/", kept
        server.should_exit = True
        thread.join(30)


@pytest.fixture(scope="module")
def chromium():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS.split())
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium, site):
    """Open the page as another visitor; all requests are kept as `visitor.asked`."""
    contexts = []

    def visit(width=1280, scheme="light"):
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        visitor = context.new_page()
        visitor.asked = []
        visitor.on("request", lambda request: visitor.asked.append(request.url))
        visitor.goto(site[0])
        visitor.get_by_text("The answer appears here.").wait_for(timeout=SOON)
        visitor.get_by_role("button", name="Record").wait_for(timeout=SOON)
        visitor.wait_for_function("document.querySelector('#answer [aria-live=polite]') !== null")
        return visitor

    yield visit
    for context in contexts:
        context.close()


def upload(visitor, path):
    visitor.locator("input[type=file]").set_input_files(path)


def answer(visitor):
    """The answer, once it is there."""
    status = visitor.get_by_role("status", name="Answer")
    status.locator(".emotion, .trouble").first.wait_for(timeout=SOON)
    return status.inner_text()


def downloads(visitor):
    """What is offered to be saved, parsed."""
    parsed = []
    for link in visitor.get_by_role("link", name="Download the answer").all():
        with visitor.expect_download() as waiting:
            link.click()
        parsed.append((waiting.value.suggested_filename, json.loads(Path(waiting.value.path()).read_bytes())))
    return parsed


def left(kept):
    """Files of visitors on the server, and folders of them."""
    return [path for path in kept.rglob("*") if path.name != "vibe_edit_history"]


def nothing_left(kept):
    for _ in range(50):
        if not left(kept):
            return True
        time.sleep(0.1)
    return False


@pytest.fixture
def long(tmp_path):
    """Two tones, one after another, 4.25 s."""
    path = tmp_path / "talk.wav"
    soundfile.write(path, np.concatenate([tone(2.0, 200, 16000), tone(2.25, 700, 16000)]), 16000)
    return path


def test_a_file_is_answered_by_both_models_and_is_gone_then(visit, site, exports, long):
    visitor = visit()
    upload(visitor, long)
    text = answer(visitor)
    assert len([url for url in visitor.asked if "upload?" in url or "queue/join" in url]) == 2
    files = dict(downloads(visitor))
    assert [*files] == ["pair.json", "again.json"]
    for model, parsed in zip(exports, files.values(), strict=True):
        row = model.predict_proba(long)
        assert [*parsed["probabilities"].values()] == row.tolist()
        assert f"{model.name} hears\n\n{model.classes[int(row.argmax())]}, " in text
        assert len(parsed["segments"]) == 3
    assert [each["name"] for each in files["pair.json"]["branches"]] == ["picture", "again"]
    assert visitor.get_by_text("talk.wav: 4.2 s").count() == 1
    assert visitor.get_by_role("img", name="Emotion over time: 0.0 to").count() == 2
    assert visitor.get_by_role("button", name="Drop an audio file here to upload").count() == 1  # the next, please
    assert nothing_left(site[1])


SPOKEN = """() => {
  const answer = document.querySelector("[aria-label=Answer]");
  window.spoken = [];
  new MutationObserver(() => window.spoken.push(answer.innerText.split("\\n")[0]))
    .observe(answer, {subtree: true, childList: true, characterData: true, attributes: true});
}"""
"""what a screen reader says of the answer, the first line each time that it changes"""


def test_an_example_is_answered_and_no_other_host_is_asked(visit, site):
    visitor = visit()
    visitor.evaluate(SPOKEN)
    visitor.get_by_role("button", name="An angry sentence").click()
    assert "pair hears" in answer(visitor)
    assert list(dict.fromkeys(visitor.evaluate("window.spoken"))) == ["Working…", "pair hears"]
    assert visitor.evaluate("window.spoken.length") <= 4
    assert visitor.get_by_role("link", name="the API and its documentation").get_attribute("href") == "api/docs"
    visitor.wait_for_load_state("networkidle")
    assert visitor.asked
    assert [url for url in visitor.asked if not url.startswith((site[0], "data:", "blob:"))] == []


def test_the_microphone_is_answered(visit, site):
    visitor = visit()
    visitor.get_by_role("button", name="Record", exact=True).press("Enter")
    visitor.get_by_role("status", name="Answer").get_by_text("Recording. Speak, then press Stop.").wait_for()
    visitor.wait_for_function("document.activeElement.innerText.trim() === 'Stop'")
    visitor.wait_for_timeout(1500)
    visitor.keyboard.press("Enter")
    visitor.wait_for_function("document.activeElement.ariaLabel === 'Answer'")
    assert "again hears" in answer(visitor)
    seconds = downloads(visitor)[0][1]["seconds"]
    assert 0.5 < seconds < 6
    assert nothing_left(site[1])
    visitor.get_by_role("button", name="Record", exact=True).wait_for()


def noise(path):
    path.write_bytes(b"RIFF\xff\xff\xff\xffWAVEfmt " + bytes(range(256)) * 20)


def silence(path):
    soundfile.write(path, np.zeros(16000), 16000)


def hours(path):
    soundfile.write(path, tone(6.5, 300, 16000), 16000)


@pytest.mark.parametrize(
    ("write", "told"), [(noise, "cannot be read as audio"), (silence, "is silent"), (hours, "is longer than 6 s")]
)
def test_what_cannot_be_answered_is_one_line_without_a_path(visit, site, tmp_path, write, told):
    path = tmp_path / "mine.wav"
    write(path)
    visitor = visit()
    upload(visitor, path)
    text = answer(visitor)
    assert f"mine.wav: {told}" in text
    assert str(site[1]) not in text
    assert len(text.splitlines()) == 1
    assert visitor.get_by_text("Traceback").count() == 0
    assert nothing_left(site[1])
    visitor.get_by_role("button", name="A sad sentence").click()
    visitor.locator("#answer .emotion").first.wait_for(timeout=SOON)


def test_two_visitors_at_once_have_their_own_answers(visit, exports, tmp_path):
    paths = [tmp_path / "low.wav", tmp_path / "high.wav"]
    for path, hertz in zip(paths, (150, 900), strict=True):
        soundfile.write(path, tone(1.0, hertz, 16000), 16000)
    visitors = [visit(), visit()]
    for visitor, path in zip(visitors, paths, strict=True):
        upload(visitor, path)
    for visitor, path in zip(visitors, paths, strict=True):
        answer(visitor)
        parsed = downloads(visitor)[1][1]
        assert [*parsed["probabilities"].values()] == exports[1].predict_proba(path).tolist()
        assert visitor.get_by_text(f"{path.name}: 1.0 s").count() == 1


def test_the_keyboard_is_enough_and_goes_from_top_to_bottom(visit):
    visitor = visit()
    names = []
    for _ in range(12):
        visitor.keyboard.press("Tab")
        names.append(visitor.evaluate("document.activeElement.ariaLabel || document.activeElement.innerText"))
        if names[-1] == "A sad sentence":
            break
    wanted = ["Record", "Drop an audio file here to upload", "An angry sentence"]
    assert [name for name in names if name in wanted] == wanted
    visitor.keyboard.press("Enter")
    assert "pair hears" in answer(visitor)


def test_every_control_and_picture_has_a_name_and_text_has_contrast(visit, long):
    visitor = visit(scheme="dark")
    upload(visitor, long)
    answer(visitor)
    assert visitor.locator("img:not([alt]), img[alt='']").count() == 0
    assert visitor.evaluate(NAMELESS) == []
    assert visitor.locator("h1").count() == 1
    assert visitor.get_by_role("table").count() >= 4
    assert visitor.evaluate(PALE) == []
    visitor.emulate_media(color_scheme="light")
    visitor.reload()
    visitor.get_by_text("The answer appears here.").wait_for()
    assert visitor.evaluate(PALE) == []


NAMELESS = """() => [...document.querySelectorAll("button, select, input, audio, a, [role=img]")]
  .filter(one => one.checkVisibility({visibilityProperty: true}))
  .filter(one => !(one.ariaLabel || one.innerText || one.title || (one.labels && one.labels.length)).toString().trim())
  .map(one => one.outerHTML.slice(0, 200))"""

PALE = """() => {
  const channels = colour => (colour.match(/[\\d.]+/g) || []).map(Number);
  const light = colour => channels(colour).slice(0, 3).map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = one => {
    for (; one; one = one.parentElement) {
      const colour = getComputedStyle(one).backgroundColor;
      if ((channels(colour)[3] ?? 1) === 1) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const seen = one => one.checkVisibility({visibilityProperty: true});
  const speaks = one => [...one.childNodes].some(node => node.nodeType === 3 && node.data.trim());
  const texts = [...document.querySelectorAll("main *")].filter(one => seen(one) && speaks(one));
  return texts.map(one => {
    const [dark, bright] = [light(getComputedStyle(one).color), light(behind(one))].sort((a, b) => a - b);
    return [(bright + 0.05) / (dark + 0.05), one.textContent.trim().slice(0, 60)];
  }).filter(([contrast]) => contrast < 4.5);
}"""
"""texts whose contrast is below 4.5 (WCAG 2.2, success criterion 1.4.3)"""


def test_a_phone_has_no_sideways_scrolling_and_the_answer_comes_in_sight(visit, long):
    visitor = visit(width=390)
    upload(visitor, long)
    answer(visitor)
    visitor.wait_for_timeout(500)
    assert visitor.evaluate("document.documentElement.scrollWidth") <= 390
    assert visitor.evaluate("document.querySelector('#answer .emotion').getBoundingClientRect().top") < 900


def question(path):
    """What Gradio's own page sends when a file was chosen, about another file."""
    given = {"path": path, "meta": {"_type": "gradio.FileData"}}
    return {"data": [given], "fn_index": 0, "session_hash": "visitor", "event_data": None, "trigger_id": 1}


@pytest.mark.parametrize("where", ["file", "http://192.0.2.1/speech.wav"])
def test_no_question_is_taken_about_what_was_not_sent(site, tmp_path, where):
    secret = tmp_path / "secret.wav"
    soundfile.write(secret, tone(1.0, 300, 16000), 16000)
    path = str(secret) if where == "file" else where
    for asked in (question(path), {**question(path), "data": [{"path": [question(path)["data"][0]]}]}):
        done = requests.post(f"{site[0]}gradio_api/queue/join", json=asked, timeout=30)
        assert done.status_code == 422, done.text
    for address in (
        f"file={path}",
        f"proxy={path}",
        "deep_link",
        "run/predict",
        "call/predict",
        "openapi.json",
        "info",
    ):
        assert requests.get(f"{site[0]}gradio_api/{address}", timeout=30).status_code == 404
    for address in ("monitoring", "config"):
        assert requests.get(f"{site[0]}{address}", timeout=30).status_code == 404
    assert secret.exists()


def test_two_may_send_the_same_file(site, visit, long):
    visitors = [visit(), visit()]
    for visitor in visitors:
        upload(visitor, long)
    assert ["pair hears" in answer(visitor) for visitor in visitors] == [True, True]
    assert nothing_left(site[1])


def test_what_is_not_taken_is_told_in_the_place_of_the_answer_before(visit, site, tmp_path):
    visitor = visit()
    visitor.get_by_role("button", name="A sad sentence").click()
    answer(visitor)
    for name, told in (("large.wav", "The file is larger than is taken here"), ("mine.py", "This is no audio file")):
        path = tmp_path / name
        path.write_bytes(bytes(LARGEST + 1000))
        upload(visitor, path)
        visitor.get_by_role("status", name="Answer").get_by_text(told).wait_for(timeout=SOON)
        assert visitor.get_by_role("heading", name="How likely each emotion is").count() == 0
        assert visitor.get_by_role("button", name="Drop an audio file here to upload").count() == 1
    assert nothing_left(site[1])
