#!/usr/bin/env bash
# Gradescope runs this once, as root, when the autograder is built: it installs what
# grading needs into /autograder/venv.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
source=/autograder/source

apt-get update
# The sandbox. Where the container allows it no namespaces, Landlock does the work.
apt-get install -y --no-install-recommends bubblewrap
# Ubuntu 22.04 has Python 3.10 as its own and 3.11 besides; 24.04 has 3.12.
for version in 3.13 3.12 3.11; do
    if apt-get install -y --no-install-recommends "python$version" "python$version-venv"; then
        break
    fi
done
"python$version" -m venv /autograder/venv
# The small torch, without CUDA.
/autograder/venv/bin/pip install --no-cache-dir -c "$source/constraints.txt" \
    --extra-index-url https://download.pytorch.org/whl/cpu -e "$source"
