#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The one list of Debian packages, and the function that installs what is missing.
#
#   bash tests/packages.sh         installs what the programs and the tests need
#   source tests/packages.sh       defines the lists and install_missing_packages
#
# If nothing is missing, neither network nor root access is required. CUDA (nvcc, the toolkit, cuDNN) is not a Debian package: the
# build uses it if CMake finds it and prints a message otherwise (docs/cuda.md).

# To build and run the library's programs.
program_packages=(g++ cmake ninja-build libeigen3-dev libxtensor-dev nlohmann-json3-dev libpng-dev libjpeg-dev libwebp-dev
  zlib1g-dev libcli11-dev)
# Additional packages of tests, checks and benchmarks. Programs run on several machines with Open MPI, which none of them requires.
test_packages=(catch2 libopenmpi-dev openmpi-bin libfaketime libbenchmark-dev liblmdb-dev clang libomp-dev clang-format python3)

# install_missing_packages <package>...: on failure prints what to install and returns 1.
install_missing_packages() {
  local package missing=() privileged=()
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "This is not a Debian system: nothing is installed. Required packages, by their Debian names: $*" >&2
    return 0
  fi
  for package in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
      missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "Missing packages: ${missing[*]}" >&2
      echo "Installing them requires root or sudo. As root: apt-get install ${missing[*]}" >&2
      return 1
    fi
    privileged=(sudo)
  fi
  echo "Installing ${missing[*]}"
  "${privileged[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq &&
    "${privileged[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
      --no-install-recommends "${missing[@]}" >/dev/null || {
    echo "apt-get could not install: ${missing[*]}" >&2
    return 1
  }
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  install_missing_packages "${program_packages[@]}" "${test_packages[@]}"
fi
