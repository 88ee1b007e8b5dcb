"""The README.md of an export of models of numbers; see `model_page.py`."""

from typing import Any

from pipeline.serving.model_page import calls, evaluation_of, front_matter, page_of, result_of, system_line, usage
from pipeline.serving.value_export_card import ValueExportCard

USES = """\
Research on emotional speech: to compare systems, to rate recordings for a person to check, to teach. The numbers are \
what listeners gave the training recordings, on the scale above; one says how much a recording sounds like those, and \
not what a person feels.

- What sounds like nothing that it was trained on gets a number all the same, which can lie outside the scale.
- Other microphones, rooms, languages, ages and ways of speaking than in the data make it worse, by an unknown amount.
- Listeners differ; the numbers are their mean, and no rating is the truth. Scales of two corpora can differ in meaning.
- The scores are of recordings that hold one utterance each; windows of long recordings are harder.
- Test it on recordings of your own, with ratings, before you rely on it; see how it does for each group of speakers."""


def value_page(card: ValueExportCard) -> str:
    """The page of an export, in Markdown."""
    head = front_matter(card, "dimensional-speech-emotion-recognition", ["ccc", "mse"], _result(card))
    return page_of(card, head, _summary(card), _evaluation(card), USES, usage(card, _calls(card)))


def _result(card: ValueExportCard) -> dict[str, Any]:
    metrics = [
        {"type": name.lower(), "name": f"{name} of {target}", "value": figure.value}
        for target, own in card.targets.items()
        for name, figure in (("CCC", own.CCC), ("MSE", own.MSE))
    ]
    return result_of(card, "Dimensional speech emotion recognition", metrics)


def _summary(card: ValueExportCard) -> str:
    scales = ", ".join(f"{name} (trained on {own.lowest:g} to {own.highest:g})" for name, own in card.targets.items())
    return f"Says in numbers what a recording of speech sounds like: {scales}. {system_line(card)}"


def _evaluation(card: ValueExportCard) -> str:
    rows = []
    for name, own in card.targets.items():
        upper = "unknown" if own.MSE.high is None else f"{own.MSE.high:.3g}"
        rows += [
            f"| CCC of {name} | {own.CCC.value:.3f} | {own.CCC.low:.3f} to {own.CCC.high:.3f} |",
            f"| MSE of {name} | {own.MSE.value:.3g} | {own.MSE.low:.3g} to {upper} |",
        ]
    remark = "CCC is the concordance correlation coefficient, 1 where numbers are equal and 0 by chance; MSE the mean \
squared error."
    return evaluation_of(card, "score", rows, remark)


def _calls(card: ValueExportCard) -> str:
    example = ", ".join(f'"{name}": ...' for name in card.targets)
    return calls(
        card,
        f"""\
model.predict("speech.wav")                   # {{{example}}}
model.predict(samples, 16000)""",
    )
