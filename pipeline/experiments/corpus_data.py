"""A corpus of the project as X, y and groups, for scikit-learn and for our systems, in a script or a notebook."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline import paths
from pipeline.config.experiments import ClassSet
from pipeline.corpora import manifest
from pipeline.errors import ParamsError, UserError, nearest
from pipeline.experiments.classes import class_set
from pipeline.experiments.experiment import groups_of
from pipeline.experiments.joint_corpora import digests_of, joint_rows
from pipeline.graph import dvc_yaml
from pipeline.storage.feature_file import FeatureFile
from pipeline.storage.joined import joined
from pipeline.strict import Strict, validate
from pipeline.systems import ROLES
from pipeline.systems.view import View

Strings = NDArray[np.str_]


class _Emotions(Strict):
    emotions: ClassSet | None = None


def load_corpus(
    name: str | Sequence[str],
    features: Sequence[str] | Mapping[str, str],
    emotions: Sequence[str | Mapping[str, Any]] | Mapping[str, Any] | None = None,
    project: str | Path = ".",
) -> tuple[View, Strings, Strings]:
    """Load a corpus whose manifest and features `dvc repro` has made.

    Args:
        name: an entry of `corpora` in params.yaml; or several, whose keys and speakers are then "CORPUS/NAME".
        features: entries of `features` and `embeddings`, each for the role of its extractor; or role -> entry, where an
            extractor has no role of its own (`{"mfcc": "lpcc_24"}`).
        emotions: the class set, as an experiment has it: `["sad", {"happy": ["happy", "excited"]}]`; None for all.
        project: the project's folder.

    Returns:
        X, a view of the N utterances; y, their emotions (N,); and groups, their speakers (N,), "" where unknown.

    Raises:
        ParamsError: there is no such corpus, feature, role or emotion; the message has the nearest name.
        UserError: a file is not there yet, and the message has the stage that makes it; or the corpus lacks an emotion.

    Example:
        >>> from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
        >>> from pipeline import load_corpus
        >>> from pipeline.systems.pooled import Pooled
        >>> X, y, speakers = load_corpus("demo_en", features=["mfcc_39", "tiny"])
        >>> X
        View(16 utterances, 4 speakers, mfcc 5, ssl layer_01 64, layer_09 64)
        >>> y[:4].tolist(), speakers[:4].tolist()
        (['angry', 'happy', 'neutral', 'sad'], ['s0', 's0', 's0', 's0'])
        >>> cross_val_predict(Pooled(), X, y, groups=speakers, cv=LeaveOneGroupOut(), method="predict_proba").shape
        (16, 4)
    """
    names = [name] if isinstance(name, str) else [*dict.fromkeys(name)]
    if not names:
        raise ParamsError("name: should be an entry of corpora, or several; it is an empty list")
    projects = {corpus: _Project(Path(project).resolve(), corpus) for corpus in names}
    manifests = {corpus: manifest.read(found.manifest()) for corpus, found in projects.items()}
    given = list(emotions) if isinstance(emotions, tuple) else emotions
    by_role = [(corpus, found.by_role(features)) for corpus, found in projects.items()]
    files = {role: [joined({corpus: own[role] for corpus, own in by_role})] for role in by_role[0][1]}
    digests = digests_of(next(iter(files.values()))[0])
    rows = class_set(joint_rows(manifests, digests), validate(_Emotions, {"emotions": given}).emotions)
    X = View([row.key for row in rows], files, groups_of(rows))
    return X, np.array([row.emotion for row in rows], str), np.array([row.speaker for row in rows], str)


class _Project:
    """What a project has of one corpus."""

    def __init__(self, root: Path, corpus: str) -> None:
        self.root = root
        self.corpus = corpus
        self.stages = list(dvc_yaml.read(root / dvc_yaml.FILE).stages)

    def manifest(self) -> Path:
        path = self.root / paths.manifest(self.corpus)
        made = sorted(file.stem for file in path.parent.glob("*.jsonl"))
        return self._there(path, f"manifest-{self.corpus}", "corpus", [*made, *self._of_stages("manifest-")])

    def by_role(self, features: Sequence[str] | Mapping[str, str]) -> dict[str, FeatureFile]:
        """Role -> feature file."""
        if isinstance(features, str) or not features:
            raise ParamsError(f'features: should be a list of names, as ["mfcc_39"]; it is {features!r}')
        if isinstance(features, Mapping):
            for role in features:
                if role not in ROLES:
                    meant = nearest(role, ROLES)
                    raise ParamsError(f"features: unknown role {role!r}{meant}; known: {', '.join(ROLES)}")
            return {role: self.feature(feature) for role, feature in features.items()}
        files: dict[str, FeatureFile] = {}
        for feature in features:
            file = self.feature(feature)
            role = file.header.extractor
            if role not in ROLES or role in files:
                problem = f"a second {role}" if role in files else f"made by {role}, which has no role of its own"
                raise ParamsError(
                    f"features: {feature!r} is {problem}; say which it fills, as {{'mfcc': {feature!r}}}; "
                    f"roles are {', '.join(ROLES)}"
                )
            files[role] = file
        return files

    def feature(self, feature: str) -> FeatureFile:
        """The file of one entry of `features` or `embeddings`."""
        places = [self.root / paths.feature_file(self.corpus, feature, embedding) for embedding in (False, True)]
        path = next((path for path in places if path.is_file()), places[0])
        made = sorted(file.stem for place in places for file in place.parent.glob("*.h5"))
        prefix = f"features-{self.corpus}-"
        known = [*made, *self._of_stages(prefix)]
        return FeatureFile(self._there(path, f"{prefix}{feature}", f"feature of {self.corpus}", known))

    def _of_stages(self, prefix: str) -> list[str]:
        return [stage.removeprefix(prefix) for stage in self.stages if stage.startswith(prefix)]

    def _there(self, path: Path, stage: str, what: str, known: Sequence[str]) -> Path:
        if path.is_file():
            return path
        if stage in self.stages:
            raise UserError(f"{path}: is not there yet; `dvc repro {stage}` makes it")
        name = path.stem
        others = ", ".join(dict.fromkeys(known)) or "none"
        raise ParamsError(
            f"{self.root.resolve()}: has no {what} {name!r}{nearest(name, known)}; known: {others}; what params.yaml "
            "has and no experiment reads is made when `keep` lists it"
        )
