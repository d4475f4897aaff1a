#!/bin/sh
# Runs the repository's `start`, which ends in `exec "$@"`, or the seat's command itself.
if [ -n "${WORKSHOP_START:-}" ] && [ -f "$REPO_DIR/$WORKSHOP_START" ]; then
  cd "$REPO_DIR" || exit 1
  exec "$REPO_DIR/$WORKSHOP_START" "$@"
fi
exec "$@"
