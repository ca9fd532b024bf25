#!/usr/bin/env bash
# install_perf_analyzer.sh FOLDER: makes FOLDER/run once, and again when the
# version changes. It takes the arguments of NVIDIA's perf_analyzer and works in
# the system as it is: shared memory and loopback are everybody's.
#
# The wheel needs glibc 2.38. Where there is an older one, the libraries of
# Debian 13 come to lie beside it, and their own loader loads it. Nobody has to
# be root. Needs Debian 12 or 13 with python3 and python3-venv.
set -euo pipefail

# The newest; PyPI shows its wheel to systems with glibc 2.38 only.
readonly version=2.60.0
# It loads CUDA's runtime for any kind of shared memory. Needs no GPU.
readonly cuda_version=12.9.79
readonly folder=$1
readonly libraries=$folder/debian13

# apt PACKAGES-FOLDER ARGUMENT...: apt-get with a state of its own and the mirror
# that this machine's apt uses, of which it takes Debian 13.
apt() {
  local state=$1 codename mirror
  codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
  mirror=$(apt-get indextargets --format "\$(SITE) \$(RELEASE)" \
    'Created-By: Packages' 'Component: main' |
    awk -v release="$codename" '$2 == release { print $1; exit }')
  if [[ -z $mirror ]]; then
    echo "perf_analyzer: apt's sources name no mirror of '$codename'" >&2
    exit 1
  fi
  mkdir -p "$state/lists/partial" "$state/archives/partial"
  : >"$state/status"
  local keys=/usr/share/keyrings/debian-archive-keyring.gpg
  echo "deb [signed-by=$keys] $mirror trixie main" >"$state/sources.list"
  apt-get -qq -o Dir::State="$state" -o Dir::State::status="$state/status" \
    -o Dir::Cache="$state" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::Etc::sourcelist="$state/sources.list" -o APT::Sandbox::User= \
    -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false \
    -o Acquire::Languages=none "${@:2}"
}

install_libraries() {
  local state package
  mkdir -p "$libraries"
  state=$(realpath "$libraries")/apt
  # Images have apt tidy up root's files after an update.
  apt "$state" update 2> >(grep -v '^rm: cannot remove' >&2)
  (cd "$libraries" && apt "$state" download \
    libc6 libgcc-s1 libstdc++6 libssl3t64 libzstd1 zlib1g)
  for package in "$libraries"/*.deb; do
    dpkg-deb --extract "$package" "$libraries"
    rm "$package"
  done
  rm -rf "$state"
}

write_launcher() {
  cat >"$folder/run" <<'END'
#!/bin/sh
folder=$(dirname "$(readlink -f "$0")")
program=$folder/wheel/perf_analyzer/bin/perf_analyzer
cuda=$folder/wheel/nvidia/cuda_runtime/lib
for loader in "$folder"/debian13/usr/lib/*-linux-gnu/ld-linux-*.so.*; do
  [ ! -e "$loader" ] ||
    exec "$loader" --library-path "$(dirname "$loader"):$cuda" "$program" "$@"
done
LD_LIBRARY_PATH=$cuda exec "$program" "$@"
END
  chmod +x "$folder/run"
}

main() {
  local versions="$version $cuda_version"
  [[ $(cat "$folder/version" 2>/dev/null) != "$versions" ]] || return 0
  rm -rf "$folder"
  mkdir -p "$folder"
  python3 -m venv "$folder/pip"
  "$folder/pip/bin/pip" --disable-pip-version-check install --quiet --no-deps \
    --only-binary :all: --platform "manylinux_2_38_$(uname -m)" \
    --target "$folder/wheel" "perf-analyzer==$version"
  "$folder/pip/bin/pip" --disable-pip-version-check install --quiet --no-deps \
    --target "$folder/wheel" "nvidia-cuda-runtime-cu12==$cuda_version"
  ln -s libcudart.so.12 "$folder/wheel/nvidia/cuda_runtime/lib/libcudart.so"
  rm -rf "$folder/pip"
  chmod +x "$folder/wheel/perf_analyzer/bin/perf_analyzer"
  local glibc
  glibc=$(getconf GNU_LIBC_VERSION)
  local order=("${glibc#glibc }" 2.38)
  if [[ $(printf '%s\n' "${order[@]}" | sort -V | head -n 1) != 2.38 ]]; then
    install_libraries
  fi
  write_launcher
  "$folder/run" --version
  echo "$versions" >"$folder/version"
}

main
