"""`ser audit`: what training and test parts share."""

from pathlib import Path

import click

from pipeline.commands.command import Command


@click.command(cls=Command)
@click.argument("folds", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option(
    "--manifest",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Manifest (data/manifests/CORPUS.jsonl) that says who speaks, what, and which recordings sound the same.",
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="CSV file of all that is shared.")
@click.option("--strict", is_flag=True, help="Fail where speakers are shared or unknown too, not recordings alone.")
@click.pass_context
def audit(ctx: click.Context, folds: tuple[Path, ...], manifest: Path | None, out: Path | None, strict: bool) -> None:
    """Say which speakers, recordings and texts the training and test parts of FOLDS share.

    FOLDS are folders of EmoBox's lists (each of one corpus), CSV files with parts or folds, folds.json files, folders
    of predictions, or experiments of the project in the working folder. Who speaks is what the list says, else the
    manifest (an experiment's is found by itself), else the file's name by its corpus's rule. Two entries are one
    recording where they have the same key, the same path however it is written, the same name by their corpus's rule,
    or, with a manifest, the same sound. What a part lists more than once and what several folds test is said too. The
    exit code is 1 where a recording is shared.
    """
    from pipeline import paths
    from pipeline.corpora import manifest as manifests
    from pipeline.errors import printable
    from pipeline.evaluation.audit import audit, unmatched
    from pipeline.evaluation.fold_files import read_folds
    from pipeline.experiments.predictions import write_csv
    from pipeline.report.audit import COLUMNS, audit_lines, shared_rows, some

    if out is not None:
        paths.check_writable("--out", out, [*folds, *([manifest] if manifest else [])])
    audits = []
    for source in folds:
        found = read_folds(source)
        known = manifest or found.manifest
        rows = manifests.read(known) if known else []
        audits.append((str(source), shared := audit(found.folds, rows, found.twins, found.splits)))
        missing = unmatched(found.folds, rows) if known else []
        notes = [f"not in {known}: {len(missing)} recordings, {some(missing)}"] if missing else []
        for line in (f"{source}:", *audit_lines(shared), *notes):
            click.echo(printable(line))
    if out is not None:
        write_csv(out, COLUMNS, (row for source, one in audits for row in shared_rows(source, one)))
    ctx.exit(int(any(part.leaks(strict) for _, one in audits for part in one.parts)))
