"""The stage of a transfer: the source's models on another corpus."""

from collections.abc import Mapping
from typing import Any

from pipeline import paths
from pipeline.config.params import Params
from pipeline.graph.code import code_path
from pipeline.graph.pretrained import starting_folders
from pipeline.graph.stage import Stage
from pipeline.graph.stage_keys import class_set_key, entry_keys, given_key


def transfer_stage(params: Params, data: Mapping[str, Any], name: str) -> Stage:
    """The stage of a transfer. It reads the source's features and fingerprints too, by which a recording of both
    corpora is known."""
    transfer = params.transfers[name]
    source = params.experiments[transfer.source]
    corpora = [transfer.corpus, *source.corpora]
    files = [
        paths.feature_file(corpus, feature, embedding=feature in params.embeddings)
        for corpus in (*corpora, *source.copy_sets)
        for feature in source.inputs.values()
    ]
    how = "tune" if transfer.share else "zero-shot"
    kind = "transfer_values" if source.targets else "transfer"
    return Stage(
        f"transfer-{name}",
        f"{how} {source.system} of {' and '.join(source.corpora)} on {transfer.corpus}",
        f"python -m stages.{kind} {name}",
        [
            *given_key(data, "seed"),
            *entry_keys(data, "transfers", name),
            *entry_keys(data, "experiments", transfer.source),
            *class_set_key(data, transfer.source),
        ],
        [
            *(str(of(corpus)) for of in (paths.manifest, paths.fingerprints) for corpus in corpora),
            *dict.fromkeys(map(str, files)),
            str(paths.models(transfer.source)),
            str(paths.predictions(transfer.source)),
            *starting_folders(params, source, {**source.params, **transfer.params}),
            code_path(kind, source.system),
        ],
        [*([str(paths.models(name))] if transfer.trains(source) else []), str(paths.predictions(name))],
    )
