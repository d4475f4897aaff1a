#!/bin/sh
# Makes a script of the repository one that Linux runs: the right to, and no Windows line endings.
set -eu
cr=$(printf '\r')
case $(head -n 1 "$1" | tr -d '\000') in
  *"$cr") sed -i "s/$cr\$//" "$1" ;;
esac
chmod +x "$1"
