"""`ser corpora`: names, folders and tables."""

from pathlib import Path

from bad_inputs.corpus import corpus
from bad_inputs.registry import bad_input


@bad_input("ser corpora: a reader that is none", says="unknown corpus 'ravdes' (did you mean 'ravdess'?)", code=2)
def no_reader(folder: Path) -> list[str]:
    return ["corpora", "ravdes"]


@bad_input("ser corpora: a folder that is none", says="corpus folder 'nowhere' does not exist")
def no_folder(folder: Path) -> list[str]:
    return ["corpora", "ravdess", "nowhere"]


@bad_input("ser corpora: no project", says="params.yaml: not found; run the command in the project's folder", code=2)
def no_project(folder: Path) -> list[str]:
    return ["corpora", "--project"]


@bad_input("ser corpora: a name and the project", says="NAME and --project exclude each other", code=2)
def both(folder: Path) -> list[str]:
    return ["corpora", "ravdess", "--project"]


@bad_input("ser corpora: a table of no folder", says="--table is of a FOLDER; give one, or leave it out", code=2)
def table_of_no_folder(folder: Path) -> list[str]:
    return ["corpora", "folder", "--table", "labels.csv"]


@bad_input("ser corpora: a folder of another corpus", says="not a RAVDESS file name (seven two-digit codes")
def another(folder: Path) -> list[str]:
    corpus(folder, "savee", ("DC/sa03.wav",))
    return ["corpora", "ravdess", "recordings"]


@bad_input("ser corpora: two files of one name that differ", says="have the same key 'savee-DC_sa03', and differ")
def two_files(folder: Path) -> list[str]:
    corpus(folder, "savee", ("DC/sa03.wav", "again/DC/sa03.wav"))
    return ["corpora", "savee", "recordings"]


@bad_input("MELD: no table", says="recordings: MELD's tables are not there (train_sent_emo.csv, ")
def meld_without_table(folder: Path) -> list[str]:
    corpus(folder, "meld", ("train/dia0_utt0.wav",))
    return ["stages.manifest", "mine"]


@bad_input("MELD: a table without a column", says="train_sent_emo.csv: has no column 'Speaker'; put back the table")
def meld_without_column(folder: Path) -> list[str]:
    (corpus(folder, "meld", ("train/dia0_utt0.wav",)) / "train_sent_emo.csv").write_text("Utterance\n", "utf-8")
    return ["stages.manifest", "mine"]


@bad_input("MELD: a recording of no part", says="neither its folder nor its name says train, dev or test")
def meld_of_no_part(folder: Path) -> list[str]:
    table = "Utterance,Speaker,Emotion,Dialogue_ID,Utterance_ID\n"
    (corpus(folder, "meld", ("dia0_utt0.wav",)) / "train_sent_emo.csv").write_text(table, "utf-8")
    return ["stages.manifest", "mine"]


@bad_input("MSP-Podcast: no table", says="MSP-Podcast's Labels/labels_consensus.csv is not there; put it back")
def podcast_without_table(folder: Path) -> list[str]:
    corpus(folder, "msp_podcast", ("Audios/MSP-PODCAST_0001_0008.wav",))
    return ["stages.manifest", "mine"]


@bad_input("ShEMO: a damaged list", says="shemo.json: is no list of ShEMO's recordings")
def shemo_damaged(folder: Path) -> list[str]:
    (corpus(folder, "shemo", ("F21N05.wav",)) / "shemo.json").write_text("{", "utf-8")
    return ["stages.manifest", "mine"]
