"""What a reader must know to judge a score: the marks of tables and pictures."""

from collections.abc import Mapping
from typing import Any

NOTES = {
    "synthetic": "synthetic speech: the corpus was made by a speech synthesiser; it shows that the pipeline runs, "
    "and says nothing about emotions in real speech",
    "random": "random backbone: the self-supervised model `tiny` has random weights; it is for plumbing only",
    "dependent": "speaker-dependent: test speakers were also trained on (the protocol says how many), or it is unknown "
    "who speaks, so the score is no estimate for new speakers",
    "transductive": "transductive: features were standardised by all recordings of each speaker or corpus that the "
    "experiment has, those of the test part too, without labels, so several recordings of a new speaker must be had",
    "validation": "trained on the validation part too: the system has no use for one, and no fusion reads it; others "
    "under this protocol hold it out",
    "listed": "part of the listed recordings: the folds are lists of others, of which not all recordings are here, or "
    "which lack some that are (the protocol says how many), so that the score is not comparable with figures on all of "
    "them",
    "twins": "recordings held twice: the corpus has recordings under two names or more, which metrics/corpora/ lists; "
    "all names of one are in one part, and each name counts",
    "published": "published: the paper's own figures; its splits and its corpus may differ from those here",
    "other_folds": "fitted on other folds: the fusion was fitted on the other folds' test probabilities, whose models "
    "had heard this fold's test speakers",
    "left_out": "recordings left out: those that cannot be used are no part of the corpus, as its `on_bad_audio: skip` "
    "says; metrics/corpora/ names them",
}
"""mark -> a few words, a colon, and why it matters"""

LISTED = ("recordings", "here", "unlisted")
"""what a card counts of lists that give the folds, see `experiments.predictions`"""


def short_note(mark: str) -> str:
    """The few words of a mark."""
    return NOTES[mark].partition(":")[0]


def words(mark: str, card: Mapping[str, Any]) -> str:
    """The few words of a mark of one experiment, with its counts."""
    return coverage_text(card) if mark == "listed" else short_note(mark)


def coverage_text(card: Mapping[str, Any]) -> str:
    """As `720 of the 1440 listed recordings`; "" where the folds are no lists of others, or all is here and listed."""
    listed = card.get("listed") or {"recordings": 0, "here": 0}
    unlisted = listed.get("unlisted", 0)
    if listed["here"] == listed["recordings"] and not unlisted:
        return ""
    return (
        f"{listed['here']} of the {listed['recordings']} listed recordings{f', {unlisted} unlisted' * bool(unlisted)}"
    )


def notes_of(card: Mapping[str, Any], synthetic: set[str]) -> list[str]:
    """Which of `NOTES` apply to an experiment."""
    found = []
    if card["corpus"] in synthetic:
        found.append("synthetic")
    if card["random_backbone"]:
        found.append("random")
    if card["speaker_dependent"]:
        found.append("dependent")
    if card.get("transductive"):
        found.append("transductive")
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
