#!/usr/bin/env bash
# Makes the lock files anew from pyproject.toml: versions and hashes only, no address of any index.
set -euo pipefail
cd "$(dirname "$0")/.."
unset PIP_FIND_LINKS
compile() {
  .venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
    --no-header --no-annotate --no-emit-index-url --no-emit-find-links "$@"
}
compile pyproject.toml --extra worker -o requirements/worker.txt
compile pyproject.toml --extra worker --extra embedded -c requirements/worker.txt -o requirements/run.txt
compile pyproject.toml --extra worker --extra embedded --extra apprise --extra dev -c requirements/run.txt -o requirements/dev.txt
compile requirements/bootstrap.in -o requirements/bootstrap.txt
compile requirements/build.in -o requirements/build.txt
# Only itself: what it needs is among what everybody has who works on Touchline.
compile requirements/chart.in --no-deps -o requirements/chart.txt
