"""params.yaml as typed, validated objects; strict YAML."""
