"""One class on several targets: an ordinary classroom on each, acted on as one."""
