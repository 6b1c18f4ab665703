"""The bridge from measured islands to stress fields and crack risk, and the command line."""
