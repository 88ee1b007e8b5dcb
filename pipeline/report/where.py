"""Where to look after an evaluation, in a few lines for a terminal."""

WHERE = """\
Scores:         metrics/summary.md, metrics/scores.json (`dvc metrics show --md`), metrics/details/
Plots:          metrics/plots/: scores.svg, confusion/, calibration/, curves/; `dvc plots show` puts them on one page
Mistakes:       data/mistakes/EXPERIMENT.csv, the surest first
Probabilities:  data/predictions/EXPERIMENT/probabilities.csv, of every utterance out of fold; numbers: values.csv
Models:         data/models/EXPERIMENT/   Features: data/features/, data/embeddings/
Next:           change params.yaml, run `ser graph` and `dvc repro`; `ser corpora` lists what can be read"""
