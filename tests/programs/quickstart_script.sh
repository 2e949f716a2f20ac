#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# quickstart.sh passes its own options only where no argument replaces or excludes them, and runs in the caller's folder. The build
# is replaced by one whose cifar10_sample prints its folder and arguments.
#
#   bash tests/programs/quickstart_script.sh
set -euo pipefail
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() { echo "quickstart_script.sh: $*" >&2 && exit 1; }

mkdir -p "$folder/bin" "$folder/caller" "$folder/tree/examples" "$folder/tree/tests"
cp "$source/examples/quickstart.sh" "$folder/tree/examples"
echo 'program_packages=() && install_missing_packages() { :; }' >"$folder/tree/tests/packages.sh"
cat >"$folder/bin/cmake" <<'CMAKE'
#!/usr/bin/env bash
[ "$1" = --build ] || exit 0
mkdir -p "$2/examples/cifar10"
printf '#!/usr/bin/env bash\necho "$PWD: $*"\n' >"$2/examples/cifar10/cifar10_sample"
chmod +x "$2/examples/cifar10/cifar10_sample"
CMAKE
chmod +x "$folder/bin/cmake"

# passes <words> [argument]...: with these arguments the program is run in the caller's folder with these words.
passes() {
  local words=$1 found
  shift
  found=$(cd "$folder/caller" && PATH=$folder/bin:$PATH bash ../tree/examples/quickstart.sh "$@" | tail -n 1)
  [ "$found" = "$folder/caller: $words" ] || fail "with '$*' the program is called with '$found', not '$words'"
}
own="--predictor ancestral --corrector langevin"
images="--samples 64 --batch 16 --clip-denoised"
out="--out $folder/tree/build/quickstart/samples --overwrite"
passes "$images $own --snr 0.05 --steps 100 $out"
passes "$images $own --snr 0.05 --steps 100 --out here" --out here
passes "$images $own --snr 0.05 --steps 100 --out=here" --out=here
passes "$images $out --solver ddim" --solver ddim
passes "$images $out --predictor=ddim --steps 5" --predictor=ddim --steps 5
passes "$images $own --snr 0.05 $out --nfe 20" --nfe 20
passes "--samples 64 --clip-denoised $own --snr 0.05 --steps 100 $out --batch=4" --batch=4
passes "--samples 64 --batch 16 $own --steps 100 $out --dynamic-threshold 0.995 --snr 0.1" --dynamic-threshold 0.995 --snr 0.1
