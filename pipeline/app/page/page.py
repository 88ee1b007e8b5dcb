"""The page itself, in Gradio: three ways to give a recording, and below them what the models hear in it."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pipeline.app.analysis import WINDOWS, analyse
from pipeline.app.page.answer import Answer
from pipeline.app.page.door import Door, open_uploads
from pipeline.app.page.examples import EXAMPLES, example
from pipeline.app.page.heard import COLUMNS, HIGHEST, Heard, at_sixteen_kilohertz, heard, mp3, outline, spectrogram
from pipeline.app.page.uploads import Uploads
from pipeline.app.page.words import listed, minded, percent
from pipeline.errors import UserError, message_line
from pipeline.serving.export_card import ExportCard
from pipeline.serving.export_reading import read_export
from pipeline.serving.loaded import LoadedModel
from pipeline.serving.model_page import MISUSES, USES

if TYPE_CHECKING:
    import gradio as gr
    from fastapi import FastAPI
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
TITLE = "Speech emotion recognition"
LONGEST = 60.0
"""of a recording (s)"""
LARGEST = 25 << 20
"""of its file (bytes)"""
Shown = tuple[str, str]
"""the answer, and its details, as HTML"""

IN_SIGHT = """() => document.getElementById("answer").scrollIntoView({block: "nearest"})"""
FOCUS = """
  const focus = tries => {
    const next = [...document.querySelectorAll("%s")].find(one => one.checkVisibility({visibilityProperty: true}));
    if (document.activeElement !== document.body) return;
    if (next) next.focus({preventScroll: true}); else if (tries) setTimeout(focus, 50, tries - 1);
  };
  setTimeout(focus, 50, 40);"""
"""Gradio takes away the button that was pressed, and the keyboard's focus with it"""
NEXT = {
    "recording.html": "#microphone .stop-button, #microphone .stop-button-paused",
    "working.html": "#answer .html-container",
}
"""what is shown while something goes on -> where the focus goes then"""


@dataclass(frozen=True)
class Desk:
    """Where visitors' recordings are answered.

    Attributes:
        models: that are asked, side by side.
        longest: of a recording (s).
        uploads: what visitors sent.
    """

    models: Sequence[LoadedModel]
    longest: float
    uploads: Uploads

    def recording(self, path: str | None) -> Shown:
        """What the models hear in a file, which is deleted when it is read; an error is a line."""
        if path is None:
            return rendered("trouble.html", trouble="No recording came; give it again"), ""
        return self._answered(lambda: self._heard(path))

    def _heard(self, path: str) -> Heard:
        with self.uploads.taken(path) as file:
            return heard(file, self.longest)

    def example(self, name: str) -> Shown:
        """What the models hear in one of `EXAMPLES`."""
        return self._answered(lambda: example(name))

    def _answered(self, read: Callable[[], Heard]) -> Shown:
        try:
            recording = read()
            answers = [Answer(analyse(model, recording.samples, recording.rate)) for model in self.models]
        except UserError as error:
            return rendered("trouble.html", trouble=message_line(str(error).splitlines()[0])), ""
        return rendered("said.html", answers=answers), rendered("details.html", **_details(recording, answers))


def _details(recording: Heard, answers: Sequence[Answer]) -> dict[str, Any]:
    samples = at_sixteen_kilohertz(recording)
    return {
        "answers": answers,
        "recording": recording,
        "window": f"{WINDOWS.window:g}",
        "player": mp3(samples),
        "outline": outline(samples),
        "columns": COLUMNS,
        "spectrogram": spectrogram(samples),
        "highest": HIGHEST,
    }


@cache
def _templates() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("pipeline.app.page", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def rendered(template: str, **values: Any) -> str:
    """A template of this folder as HTML; every text in it is escaped."""
    return _templates().get_template(template).render(values)


def page(
    models: Sequence[LoadedModel], longest: float = LONGEST, concurrency: int = 1, largest: int = LARGEST
) -> "gr.Blocks":
    """The page of models, to be mounted by `mounted`.

    Args:
        models: of exports; one, or some to compare side by side.
        longest: of a recording (s).
        concurrency: how many are answered at once; others wait.
        largest: of an upload (bytes), as visitors are told.
    """
    import gradio as gr

    with gr.Blocks(title=TITLE, analytics_enabled=False) as blocks:
        _html(rendered("head.html", emotions=_emotions(models), seconds=longest, size=largest / (1 << 20)))
        spoken, chosen, buttons = _ways_to_ask()
        answer = [_html(rendered("waiting.html"), "answer"), _html("")]
        _html(_about(models))
        desk = Desk(models, longest, Uploads(blocks))
        asked: dict[str, Any] = {
            "outputs": answer,
            "show_progress": "hidden",
            "concurrency_limit": concurrency,
            "concurrency_id": "models",
            "api_visibility": "private",
        }
        working: dict[str, Any] = {"js": _shown("working.html"), "outputs": answer}
        spoken.start_recording(js=_shown("recording.html"), outputs=answer)
        for audio, event in ((spoken, spoken.stop_recording), (chosen, chosen.upload)):
            answered = event(**working).then(js=IN_SIGHT).then(desk.recording, [audio], **asked)
            answered.then(js="() => null", outputs=audio).then(js=IN_SIGHT)
        for name, button in buttons.items():
            button.click(**working).then(js=IN_SIGHT).then(partial(desk.example, name), None, **asked).then(js=IN_SIGHT)
        _tell_trouble([*answer, spoken, chosen])
        blocks.load(js=(TEMPLATES / "page.js").read_text(encoding="utf-8"))
    return blocks


def _shown(template: str) -> str:
    """Show a template as the answer, with no details below it, without asking the server."""
    return f"() => {{{FOCUS % NEXT[template]}\n  return [{json.dumps(rendered(template))}, ''];\n}}"


def _tell_trouble(outputs: "Sequence[gr.HTML | gr.Audio]") -> None:
    """Have `page.js` show in the answer's stead what Gradio would pop up, and empty what it was given."""
    import gradio as gr

    button = gr.Button("Trouble", visible="hidden", elem_id="trouble")
    button.click(js="() => [window.trouble, '', null, null]", outputs=[*outputs])


def _ways_to_ask() -> "tuple[gr.Audio, gr.Audio, dict[str, gr.Button]]":
    import gradio as gr

    with gr.Row(equal_height=True):
        with _way("record", "Record your voice"):
            spoken = _audio("microphone")
        with _way("choose", "Or choose a file"):
            chosen = _audio("upload")
        with _way("examples", "Or try an example"):
            buttons = {name: gr.Button(name) for name in EXAMPLES}
    return spoken, chosen, buttons


@contextmanager
def _way(name: str, title: str) -> Iterator[None]:
    import gradio as gr

    with gr.Column(min_width=280, elem_id=name, elem_classes="way"):
        _html(f"<h2 class='ser'>{title}</h2>")
        yield


def _audio(source: Literal["microphone", "upload"]) -> "gr.Audio":
    import gradio as gr

    return gr.Audio(sources=[source], type="filepath", show_label=False, buttons=[], editable=False, elem_id=source)


def _html(text: str, name: str | None = None) -> "gr.HTML":
    import gradio as gr

    return gr.HTML(text, elem_id=name, apply_default_css=False, js_on_load=None)


def _emotions(models: Sequence[LoadedModel]) -> str:
    return listed(list(dict.fromkeys(name for model in models for name in model.classes)), "or")


def _about(models: Sequence[LoadedModel]) -> str:
    cards: list[ExportCard] = [read_export(model.source.folder) for model in models]
    misuses, warning = _points(MISUSES)
    uses, intended = _points(USES)
    return rendered(
        "about.html",
        models=cards,
        percent=percent,
        minded=minded,
        misuses=misuses,
        limits=uses,
        texts=[*intended, *warning],
    )


def _points(markdown: str) -> tuple[list[str], list[str]]:
    """The points of a list, and the paragraphs around it."""
    blocks = markdown.split("\n\n")
    points = [line.removeprefix("- ") for block in blocks if block.startswith("- ") for line in block.splitlines()]
    return points, [block for block in blocks if not block.startswith("- ")]


def mounted(app: "FastAPI", blocks: "gr.Blocks", largest: int) -> "FastAPI":
    """An application with the page at /.

    It asks no other host, keeps no history in the browser, and has no link to Gradio; `Door` stands before it.

    Args:
        app: the application.
        blocks: what `page` gave.
        largest: of an upload (bytes).
    """
    import gradio as gr

    uploads = Uploads(blocks)
    open_uploads(app, uploads, largest)
    app.add_middleware(Door, uploads=uploads)
    return gr.mount_gradio_app(
        app,
        blocks,
        "/",
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        show_error=False,
        max_file_size=largest,
        ssr_mode=False,
        theme=gr.themes.Base(primary_hue="blue", font=["system-ui", "sans-serif"], font_mono=["monospace"]),
        css=(TEMPLATES / "style.css").read_text(encoding="utf-8"),
    )
