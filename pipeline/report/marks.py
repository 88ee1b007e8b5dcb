"""What a reader must know to judge a score: the marks of tables and pictures."""

import re
from collections.abc import Mapping
from typing import Any

from pipeline.experiments.joint_corpora import corpora_of

NOTES = {
    "synthetic": "synthetic speech: the corpus was made by a speech synthesiser; it shows that the pipeline runs, "
    "and says nothing about emotions in real speech",
    "random": "random backbone: the self-supervised model `tiny` has random weights; it is for plumbing only",
    "dependent": "speaker-dependent: test speakers were also trained on (the protocol says how many), or it is unknown "
    "who speaks, so the score is no estimate for new speakers",
    "cross_corpus": "cross-corpus: the models come from an experiment on another corpus (the protocol says which, and "
    "what was trained on of this one); labels of two corpora can mean different things",
    "transductive": "transductive: features were standardised or aligned by all recordings of each speaker or corpus "
    "that the experiment has, or those were learned from without labels, those of the test part too, so several "
    "recordings of a new speaker must be had",
    "untested": "classes not tested: test parts have none of some that the models tell apart; scores, and what chance "
    "would give, are over those they have",
    "validation": "trained on the validation part too: the system has no use for one, and no fusion reads it; others "
    "under this protocol hold it out",
    "listed": "part of the listed recordings: the folds are lists of others, of which not all recordings are here, or "
    "which lack some that are (the protocol says how many), so that the score is not comparable with figures on all of "
    "them",
    "twins": "recordings held twice: the corpus has recordings under two names or more, which metrics/corpora/ lists, "
    "or segments that overlap; all names of one are in one part, and each name counts",
    "published": "published: the paper's own figures; its splits and its corpus may differ from those here",
    "other_folds": "fitted on other folds: the fusion was fitted on the other folds' test probabilities, whose models "
    "had heard this fold's test speakers",
    "left_out": "recordings left out: those that cannot be used are no part of the corpus, as its `on_bad_audio: skip` "
    "says; metrics/corpora/ names them",
}
"""mark -> a few words, a colon, and why it matters"""

PROTOCOL = re.compile(r" \(the protocol says [^)]*\)")
"""of notes: where a table has the details"""
LISTED = ("recordings", "here", "unlisted")
"""what a card counts of lists that give the folds, see `experiments.predictions`"""


def short_note(mark: str) -> str:
    """The few words of a mark."""
    return NOTES[mark].partition(":")[0]


def whole_note(mark: str, card: Mapping[str, Any]) -> str:
    """A mark's note with an experiment's own details, for where no protocol stands beside it."""
    details = {
        "dependent": card.get("speakers_shared", ""),
        "cross_corpus": f"{card['transfer']['corpus']}: {transfer_text(card)}" if card.get("transfer") else "",
        "listed": coverage_text(card),
    }
    detail = details.get(mark, "")
    return PROTOCOL.sub(f" ({detail})" if detail else "", NOTES[mark])


def words(mark: str, card: Mapping[str, Any]) -> str:
    """The few words of a mark of one experiment, with its counts."""
    texts = {
        "listed": coverage_text,
        "cross_corpus": lambda card: f"{short_note(mark)}, trained on {card['transfer']['corpus']}",
        "untested": lambda card: f"{short_note(mark)}: {', '.join(card['untested'])}",
    }
    return texts[mark](card) if mark in texts else short_note(mark)


def coverage_text(card: Mapping[str, Any]) -> str:
    """As `720 of the 1440 listed recordings`; "" where the folds are no lists of others, or all is here and listed."""
    listed = card.get("listed") or {"recordings": 0, "here": 0}
    unlisted = listed.get("unlisted", 0)
    if listed["here"] == listed["recordings"] and not unlisted:
        return ""
    return (
        f"{listed['here']} of the {listed['recordings']} listed recordings{f', {unlisted} unlisted' * bool(unlisted)}"
    )


def transfer_text(card: Mapping[str, Any]) -> str:
    """As `zero-shot from hump_cat_en`, or `from hump_cat_en, tuned on 20 % of the speakers`; "" of no transfer."""
    if not (origin := card.get("transfer")):
        return ""
    share, of, weights = card["protocol"]["share"], card["protocol"]["of"], origin["weights"]
    aligned = {"none": ""}.get(origin["align"], f", {origin['align']} by {origin['align_by']}")
    again = ", fitted again" if origin.get("fitted_again") else ""
    source = f"from {f'fold {weights} of ' if isinstance(weights, int) else ''}{origin['source']}"
    if not share:
        return f"zero-shot {source}{again}{aligned}"
    part = f"{100 * share:g} % of the {of}{aligned}"
    if weights == "fresh":
        return f"trained only on {part}"
    tuned = {"all": "tuned"}.get(origin["tune"], f"{origin['tune']} tuned")
    return f"{source}{again} with {part}" if again else f"{source}, {tuned} on {part}"


def training_text(card: Mapping[str, Any]) -> str:
    """As `balanced by corpus and class, trained on raters' votes`; "" of an experiment with neither."""
    balance = card.get("balance", "none")
    told = [f"balanced by {balance.replace('_', ' ')}"] if balance != "none" else []
    told += ["trained on raters' votes"] if card.get("labels") == "votes" else []
    return ", ".join(told)


def notes_of(card: Mapping[str, Any], synthetic: set[str]) -> list[str]:
    """Which of `NOTES` apply to an experiment."""
    found = []
    if synthetic.intersection(corpora_of(card)):
        found.append("synthetic")
    if card["random_backbone"]:
        found.append("random")
    if card["speaker_dependent"]:
        found.append("dependent")
    if card.get("transfer"):
        found.append("cross_corpus")
    if card.get("transductive"):
        found.append("transductive")
    if card.get("untested"):
        found.append("untested")
    if card.get("trained_on_validation"):
        found.append("validation")
    if card["params"].get("fit_on") == "other_folds":
        found.append("other_folds")
    if coverage_text(card):
        found.append("listed")
    if card.get("twins"):
        found.append("twins")
    if card.get("left_out"):
        found.append("left_out")
    if card.get("published"):
        found.append("published")
    return found
