"""What an experiment of params.yaml reads from the disk: its features, and its recordings."""

from collections.abc import Mapping, Sequence

from pipeline import paths
from pipeline.config.experiments import ExperimentParams
from pipeline.config.params import Params
from pipeline.config.system_params import system_params
from pipeline.corpora import manifest
from pipeline.corpora.manifest import Row
from pipeline.corpora.prints import copies_across
from pipeline.errors import UserError
from pipeline.experiments.experiment import Experiment, Features
from pipeline.experiments.joint_corpora import check_consistent, digests_of, joint_rows
from pipeline.experiments.selection import chosen
from pipeline.experiments.targets import chosen_with_targets
from pipeline.storage.feature_file import FeatureFile
from pipeline.storage.joined import Joined, joined
from pipeline.systems import find_system


def experiment_of(params: Params, name: str, device: str, hold_out: bool = False) -> Experiment:
    """An experiment of params.yaml, with what it reads from the disk.

    Args:
        params: of the project.
        name: the experiment's.
        device: torch device.
        hold_out: whether to keep a validation part that the system has no use for.

    Raises:
        ParamsError: there is no such experiment, or its system's params are wrong.
        UserError: a file is missing or damaged, or the experiment has no recordings.
    """
    chosen = params.entry("experiments", name)
    system, settings = find_system(chosen.system), system_params(name, chosen)
    manifests = read_manifests(chosen)
    clean, copied = (joint_features(params, chosen, names) for names in (chosen.corpora, chosen.copy_sets))
    rows, left_out = joint_recordings(chosen, manifests, next(iter(clean.values())))
    return Experiment(
        name=name,
        system=chosen.system,
        classifier=system.load(),
        settings=settings,
        protocol=params.protocols[chosen.protocol],
        rows=rows,
        left_out=left_out,
        clean=clean,
        copied=copied,
        emotions=chosen.emotions,
        only=chosen.only,
        seed=params.seed,
        device=device,
        trainings=chosen.trainings,
        balance=chosen.balance,
        labels=chosen.labels,
        holds_out=hold_out or system.uses_validation,
    )


def joint_features(params: Params, experiment: ExperimentParams, names: Sequence[str]) -> dict[str, Features]:
    """Role -> features of corpora, or of copies; nothing without any.

    Args:
        params: of the project.
        experiment: says which feature fills each role.
        names: of the corpora, the copies, or the corpora under a condition.

    Raises:
        UserError: a file is missing or damaged, or those of several corpora were made in different ways.
    """
    if not names:
        return {}
    several = len(experiment.corpora) > 1
    return {
        role: _of_all({name: _file(params, name, feature) for name in names}, params, several)
        for role, feature in experiment.inputs.items()
    }


def corpus_features(params: Params, experiment: ExperimentParams, corpus: str) -> dict[str, Features]:
    """Role -> the features of any one corpus that an experiment reads of its own.

    Raises:
        UserError: a file is missing or damaged.
    """
    return {role: _file(params, corpus, feature) for role, feature in experiment.inputs.items()}


def _file(params: Params, name: str, feature: str) -> FeatureFile:
    return FeatureFile(paths.feature_file(name, feature, embedding=feature in params.embeddings))


def _of_all(files: dict[str, FeatureFile], params: Params, several: bool) -> Features:
    """The file of the only corpus as it is; else all as one, each under the name of its corpus."""
    if not several:
        return joined(files)
    return Joined({_corpus_of(params, name): file for name, file in files.items()})


def _corpus_of(params: Params, name: str) -> str:
    """The corpus that copies, or a folder of a corpus under a condition, are of."""
    return params.copies[name].source if name in params.copies else name.partition("/")[0]


def read_manifests(experiment: ExperimentParams) -> dict[str, list[Row]]:
    """Corpus -> the rows of its manifest, of an experiment's.

    Raises:
        UserError: one cannot be read.
    """
    return {corpus: manifest.read(paths.manifest(corpus)) for corpus in experiment.corpora}


def joint_recordings(
    experiment: ExperimentParams, manifests: Mapping[str, Sequence[Row]], features: Features
) -> tuple[list[Row], list[Row]]:
    """The rows of an experiment, with its classes for their emotions or its numbers, and its corpora's other rows.

    Args:
        experiment: says which corpora, classes, languages and genders.
        manifests: corpus -> its rows.
        features: of its corpora, by whose digests recordings that two corpora have are known; so they are by sound.

    Raises:
        UserError: a corpus has no recording of the classes, languages and genders, or two
            corpora have one recording with two labels, or fingerprints are missing or damaged.
    """
    rows = joint_rows(manifests, digests_of(features), copies_across(manifests))
    if experiment.targets:
        own, others = chosen_with_targets(rows, experiment.only, experiment.targets)
    else:
        own, others = chosen(rows, experiment.only, experiment.emotions)
        check_consistent(own)
    for corpus in experiment.corpora:
        if not any(row.dataset == corpus for row in own):
            what = "numbers" if experiment.targets else "classes"
            raise UserError(f"{corpus}: has no recording of the experiment's {what}; take it out of its `corpus`")
    return own, others
