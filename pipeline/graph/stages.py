"""The stages that params.yaml asks for: one for each thing wanted, and none for anything else."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline import paths
from pipeline.audio.samples import RATES
from pipeline.config.params import Params
from pipeline.config.protocols import list_of
from pipeline.graph import report_inputs
from pipeline.graph.code import code_command, code_path, code_sources
from pipeline.graph.pretrained import local_model, starting_folders
from pipeline.graph.stage import Stage, in_git, kept
from pipeline.graph.stage_keys import class_set_key, entry_keys, given_key
from pipeline.graph.transfer_stage import transfer_stage
from pipeline.graph.wanted import Wanted, has_matrix, held_out, skipping, tested, wanted
from pipeline.systems import find_system

EVALUATED = ("seed", "class_sets", "experiments", "transfers", "fusions", "scoring")
"""sections that `evaluate` depends on whole, so that a change of any of them is held against dvc.yaml"""

REPORTED = (*EVALUATED, "protocols", "features", "embeddings", "report")
"""sections that `report` shows or follows"""


def graph_stages(params: Params, data: Mapping[str, Any]) -> list[Stage]:
    """The stages in the order in which data flow.

    Args:
        params: what params.yaml asks for.
        data: what it holds as plain data: DVC can depend on keys only that are written there.
    """
    stages = work_stages(params, data)
    files = list(dict.fromkeys(dep for stage in stages for dep in stage.deps if dep.startswith(code_path(""))))
    return [code_stage(files), *stages] if stages else []


def work_stages(params: Params, data: Mapping[str, Any]) -> list[Stage]:
    """The same without the first, `code`, for which an installed package's files are all read."""
    computed = given_key(data, "arithmetic")
    stages = _Graph(params, data, wanted(params)).stages()
    return [replace(each, params=[*computed, *each.params]) for each in stages]


def code_stage(files: list[str]) -> Stage:
    """The stage that writes what each stage depends on in the code."""
    return Stage(
        "code", "digests of the code that results depend on", code_command(), deps=code_sources(), outs=sorted(files)
    )


class _Graph:
    def __init__(self, params: Params, data: Mapping[str, Any], needs: Wanted) -> None:
        self.params, self.data, self.needs = params, data, needs

    def stages(self) -> Iterator[Stage]:
        yield from (self.demo(name) for name in self.params.demo if self.is_read(name))
        yield from map(self.manifest, self.needs.corpora)
        yield from (self.audio(corpus) for corpus in self.needs.corpora if self.needs.rates.get(corpus))
        yield from map(self.copies, self.needs.copies)
        yield from map(self.condition, self.needs.conditions)
        yield from (self.feature(corpus, feature) for corpus, feature in self.needs.pairs())
        yield from map(self.training, self.params.experiments)
        yield from (transfer_stage(self.params, self.data, name) for name in self.params.transfers)
        yield from map(self.fusion, self.params.fusions)
        yield from (self.fused_test(n) if n in self.params.fusions else self.test(n) for n in tested(self.params))
        if self.params.experiments:
            yield (evaluation := self.evaluation())
            yield self.report(evaluation)

    def given(self, section: str, *inner: str) -> list[str]:
        """The key, as a list, if params.yaml has it."""
        return given_key(self.data, section, *inner)

    def keys(self, section: str, name: str) -> list[str]:
        """The keys of an entry that its results depend on."""
        return entry_keys(self.data, section, name)

    def is_read(self, demo: str) -> bool:
        roots = [self.params.corpora[corpus].root for corpus in self.needs.corpora]
        return paths.raw(demo) in roots

    def demo(self, name: str) -> Stage:
        return Stage(
            f"demo-{name}",
            "synthesise a demo corpus",
            f"python -m stages.demo {name}",
            [*self.given("seed"), f"demo.{name}"],
            [code_path("demo")],
            [str(paths.raw(name))],
        )

    def manifest(self, corpus: str) -> Stage:
        params = self.params.corpora[corpus]
        return Stage(
            f"manifest-{corpus}",
            "list and count the recordings of a corpus",
            f"python -m stages.manifest {corpus}",
            [f"corpora.{corpus}"],
            [str(params.root), code_path("manifest", params.reader)],
            [
                # Kept so that DVC does not look for a run on the same recordings: it hashes their folder thrice for it.
                kept(str(paths.manifest(corpus))),
                kept(str(paths.fingerprints(corpus))),
                in_git(str(paths.corpus_report(corpus))),
            ],
        )

    def rates(self, corpus: str) -> list[str]:
        return [name for name in RATES if name in self.needs.rates[corpus]]

    def audio(self, corpus: str) -> Stage:
        rates = self.rates(corpus)
        return Stage(
            f"audio-{corpus}",
            "decode and mix down and resample to 16 bits",
            f"python -m stages.audio {corpus} {' '.join(rates)}",
            deps=[str(paths.manifest(corpus)), code_path("audio")],  # which has the digest of each recording
            outs=[kept(str(paths.audio(corpus, rate))) for rate in rates],
        )

    def copies(self, name: str) -> Stage:
        rates = self.rates(name)
        return Stage(
            f"copies-{name}",
            "copies with noise or at another speed or pitch",
            f"python -m stages.copies {name} {' '.join(rates)}",
            [*self.given("seed"), f"copies.{name}"],
            [str(paths.audio(self.params.copies[name].source, "48k")), code_path("copies")],
            [str(paths.audio(name, rate)) for rate in rates],
        )

    def condition(self, altered: str) -> Stage:
        corpus, name = self.needs.conditions[altered]
        rates = self.rates(altered)
        return Stage(
            f"condition-{corpus}-{name}",
            "recordings as they are under another condition",
            f"python -m stages.condition {corpus} {name} {' '.join(rates)}",
            [*self.given("seed"), f"conditions.{name}"],
            [str(paths.audio(corpus, "48k")), code_path("condition")],
            [str(paths.audio(altered, rate)) for rate in rates],
        )

    def feature(self, corpus: str, name: str) -> Stage:
        extractor, params = self.params.feature(name)
        section = "embeddings" if name in self.params.embeddings else "features"
        rate = next(key for key, value in RATES.items() if value == params.sample_rate)
        return Stage(
            feature_stage(corpus, name),
            f"{extractor.name} of {corpus}",
            f"python -m stages.features {corpus} {name}",
            [*self.given("storage"), f"{section}.{name}"],
            [
                str(paths.audio(corpus, rate)),
                *local_model(getattr(params, "model", "")),
                code_path("features", extractor.name),
            ],
            [kept(str(self.feature_file(corpus, name)))],
        )

    def feature_file(self, corpus: str, name: str) -> Path:
        return paths.feature_file(corpus, name, embedding=name in self.params.embeddings)

    def training(self, name: str) -> Stage:
        experiment = self.params.experiments[name]
        sources = [*experiment.corpora, *experiment.copy_sets]
        files = [str(self.feature_file(s, feature)) for s in sources for feature in experiment.inputs.values()]
        prints = [str(paths.fingerprints(corpus)) for corpus in experiment.corpora if len(experiment.corpora) > 1]
        lists = list_of(self.params.protocols[experiment.protocol])
        hold_out = name in held_out(self.params) and not find_system(experiment.system).uses_validation
        kind = "regress" if experiment.targets else "train"
        return Stage(
            f"train-{name}",
            f"cross-validate {experiment.system} on {' and '.join(experiment.corpora)}",
            f"python -m stages.{kind} {name}{' --hold-out' if hold_out else ''}",
            [
                *self.given("seed"),
                *self.keys("experiments", name),
                *class_set_key(self.data, name),
                f"protocols.{experiment.protocol}",
            ],
            [
                *(str(paths.manifest(corpus)) for corpus in experiment.corpora),
                *prints,
                *dict.fromkeys(files),
                *([str(lists)] if lists else []),
                *starting_folders(self.params, experiment, experiment.params),
                code_path(kind, experiment.system),
            ],
            [str(paths.models(name)), str(paths.predictions(name))],
        )

    def fusion(self, name: str) -> Stage:
        fusion = self.params.fusions[name]
        return Stage(
            f"fuse-{name}",
            f"{fusion.method.replace('_', ' ')} of {len(fusion.of)} branches",
            f"python -m stages.fuse {name}",
            [*self.given("seed"), *self.keys("fusions", name)],
            [
                *(str(folder) for branch in fusion.of for folder in (paths.models(branch), paths.predictions(branch))),
                code_path("fuse"),
            ],
            [str(paths.models(name)), str(paths.predictions(name))],
        )

    def test(self, name: str) -> Stage:
        experiment = self.params.experiments[name]
        altered = [paths.condition(c, condition) for condition in experiment.test_on for c in experiment.corpora]
        files = [str(self.feature_file(each, feature)) for each in altered for feature in experiment.inputs.values()]
        return Stage(
            f"test-{name}",
            f"test {experiment.system} on {' and '.join(experiment.corpora)} under other conditions",
            f"python -m stages.test {name}",
            [f"experiments.{name}.test_on"],
            [
                *(str(paths.manifest(corpus)) for corpus in experiment.corpora),
                *dict.fromkeys(files),
                str(paths.models(name)),
                str(paths.predictions(name)),
                code_path("test", experiment.system),
            ],
            [str(paths.tested(name))],
        )

    def fused_test(self, name: str) -> Stage:
        return Stage(
            f"test-{name}",
            "fuse what the branches give under other conditions",
            f"python -m stages.test {name}",
            [f"fusions.{name}.of"],
            [
                *(str(paths.tested(branch)) for branch in self.params.fusions[name].of),
                str(paths.models(name)),
                code_path("test"),
            ],
            [str(paths.tested(name))],
        )

    def evaluation(self) -> Stage:
        params = self.params
        corpora = dict.fromkeys(corpus for corpus, _ in params.corpora_tested)
        curves = any(find_system(e.system).neural for e in params.experiments.values())
        tables = {
            "conditions.csv": bool(tested(params)),
            "transfers.csv": has_matrix(params, params.classified),
            "dimension_transfers.csv": has_matrix(params, params.regressed),
            "dimensions.csv": bool(params.regressed),
            "dimension_differences.csv": bool(params.regressed),
        }
        files = ["summary.md", "comparisons.csv", "cost.csv", *(name for name, wanted in tables.items() if wanted)]
        layers = any(e.params.get("layers") in ("each", "stacked") for e in params.classified.values())
        choices = any(find_system(e.system).chooses for e in params.experiments.values())
        asked = {"curves": curves, "layers": layers, "choices": choices, "weights": bool(params.fusions)}
        of_classes = ["confusion", "calibration", "groups"] if params.classified else []
        folders = ["details", *of_classes, *(name for name, wanted in asked.items() if wanted)]
        return Stage(
            "evaluate",
            "check for leaks and score every experiment and fusion",
            "python -m stages.evaluate",
            [key for section in EVALUATED for key in self.given(section)],
            [
                *(str(paths.manifest(corpus)) for corpus in corpora),
                *(str(paths.corpus_report(name)) for name in skipping(params)),
                *(str(paths.predictions(name)) for name in (*params.scored, *params.regressed)),
                *(str(paths.tested(name)) for name in tested(params)),
                code_path("evaluate"),
            ],
            [
                *([str(paths.MISTAKES)] if params.classified else []),
                *(in_git(str(paths.METRICS / name)) for name in (*files, *folders, paths.PLOTS.name)),
            ],
            [in_git(str(paths.SCORES))],
        )

    def report(self, evaluation: Stage) -> Stage:
        """The stage that shows what the evaluation left; its page may hold audio, so it is cached, and not in git."""
        corpora = list(dict.fromkeys(corpus for corpus, _ in self.params.corpora_tested))
        inputs = (report_inputs.pictured_feature, report_inputs.played_audio)
        files = [find(self.params, corpus) for find in inputs for corpus in corpora]
        return Stage(
            "report",
            "one page of all that was measured",
            "python -m stages.report",
            [
                *(key for section in REPORTED for key in self.given(section)),
                *(
                    key
                    for corpus in corpora
                    for read in ("reader", "on_bad_audio")
                    for key in self.given("corpora", corpus, read)
                ),
            ],
            [
                *(str(path) for corpus in corpora for path in (paths.manifest(corpus), paths.corpus_report(corpus))),
                *(str(paths.predictions(name)) for name in (*self.params.scored, *self.params.regressed)),
                *evaluation.paths(),
                *dict.fromkeys(str(path) for path in files if path),
                code_path("report"),
            ],
            [str(paths.REPORT)],
        )


def feature_stage(corpus: str, name: str) -> str:
    """The name of the stage that extracts a feature of a corpus, of copies, or of a corpus under a condition."""
    return f"features-{corpus.replace('/', '-')}-{name}"


def name_clashes(stages: Iterable[Stage]) -> list[str]:
    """What says that two stages would have one name, as those of corpus a-b, feature c and of corpus a, feature b-c."""
    seen: dict[str, str] = {}
    clashes = []
    for stage in stages:
        if stage.name in seen:
            clashes.append(f"two stages are named {stage.name!r} ({seen[stage.name]}; {stage.cmd}); rename an entry")
        seen[stage.name] = stage.cmd
    return clashes


def filled_in(stages: Iterable[Stage]) -> list[str]:
    """What says that a path has what DVC would take for a variable of its own, and fill in."""
    found = dict.fromkeys(dep for stage in stages for dep in stage.deps if "${" in dep)
    return [f"{dep!r} has a '${{', which DVC would fill in; rename it, or give a link to it" for dep in found]
