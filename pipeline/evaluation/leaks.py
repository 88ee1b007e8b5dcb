"""The last check before anything is scored: nothing that was trained on is tested."""

from collections.abc import Mapping

from pipeline.audio.keys import source_key
from pipeline.errors import UserError
from pipeline.experiments.predictions import Predictions


def check_leaks(name: str, found: Predictions, speakers: Mapping[str, str]) -> None:
    """Refuse predictions whose test or validation part was trained on.

    Args:
        name: the experiment.
        found: its predictions.
        speakers: utterance key -> speaker.

    Raises:
        UserError: an utterance or a copy of it is in the training part and in another, or a speaker is under a
            speaker-independent protocol, or an utterance is tested twice in one split of the corpus, or is not
            predicted; the message names it.
    """
    tested: set[str] = set()
    for number, fold in enumerate(found.folds):
        if number % found.folds_of_a_split == 0:
            tested = set()
        trained = {source_key(key) for key in fold["train"]}
        for part in ("validation", "test"):
            copied = [key for key in fold[part] if source_key(key) != key]
            if copied:
                raise UserError(f"{name}: the {part} part of fold {number} has the copy {copied[0]!r}")
            shared = trained & set(fold[part])
            if shared:
                raise UserError(f"{name}: {min(shared)!r} of the {part} part of fold {number} is trained on")
            if found.card["speaker_dependent"]:
                continue
            heard = {speakers[key] for key in trained} & {speakers[key] for key in fold[part]}
            if heard:
                raise UserError(f"{name}: speaker {min(heard)!r} of the {part} part of fold {number} is trained on")
        predicted = [found.keys[i] for i in found.where("test", number)]
        if sorted(predicted) != sorted(fold["test"]):
            raise UserError(f"{name}: the predictions of fold {number} are not those of its test part")
        if tested & {*predicted}:
            raise UserError(f"{name}: {min(tested & {*predicted})!r} of fold {number} is tested twice")
        tested |= {*predicted}
