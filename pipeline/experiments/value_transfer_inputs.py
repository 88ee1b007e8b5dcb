"""What a transfer of numbers of params.yaml reads from the disk; see `inputs.py`."""

from pipeline import paths
from pipeline.config.params import Params
from pipeline.config.system_params import transfer_params
from pipeline.corpora import manifest
from pipeline.corpora.prints import copies_across
from pipeline.experiments.inputs import corpus_features, joint_features, joint_recordings, read_manifests
from pipeline.experiments.regression_transfer import RegressionTransfer, ValueReference
from pipeline.experiments.targets import chosen_with_targets
from pipeline.systems.regression import find_regressor


def regression_transfer_of(params: Params, name: str, device: str) -> RegressionTransfer:
    """A transfer of an experiment with targets of params.yaml, with what it reads from the disk.

    Args:
        params: of the project.
        name: the transfer's.
        device: torch device.

    Raises:
        ParamsError: there is no such transfer, or its regressor's params are wrong.
        UserError: a file is missing or damaged, the target has no recording with all of the numbers, or one of the
            source's.
    """
    plan = params.entry("transfers", name)
    source = params.entry("experiments", plan.source)
    clean, copied = (joint_features(params, source, names) for names in (source.corpora, source.copy_sets))
    manifests = read_manifests(source)
    known, _ = joint_recordings(source, manifests, next(iter(clean.values())))
    reference = ValueReference.read(plan.source, known, clean, copied)
    target = manifest.read(paths.manifest(plan.corpus))
    rows, left_out = chosen_with_targets(target, plan.only, reference.card.targets)
    return RegressionTransfer(
        name=name,
        plan=plan,
        reference=reference,
        classifier=find_regressor(source.system),
        settings=transfer_params(name, plan, source),
        rows=rows,
        emotions=None,
        files=corpus_features(params, source, plan.corpus),
        seed=params.seed,
        device=device,
        copies=copies_across({plan.corpus: target} | manifests),
        left_out=left_out,
    )
