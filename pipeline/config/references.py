"""Checks across the sections of params.yaml: every name refers to something, every experiment has what it takes."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from pipeline.config.experiments import CLEAN, ExperimentParams
from pipeline.config.fusions import FusionParams
from pipeline.config.params import Params
from pipeline.config.protocols import GroupedKFold, LeaveOneCorpusOut, StratifiedSplit, has_validation, list_of, repeats
from pipeline.config.targets import moved_target_problems, target_problems
from pipeline.corpora import READERS
from pipeline.errors import nearest
from pipeline.systems import REGISTRY, find_system

Names = Mapping[str, Collection[str]]
"""section -> the names of its entries, those that are wrong in themselves too"""

LONGEST_NAME = 100
"""characters: names become parts of file names"""

SHARED_BY_BRANCHES = {"corpus": "corpora", "protocol": "protocols", "emotions": "", "only": "", "trainings": ""}
"""what the branches of a fusion have in common -> the section that it names an entry of; \"\" for a value"""


def reference_problems(params: Params, names: Names) -> list[str]:
    """What does not fit between sections, as `key: problem`."""
    return [
        *_names(names),
        *_corpora(params, names),
        *(line for name in params.experiments for line in _experiment(params, names, name)),
        *(line for name in params.transfers for line in _transfer(params, names, name)),
        *(line for name in params.fusions for line in _fusion(params, names, name)),
        *_kept(params, names),
    ]


def name_problem(name: str) -> str | None:
    """Why a name could not be a part of file names and of DVC's stage names at once; None when it could."""
    if not isinstance(name, str) or not name or not all(c.isascii() and (c.isalnum() or c in "_-") for c in name):
        return f"name {name!r} may hold only letters, digits, '_' and '-'"
    if name.startswith("-"):
        return f"name {name!r} begins with '-', as options do"
    if len(name) > LONGEST_NAME:
        return f"name {name[:20]!r}... has {len(name)} characters, and {LONGEST_NAME} are the most"
    return None


def _names(names: Names) -> Iterator[str]:
    for section, entries in names.items():
        for name in entries:
            if problem := name_problem(name):
                yield f"{section}.{name}: {problem}"
    if CLEAN in names["conditions"]:
        yield f"conditions.{CLEAN}: is what recordings are as they are; choose another name"
    for one, other, why in (
        ("embeddings", "features", "features and embeddings share their names"),
        ("copies", "corpora", "corpora and copies share their names"),
        ("fusions", "experiments", "experiments and fusions share their names"),
        ("transfers", "experiments", "experiments and transfers share their names"),
        ("fusions", "transfers", "transfers and fusions share their names"),
    ):
        for name in names[one]:
            if name in names[other]:
                yield f"{one}.{name}: is the name of an entry of {other} too, and {why}; choose another"


def _missing(key: str, name: str, known: Iterable[str], section: str) -> str:
    known = list(known)
    return f"{key}: {name!r} is not in {section}{nearest(name, known)}; known: {', '.join(known) or 'none'}"


def _corpora(params: Params, names: Names) -> Iterator[str]:
    for name, corpus in params.corpora.items():
        if corpus.reader not in READERS:
            yield _missing(f"corpora.{name}.reader", corpus.reader, READERS, "the corpus readers")
    for name, copies in params.copies.items():
        if copies.source not in names["corpora"]:
            yield _missing(f"copies.{name}.source", copies.source, names["corpora"], "corpora")


def _experiment(params: Params, names: Names, name: str) -> Iterator[str]:
    experiment, key = params.experiments[name], f"experiments.{name}"
    wanted = {"corpus": experiment.corpora, "protocol": [experiment.protocol], "copies": experiment.copy_sets}
    for field, section in (("corpus", "corpora"), ("protocol", "protocols"), ("copies", "copies")):
        for given in wanted[field]:
            if given not in names[section]:
                yield _missing(f"{key}.{field}", given, names[section], section)
    for condition in experiment.test_on:
        if condition not in names["conditions"]:
            yield _missing(f"{key}.test_on", condition, names["conditions"], "conditions")
    for name in experiment.copy_sets:
        source = params.copies[name].source if name in params.copies else ""
        if source not in experiment.corpora and {source, *experiment.corpora} <= {*names["corpora"]}:
            corpora = " or ".join(map(repr, experiment.corpora))
            yield f"{key}.copies: {name!r} are copies of {source!r}, not of {corpora}"
    sources = [params.copies[name].source for name in experiment.copy_sets if name in params.copies]
    if twice := next((source for source in sources if sources.count(source) > 1), None):
        yield f"{key}.copies: names two of corpus {twice!r}; one entry of copies can have all of them"
    yield from _several(params, key, experiment)
    if experiment.system not in REGISTRY:
        yield _missing(f"{key}.system", experiment.system, REGISTRY, "the systems")
    else:
        yield from _roles(params, names, key, experiment)
    yield from target_problems(params, key, experiment)


def _several(params: Params, key: str, experiment: ExperimentParams) -> Iterator[str]:
    """What an experiment on several corpora can do that one on one corpus cannot, and the other way round."""
    protocol, several = params.protocols.get(experiment.protocol), len(experiment.corpora) > 1
    if several and protocol and list_of(protocol):
        yield f"{key}.protocol: {experiment.protocol!r} has lists of one corpus, and the experiment has several"
    if not several and isinstance(protocol, LeaveOneCorpusOut):
        yield (
            f"{key}.protocol: {experiment.protocol!r} leaves one corpus out, and the experiment has one; list several, "
            "as corpus: [a, b]"
        )
    if not several and experiment.balance in ("corpus", "corpus_and_class"):
        yield f"{key}.balance: {experiment.balance} is of several corpora, and the experiment has one; choose class"


def _roles(params: Params, names: Names, key: str, experiment: ExperimentParams) -> Iterator[str]:
    system, inputs = find_system(experiment.system), experiment.inputs
    taken = ", ".join([*system.roles, *(f"{role} (optional)" for role in system.optional)])
    for role in system.roles:
        if role not in inputs:
            yield f"{key}.{role}: is missing; {experiment.system} takes {taken}"
    if not system.roles and not inputs:
        yield f"{key}: reads no features; {experiment.system} takes one or more of {', '.join(system.optional)}"
    for role, feature in inputs.items():
        if role not in (*system.roles, *system.optional):
            yield f"{key}.{role}: is not taken by {experiment.system}; it takes {taken}"
            continue
        known = [*names["features"], *names["embeddings"]]
        if feature not in known:
            yield _missing(f"{key}.{role}", feature, known, "embeddings" if role == "ssl" else "features")
        elif feature in params._features:
            extractor = params.feature(feature)[0].name
            if extractor not in system.extractors(role):
                expected = " or ".join(system.extractors(role))
                yield f"{key}.{role}: {feature!r} is made by {extractor}, and this role takes {expected}"


def _transfer(params: Params, names: Names, name: str) -> Iterator[str]:
    transfer, key = params.transfers[name], f"transfers.{name}"
    for field, section in (("source", "experiments"), ("corpus", "corpora")):
        if (given := getattr(transfer, field)) not in names[section]:
            yield _missing(f"{key}.{field}", given, names[section], section)
    source = params.experiments.get(transfer.source)
    if source is None:
        return
    folds = _folds(params, source)
    if isinstance(transfer.weights, int) and folds and transfer.weights >= folds:
        yield f"{key}.weights: {transfer.weights}, and the source has the folds 0 to {folds - 1}"
    yield from moved_target_problems(params, key, transfer, source)
    if transfer.corpus in source.corpora:
        yield f"{key}.corpus: {transfer.corpus!r} is what {transfer.source!r} was trained on; take another"
    if source.system in REGISTRY and transfer.tune != "all" and transfer.tune not in find_system(source.system).parts:
        yield f"{key}.tune: {_untuned(source.system, transfer.tune)}"


def _folds(params: Params, experiment: ExperimentParams) -> int:
    """How many models an experiment trains; 0 where that depends on its corpus."""
    protocol = params.protocols.get(experiment.protocol)
    if not isinstance(protocol, GroupedKFold | StratifiedSplit):
        return 0
    return repeats(protocol) * int(getattr(protocol, "folds", 1)) * experiment.trainings


def _untuned(system: str, part: str) -> str:
    """Why a part of a system cannot be tuned."""
    parts = find_system(system).parts
    if not parts:
        return f"{system} is no network, and is fitted again as a whole; leave tune out"
    return f"{system} has no {part}; take {' or '.join([*parts, 'all'])}"


def _fusion(params: Params, names: Names, name: str) -> Iterator[str]:
    key, fusion = f"fusions.{name}", params.fusions[name]
    for branch in fusion.of:
        if branch not in names["experiments"] and branch not in names["fusions"]:
            yield _missing(f"{key}.of", branch, [*names["experiments"], *names["fusions"]], "experiments or fusions")
        elif branch in params.regressed:
            yield f"{key}.of: {branch!r} has targets, and a fusion is of class probabilities; take it out"
    if name in _branches(params, name):
        yield f"{key}.of: {name!r} would be fused with itself"
        return
    leaves = list(filter(None, (_leaf(params, branch) for branch in fusion.of)))
    for leaf in dict.fromkeys(leaves[1:]):
        for field, section in SHARED_BY_BRANCHES.items():
            one, other = (getattr(params.experiments[each], field) for each in (leaves[0], leaf))
            known = not section or {*_listed(one), *_listed(other)} <= {*names[section]}
            if known and one != other:
                yield f"{key}.of: {leaves[0]!r} and {leaf!r} differ in {field} ({_shown(one)} and {_shown(other)})"
    yield from _fitted(params, key, fusion, leaves)


def _fitted(params: Params, key: str, fusion: FusionParams, leaves: Sequence[str]) -> Iterator[str]:
    """Whether there will be probabilities of the part that a fusion is fitted on."""
    name = params.experiments[leaves[0]].protocol if leaves else ""
    protocol = params.protocols.get(name)
    if protocol and fusion.fit_on == "training" and not protocol.inner_folds:
        yield f"{key}.fit_on: training needs inner_folds, and protocol {name!r} has none; add them, or take validation"
    if protocol and fusion.fit_on == "validation" and not has_validation(protocol):
        yield f"{key}.fit_on: validation needs a validation part, and protocol {name!r} has none; add one to it"
    if isinstance(protocol, StratifiedSplit) and fusion.fit_on == "other_folds":
        yield f"{key}.fit_on: other_folds needs several folds, and protocol {name!r} has one a split; take validation"
    if protocol and fusion.solver == "adam" and not has_validation(protocol):
        yield (
            f"{key}.solver: adam needs a validation part to choose its epoch by, and protocol {name!r} has none; add "
            "one to it, or take lbfgs"
        )
    for branch in fusion.of:
        inner = params.fusions.get(branch)
        if inner and inner.fit_on == "other_folds":
            yield (
                f"{key}.of: {branch!r} is fitted on other_folds, so that its probabilities know the labels they would "
                "be tested by here; give it another fit_on"
            )


def _leaf(params: Params, branch: str) -> str:
    """The first experiment that a branch is made of, which stands for it; "" where there is none."""
    parts = [branch, *(_branches(params, branch) if branch in params.fusions else [])]
    return next((part for part in parts if part in params.experiments), "")


def _listed(value: object) -> list[str]:
    """The names that stand alone or in a list."""
    return [*map(str, value)] if isinstance(value, list) else [str(value)]


def _shown(value: object) -> str:
    return "all" if value is None else " + ".join(_listed(value)) if isinstance(value, list) else str(value)


def _branches(params: Params, name: str) -> list[str]:
    """All that a fusion is made of, directly or through other fusions, each once."""
    seen: dict[str, None] = {}
    ahead = list(params.fusions[name].of)
    while ahead:
        branch = ahead.pop(0)
        if branch not in seen:
            seen[branch] = None
            ahead += params.fusions[branch].of if branch in params.fusions else []
    return list(seen)


def _kept(params: Params, names: Names) -> Iterator[str]:
    for corpus, features in params.keep.items():
        if corpus not in names["corpora"] and corpus not in names["copies"]:
            yield _missing(f"keep.{corpus}", corpus, [*names["corpora"], *names["copies"]], "corpora or copies")
        for feature in features:
            known = [*names["features"], *names["embeddings"]]
            if feature not in known:
                yield _missing(f"keep.{corpus}", feature, known, "features or embeddings")
