"""What an experiment with targets of params.yaml reads from the disk; see `inputs.py`."""

from pipeline.config.params import Params
from pipeline.config.system_params import system_params
from pipeline.experiments.inputs import joint_features, joint_recordings, read_manifests
from pipeline.experiments.regression import RegressionExperiment
from pipeline.systems.regression import find_regressor


def regression_of(params: Params, name: str, device: str) -> RegressionExperiment:
    """An experiment with targets of params.yaml, with what it reads from the disk.

    Args:
        params: of the project.
        name: the experiment's.
        device: torch device.

    Raises:
        ParamsError: there is no such experiment, or its regressor's params are wrong.
        UserError: a file is missing or damaged, or the experiment has no recordings.
    """
    chosen = params.entry("experiments", name)
    regressor, settings = find_regressor(chosen.system), system_params(name, chosen)
    clean, copied = (joint_features(params, chosen, names) for names in (chosen.corpora, chosen.copy_sets))
    rows, left_out = joint_recordings(chosen, read_manifests(chosen), next(iter(clean.values())))
    return RegressionExperiment(
        name=name,
        system=chosen.system,
        classifier=regressor,
        settings=settings,
        protocol=params.protocols[chosen.protocol],
        rows=rows,
        left_out=left_out,
        clean=clean,
        copied=copied,
        only=chosen.only,
        seed=params.seed,
        device=device,
        trainings=chosen.trainings,
        holds_out=regressor.uses_validation,
        targets=chosen.targets,
    )
