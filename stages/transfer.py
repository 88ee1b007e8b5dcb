"""Stage `transfer`: test an experiment's models on another corpus, tuned on a share of it or as they are."""

import click

from pipeline import paths
from pipeline.commands.command import Command
from pipeline.commands.options import worker_options
from pipeline.config.system_params import transfer_params
from pipeline.corpora import manifest
from pipeline.corpora.prints import copies_across
from pipeline.experiments.inputs import corpus_features, joint_features, joint_recordings, read_manifests
from pipeline.experiments.reference import Reference
from pipeline.experiments.target import target_rows
from pipeline.experiments.transfer import Transfer
from pipeline.experiments.transfer_run import run_transfer
from pipeline.graph.current import params_for
from pipeline.storage.source import counted
from pipeline.systems import find_system


@click.command(cls=Command, help=__doc__)
@click.argument("name")
@worker_options
def main(name: str, workers: int | None, cluster: str | None) -> None:
    """Run the transfer NAME, and write its probabilities, and its models where a share is trained on."""
    params = params_for(f"transfer-{name}")
    plan = params.entry("transfers", name)
    source = params.entry("experiments", plan.source)
    system = find_system(source.system)
    clean, copied = (joint_features(params, source, names) for names in (source.corpora, source.copy_sets))
    manifests = read_manifests(source)
    known, _ = joint_recordings(source, manifests, next(iter(clean.values())))
    reference = Reference.read(plan.source, known, clean, copied)
    target = manifest.read(paths.manifest(plan.corpus))
    rows, emotions = target_rows(target, plan.only, source.emotions, reference.card.classes)
    transfer = Transfer(
        name=name,
        plan=plan,
        reference=reference,
        classifier=system.load(),
        settings=transfer_params(name, plan, source),
        rows=rows,
        emotions=emotions,
        files=corpus_features(params, source, plan.corpus),
        seed=params.seed,
        device=system.device(cluster),
        copies=copies_across({plan.corpus: target} | manifests),
    )
    predictions, cost = run_transfer(transfer, paths.models(name), workers=workers, cluster=cluster)
    predictions.write(paths.predictions(name))
    times = counted(len(predictions.folds), "draw")
    click.echo(f"{name}: {times}, of {counted(len(transfer.starts), 'model')} each, {cost}")


if __name__ == "__main__":
    main()
