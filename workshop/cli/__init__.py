"""The command line: every verb, for people and for programs."""
