"""Transfers that cannot be, through `ser graph`: of what is not there, or of a share that nothing can be drawn of."""

from pathlib import Path

from bad_inputs.registry import bad_input
from conftest import PARAMS

SECOND = "  mine: {reader: folder, root: recordings, speaker_pattern: '/([a-z]+)_'}\n"


def transfer(name: str, says: str, entry: str, source: str = "statistics") -> None:
    """A transfer of the tests' project to a second corpus of three speakers."""

    def make(folder: Path) -> list[str]:
        for corpus, emotions in (("recordings", ("angry", "happy", "sad")), ("second", ("angry", "happy", "bored"))):
            for emotion in emotions:
                (folder / corpus / emotion).mkdir(parents=True)
                for speaker in ("anna", "ben", "cleo"):
                    (folder / corpus / emotion / f"{speaker}_1.wav").touch()
        other = SECOND.replace("mine", "other").replace("recordings", "second")
        params = PARAMS.replace(SECOND, f"{SECOND}{other}  lone: {{reader: folder, root: second}}\n", 1)
        given = f"transfers:\n  moved: {{source: {source}, {entry}}}\n"
        (folder / "params.yaml").write_text(f"{params}{given}", encoding="utf-8")
        return ["graph"]

    make.__module__ = __name__
    bad_input(f"transfers: {name}", says=f"transfers.moved{says}", code=2)(make)


transfer("a source that is not there", ".source: 'statistic' is not in experiments (did you mean 'statistics'",
         "corpus: other, share: 0", source="statistic")  # fmt: skip
transfer("a fusion as source", ".source: 'both' is not in experiments", "corpus: other, share: 0", source="both")
transfer("a corpus that is not there", ".corpus: 'othr' is not in corpora", "corpus: othr, share: 0")
transfer("the source's own corpus", ".corpus: 'mine' is what 'statistics' was trained on", "corpus: mine, share: 0")
transfer("no share", ".share: is missing", "corpus: other")
transfer("the whole as share", ".share: input should be less than 1", "corpus: other, share: 1")
transfer("a fold below 0", ".weights: should be folds, fresh, or the number of a fold, 0 or more; it is -1",
         "corpus: other, share: 0.4, weights: -1")  # fmt: skip
transfer("draws of nothing", ": draws is of no use to share 0", "corpus: other, share: 0, draws: 5")
transfer("a tuning of nothing", ": tune is of no use to share 0", "corpus: other, share: 0, tune: head")
transfer("fresh weights of nothing", ": weights fresh with share 0", "corpus: other, share: 0, weights: fresh")
transfer("fresh weights of which a part is kept", ": tune head leaves the rest",
         "corpus: other, share: 0.4, weights: fresh, tune: head", source="picture")  # fmt: skip
transfer("groups of no alignment", ": align_by is of no use", "corpus: other, share: 0, align_by: speaker")
transfer("a part of no network", ".tune: pooled is no network", "corpus: other, share: 0.4, tune: head")
transfer("training params of nothing", ".params: are of no use to share 0",
         "corpus: other, share: 0, params: {epochs: 3}", source="picture")  # fmt: skip
transfer("a param that the system has not", ".params.d: unknown key", "corpus: other, share: 0.4, params: {d: 1}")
transfer("a param of the network", ".params.dropout: is as the source was trained",
         "corpus: other, share: 0.4, params: {dropout: 0.1}", source="picture")  # fmt: skip
transfer("a patience", ".params.patience: is of no use to a transfer",
         "corpus: other, share: 0.4, params: {patience: 3}", source="picture")  # fmt: skip
transfer("less than one speaker", ".share: other: share 0.1 of 3 speakers is none", "corpus: other, share: 0.1")
transfer("more draws than there are", ".share: other: there are fewer than 5 draws", "corpus: other, share: 0.34")
transfer("speakers that are not known", ".share: lone: the speaker of", "corpus: lone, share: 0.34")
transfer("recordings that the target lacks", ".only: no recording of corpus other has the gender 'x'",
         "corpus: other, share: 0, only: {gender: x}")  # fmt: skip
transfer("a fold that a k-fold source has not", ".weights: 9, and the source has the folds 0 to 2",
         "corpus: other, share: 0, weights: 9", source="picture")  # fmt: skip
