"""The `ser` command's subcommands, one a file, and what every command shares."""
