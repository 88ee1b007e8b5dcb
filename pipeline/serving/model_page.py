"""An export's README.md: a model card for people (Mitchell et al. 2019, "Model Cards for Model Reporting").

Its first lines are what Hugging Face's hub reads, as its documentation of model cards says.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from pipeline.features import find_extractor
from pipeline.report.marks import short_note
from pipeline.serving.export_card import LICENCE_PAGE, Corpus, ExportCard, ExportFacts, Score
from pipeline.systems.normalisation import GROUPS, own_statistics

CREATIVE_COMMONS = re.compile(r"CC (BY(?:-[A-Z]{2})*|0)\s?(\d\.\d)|CC0 (\d\.\d)")
"""as readers write such licences"""
PLUMBING = {"synthetic", "random"}
"""marks of scores that only show that the pipeline runs"""
METRICS = {
    "UA": ("recall", "UA, the mean recall of the classes"),
    "WA": ("accuracy", "WA, the share of recordings that are right"),
    "macro_F1": ("f1", "macro F1"),
}
"""score -> the hub's name of the metric, and ours"""

USES = """\
Research on emotional speech: to compare systems, to label recordings for a person to check, to teach. The classes \
are what actors or listeners called the training recordings; a probability says how much a recording sounds like \
those, and not what a person feels.

- It knows the classes above and no others: what is none of them is given one all the same.
- Other microphones, rooms, languages, ages and ways of speaking than in the data make it worse, by an unknown amount.
- Acted emotions are stronger than those of life; scores on them are higher than on spontaneous speech.
- The scores are of recordings that hold one utterance each; windows of long recordings are harder.
- Test it on recordings of your own, with labels, before you rely on it; see how it does for each group of speakers."""

MISUSES = """\
- Decisions about people: hiring, work, schools, credit, insurance, housing, police, courts, borders, asylum.
- Watching people, or judging them without their knowledge and consent.
- Medical or psychological diagnosis, or to tell whether somebody is in danger.
- To find lies, intentions or character. A voice does not tell them.

In the European Union, systems that infer emotions at the workplace or in education are prohibited, but for medical or \
safety reasons (Regulation (EU) 2024/1689, article 5(1)(f)); others that recognise emotions are high-risk systems \
(annex III, point 1(c)), and people must be told of them (article 50(3)). A voice is personal data: the GDPR holds."""


def model_page(card: ExportCard) -> str:
    """The page of an export, in Markdown."""
    metrics = [metric for metric, _ in METRICS.values()]
    return page_of(
        card, front_matter(card, "speech-emotion-recognition", metrics, _result(card)), _summary(card),
        _evaluation(card), USES, usage(card, _calls(card)),
    )  # fmt: skip


def page_of(card: ExportFacts, head: Mapping[str, Any], summary: str, evaluation: str, uses: str, use: str) -> str:
    """The page of an export of any models, of its front matter and its sections."""
    lines = yaml.safe_dump(dict(head), sort_keys=False, allow_unicode=True, width=1000)
    sections = {
        "Data and licence": _data(card),
        "How good it is": evaluation,
        "What it is for, and its limits": uses,
        "What it must not be used for": MISUSES,
        "How to use it": use,
    }
    body = "\n\n".join(f"## {title}\n\n{text}" for title, text in sections.items())
    return f"---\n{lines}---\n\n# {card.name}\n\n{summary}\n\n{body}\n"


def front_matter(card: ExportFacts, tag: str, metrics: Sequence[str], result: Mapping[str, Any]) -> dict[str, Any]:
    """What the hub reads.

    Args:
        card: of the export.
        tag: says what is predicted.
        metrics: the hub's names of them.
        result: the scores, as the hub has them.
    """
    languages = sorted({language for corpus in card.corpora for language in corpus.languages})
    return {
        **({"language": languages} if languages else {}),
        **_licence(card.corpora),
        "library_name": "ser-pipeline",
        "pipeline_tag": "audio-classification",
        "tags": ["audio-classification", tag, *sorted({*_systems(card)})],
        "metrics": [*metrics],
        **_base_models(card),
        **_index(card, result),
    }


def _base_models(card: ExportFacts) -> dict[str, Any]:
    """The self-supervised models that the hub has."""
    names = [each.model for each in card.pretrained if is_of_hub(each.model)]
    return {"base_model": names} if names else {}


def is_of_hub(model: str) -> bool:
    """Whether a self-supervised model has a page of the hub, and not the name of a folder."""
    return "/" in model


def _index(card: ExportFacts, result: Mapping[str, Any]) -> dict[str, Any]:
    """The scores for the hub; none of a synthesiser's speech or of random weights, which are no results."""
    if PLUMBING.intersection(card.marks):
        return {}
    return {"model-index": [{"name": card.name, "results": [dict(result)]}]}


def _systems(card: ExportFacts) -> list[str]:
    return [experiment.system for experiment in card.experiments.values()]


def _licence(corpora: list[Corpus]) -> dict[str, str]:
    """The licence of the data, which the model is bound by: as the hub calls it where it knows it."""
    names = {hub_licence(corpus.licence) for corpus in corpora}
    if len(names) == 1 and (name := names.pop()):
        return {"license": name}
    return {"license": "other", "license_name": "terms-of-the-training-data", "license_link": LICENCE_PAGE}


def licence_page(card: ExportFacts) -> str | None:
    """The terms as a file of their own, which the hub wants of a licence that it has no name for; else None."""
    if _licence(card.corpora)["license"] != "other":
        return None
    return f"# Terms of the training data of {card.name}\n\n{_data(card)}\n"


def hub_licence(licence: str) -> str:
    """A Creative Commons licence as the hub calls it: `cc-by-nc-sa-4.0` of `CC BY-NC-SA 4.0`; "" for another."""
    match = CREATIVE_COMMONS.fullmatch(licence)
    if match is None:
        return ""
    terms, version, zero = match.groups()
    return f"cc0-{zero}" if zero else f"cc-{terms.lower()}-{version}"


def _result(card: ExportCard) -> dict[str, Any]:
    metrics = [
        {"type": METRICS[name][0], "name": f"{METRICS[name][1]} ({_interval(card, score)})", "value": score.value}
        for name, score in _ordered(card)
    ]
    return result_of(card, "Speech emotion recognition", metrics)


def result_of(card: ExportFacts, task: str, metrics: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Scores on the corpora that were tested, as the hub has them."""
    titles = {corpus.name: corpus.title for corpus in card.corpora}
    tested = card.tested_on or [*titles]
    told = [*(titles.get(name, name) for name in tested), *map(short_note, card.marks)]
    return {
        "task": {"type": "audio-classification", "name": task},
        "dataset": {"type": "+".join(tested), "name": "; ".join(told), "split": _protocol(card)},
        "metrics": [dict(metric) for metric in metrics],
    }


def _interval(card: ExportCard, score: Score) -> str:
    return f"{card.confidence:.0%} interval over {_units(card)} {score.low:.1%} to {score.high:.1%}"


def _units(card: ExportFacts) -> str:
    """What intervals are over: whoever speaks, where that is known."""
    return "speakers" if card.speakers > 1 else "recordings"


def _protocol(card: ExportFacts) -> str:
    """As `a single stratified split, 13 recordings tested`."""
    scheme = str(card.protocol.get("scheme", "")).replace("_", " ")
    how = f"a single {scheme}" if card.folds == 1 else f"{scheme}{f', {card.folds} folds' * bool(card.folds)}"
    return f"{how}{f', {card.tested} recordings tested' * bool(card.tested)}"


def _ordered(card: ExportCard) -> list[tuple[str, Score]]:
    return [(name, score) for wanted in METRICS for name, score in card.scores.items() if name == wanted]


def _summary(card: ExportCard) -> str:
    return (
        f"Says which of {len(card.classes)} emotions a recording of speech sounds like: {', '.join(card.classes)}. "
        f"{system_line(card)}"
    )


def system_line(card: ExportFacts) -> str:
    """What the models are, in a sentence."""
    of = f" of {', '.join(card.experiments)}" if len(card.experiments) > 1 else ""
    several = f"the mean of what {card.count} models say, each of another training part of the data"
    folds = several if card.count > 1 else "one model, trained on a part of the data"
    how = folds if card.models == "folds" else "one model, trained on all of the data"
    return f"System: {card.system}{of}; {how}."


def _data(card: ExportFacts) -> str:
    lines = [
        f"- {corpus.title} (`{corpus.name}`; {', '.join(corpus.languages) or 'language not known'}). "
        f"Licence: {corpus.licence}. Source: {corpus.source}."
        for corpus in card.corpora
    ]
    speakers = f" of {card.speakers} speakers" if card.speakers else ", of speakers that are not known"
    terms = [
        "The licences above are those of the recordings, which are not in here; whether they bind a model made with "
        "them is for you to find out before you pass it on.",
        *_terms(card),
        *(_pretrained_terms(each.model) for each in card.pretrained),
    ]
    return "\n".join([f"Trained on {card.utterances} recordings{speakers}:", "", *lines, "", *terms])


def _terms(card: ExportFacts) -> list[str]:
    """The terms of packages that compute its features, a line each."""
    extractors = sorted({recipe.extractor for each in card.experiments.values() for recipe in each.features.values()})
    licences = {name: find_extractor(name).licence for name in extractors}
    return [f"Its features are made by `{name}`: {terms}" for name, terms in licences.items() if terms]


def _pretrained_terms(model: str) -> str:
    """Where the licence of a self-supervised model is to be found."""
    where = f"is on its page, https://huggingface.co/{model}" if is_of_hub(model) else "is for you to find out"
    return f"It hears through the self-supervised model `{model}`, whose licence holds too and {where}."


def _evaluation(card: ExportCard) -> str:
    rows = [
        f"| {METRICS[name][1]} | {score.value:.1%} | {score.low:.1%} to {score.high:.1%} |"
        for name, score in _ordered(card)
    ]
    tested = [name for name in card.classes if name not in card.untested]
    chance = f"By chance UA is {1 / max(1, len(tested)):.1%}."
    if card.untested:
        chance += f" It is over {', '.join(tested)}: no recording of {', '.join(card.untested)} was tested."
    return evaluation_of(card, "score", rows, chance)


def evaluation_of(card: ExportFacts, title: str, rows: Sequence[str], remark: str) -> str:
    """How good models are, as a table.

    Args:
        card: of the export.
        title: of the first column.
        rows: of the table, in Markdown.
        remark: a sentence after the table.
    """
    marks = [f"- {note[0].upper()}{note[1:]}." for note in card.marks.values()]
    warning = ["", "What you must know to judge them:", "", *marks] if marks else []
    return "\n".join(
        [
            f"Protocol: {_protocol(card)}. Each of these was predicted by a model that had not heard it.",
            "",
            f"| {title} | value | {card.confidence:.0%} interval over {_units(card)} |",
            "|---|---|---|",
            *rows,
            "",
            f"{remark} {_whose(card)}".strip(),
            *warning,
        ]
    )


def _whose(card: ExportFacts) -> str:
    """Which models the scores are of."""
    if card.models == "refitted":
        return (
            "They are scores of models that were trained on a part of the data; of the one in here, which was trained "
            "on all, there is nothing left to test on."
        )
    if card.count == 1:
        return "They are scores of the model in here."
    return (
        "They are scores of the models in here, each on recordings that it was not trained on; of their mean, which is "
        "what a prediction gives, there is no score, as no recording of the data is new to all of them."
    )


def _calls(card: ExportCard) -> str:
    """How recordings are given."""
    return calls(
        card,
        """\
model.predict("speech.wav")                   # an emotion
model.predict_proba(samples, 16000)           # in the order of model.classes""",
    )


def calls(card: ExportFacts, python: str) -> str:
    """How recordings are given, with lines of Python: several at once where they are standardised by their own."""
    kinds = {GROUPS[own] for each in card.experiments.values() if (own := own_statistics(each.params))}
    if kinds:
        of = " and of ".join(f"one {kind}" for kind in sorted(kinds))
        given, columns = (
            ("list.csv", ", in a table with the columns path and speaker")
            if "speaker" in kinds
            else ("recordings/", "")
        )
        return f"""\
```sh
ser predict {card.name} {given}
```

It standardises recordings by their own statistics, and needs several of {of} at once{columns}."""
    return f"""\
```sh
ser predict {card.name} recordings/
ser predict {card.name} talk.wav --window 3 --hop 1 --format table
```

```python
from pipeline import load_model

model = load_model("{card.name}")
{python}
```"""


def usage(card: ExportFacts, how: str) -> str:
    """What is needed to use it, and how recordings are given."""
    needed = [
        f"`{each.model}`{f' (digest of its weights `{each.weights[:16]}`)' * bool(each.weights)}"
        for each in card.pretrained
    ]
    also = (
        f"\n\nIt needs the self-supervised model {', '.join(needed)}, which is not in here: `--download` fetches it "
        "from its hub, `--ssl-model FOLDER` says where it is. Other weights are refused."
        if needed
        else ""
    )
    return f"""\
With the package `ser-pipeline` installed, and this folder (or .zip) at `{card.name}`:

{how}{also}

Nothing in here is run: `model.json` says what it is, and the numbers are safetensors."""
