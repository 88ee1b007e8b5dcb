"""params.yaml -> dvc.yaml: what runs, on what, and when again."""
