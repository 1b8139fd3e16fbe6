#!/bin/sh
# Installs what DAIL is built and run with. Debian and Ubuntu: by apt, as root or through sudo. Elsewhere it
# names what is missing, with the usual module and Spack names, and fails.
#
#   etc/install-deps.sh               what is missing to build and train
#   etc/install-deps.sh --if-missing  say nothing when nothing is missing
#   etc/install-deps.sh --names       install nothing: name what is missing, and fail if something is
#   etc/install-deps.sh --heif        also what reads HEIC and AVIF, which loads a dozen libraries at every start
#   etc/install-deps.sh --plot        also what dail report draws with
#   etc/install-deps.sh --check       also what the tests are made and run with
#   etc/install-deps.sh --oracle      also what the comparisons with PyTorch and TensorBoard need (python3-torch and others)
#   etc/install-deps.sh --lint        also the second compiler and the formatter
#   etc/install-deps.sh --bench       also what make bench gives PyTorch to be fast with
#   etc/install-deps.sh --hosts       also what the test of several hosts makes them with
#   etc/install-deps.sh --slurm       also the scheduler that slurm/ is tested with
#   etc/install-deps.sh --fuzz        also the compiler that fuzzes, and what reports its coverage
#   etc/install-deps.sh --ablation    also what the experiments are driven with
#   etc/install-deps.sh --simulation  also what simulates networks of many hosts
#   etc/install-deps.sh --debian13    also what makes a bare Debian in a folder
#   etc/install-deps.sh --aarch64     also the compiler for 64-bit Arm, and what runs its programs
set -eu
PATH=$PATH:/usr/sbin:/sbin

quiet=0
install=1
want="build"
for argument in "$@"; do
    case $argument in
    --if-missing) quiet=1 ;;
    --names) quiet=1 install=0 ;;
    --heif) want="$want heif" ;;
    --plot) want="$want plot" ;;
    --check) want="$want check" ;;
    --oracle) want="$want oracle" ;;
    --lint) want="$want lint" ;;
    --bench) want="$want bench" ;;
    --hosts) want="$want hosts" ;;
    --slurm) want="$want slurm" ;;
    --fuzz) want="$want fuzz" ;;
    --ablation) want="$want ablation" ;;
    --simulation) want="$want simulation" ;;
    --debian13) want="$want debian13" ;;
    --aarch64) want="$want aarch64" ;;
    *)
        echo "install-deps: unknown option $argument" \
            "(--if-missing, --names, --heif, --plot, --check, --oracle, --lint, --bench, --hosts, --slurm, --fuzz, --ablation, --simulation, --debian13, --aarch64)" >&2
        exit 2
        ;;
    esac
done

has_package() {
    for name in $1; do
        pkg-config --exists "$name" 2>/dev/null && return 0
    done
    return 1
}
has_command() { command -v "$1" >/dev/null 2>&1; }
has_library() {
    for file in /usr/lib/*/"$1" /usr/lib*/"$1"; do
        [ -e "$file" ] && return 0
    done
    return 1
}
has_python() { /usr/bin/python3 -c "import $1" 2>/dev/null; }

# kind | how to recognise it | Debian package | module | Spack package
list() {
    cat <<'TABLE'
build|command pkg-config|pkg-config|pkgconf|pkgconf
build|command mpicc|libopenmpi-dev|openmpi|openmpi
build|command mpirun|openmpi-bin|openmpi|openmpi
build|package openblas openblas64|libopenblas-dev|openblas|openblas
build|package hdf5-serial hdf5 or h5cc|libhdf5-dev|hdf5|hdf5~mpi
build|package yaml-0.1|libyaml-dev|libyaml|libyaml
build|package libjpeg|libjpeg-dev|libjpeg-turbo|libjpeg-turbo
build|package libpng|libpng-dev|libpng|libpng
build|package zlib|zlib1g-dev|zlib|zlib
build|package hwloc|libhwloc-dev|hwloc|hwloc
build|package jansson|libjansson-dev|jansson|jansson
build|package libprotobuf-c|libprotobuf-c-dev|protobuf-c|protobuf-c
build|command protoc-c|protobuf-c-compiler|protobuf-c|protobuf-c
formats|package libwebp|libwebp-dev|libwebp|libwebp
formats|package libtiff-4|libtiff-dev|libtiff|libtiff
heif|package libheif|libheif-dev|libheif|libheif
plot|command gnuplot|gnuplot-nox|gnuplot|gnuplot
check|package cmocka|libcmocka-dev|cmocka|cmocka
check|command prove|perl|perl|perl
check|command ps|procps|procps-ng|procps
oracle|python torch|python3-torch|py-torch|py-torch
oracle|python h5py|python3-h5py|py-h5py|py-h5py
oracle|python ensurepip|python3-venv|python|python
oracle|command mandoc|mandoc|mandoc|mandoc
oracle|python yaml|python3-yaml|py-pyyaml|py-pyyaml
bench|library libtcmalloc_minimal.so.4|libtcmalloc-minimal4|gperftools|gperftools
bench|command taskset|util-linux|util-linux|util-linux
lint|command clang|clang|llvm|llvm
lint|command clang-format|clang-format|llvm|llvm
lint|omp clang|libomp-dev|llvm|llvm-openmp
hosts|command ip|iproute2|iproute2|iproute2
hosts|command unshare|util-linux|util-linux|util-linux
slurm|command slurmctld|slurm-wlm|slurm|slurm
slurm|command munged|munge|munge|munge
fuzz|command clang|clang|llvm|llvm
fuzz|omp clang|libomp-dev|llvm|llvm-openmp
fuzz|fuzzer clang|libclang-rt-dev|llvm|llvm
fuzz|command llvm-cov|llvm|llvm|llvm
ablation|python yaml|python3-yaml|py-pyyaml|py-pyyaml
ablation|command taskset|util-linux|util-linux|util-linux
ablation|command setpriv|util-linux|util-linux|util-linux
simulation|command smpicc|libsimgrid-dev|simgrid|simgrid
debian13|command debootstrap|debootstrap|debootstrap|debootstrap
debian13|command unshare|util-linux|util-linux|util-linux
aarch64|command aarch64-linux-gnu-gcc|gcc-aarch64-linux-gnu|gcc|gcc
aarch64|command qemu-aarch64|qemu-user|qemu|qemu
aarch64|command prove|perl|perl|perl
TABLE
}

is_there() {
    case $1 in
    "package hdf5-serial hdf5 or h5cc") has_package "hdf5-serial hdf5" || has_command h5cc ;;
    package\ *) has_package "${1#package }" ;;
    library\ *) has_library "${1#library }" ;;
    "command mpicc") has_command "${MPICC:-mpicc}" ;;
    "command mpirun") has_command mpirun || has_command "$(dirname "${MPICC:-mpicc}")/mpirun" ;;
    command\ *) has_command "${1#command }" ;;
    python\ *) has_python "${1#python }" ;;
    fuzzer\ *) ls "$(clang -print-resource-dir 2>/dev/null)"/lib/*/*clang_rt.fuzzer* >/dev/null 2>&1 ;;
    omp\ *) echo '#include <omp.h>' | "${1#omp }" -fopenmp -fsyntax-only -x c - 2>/dev/null ;;
    esac
}

# The build goes without these where they are not to be had.
if [ $install = 1 ] && has_command apt-get; then
    want="$want formats"
fi

missing_debian=""
missing_lines=""
while IFS='|' read -r kind test debian module spack; do
    case " $want " in *" $kind "*) ;; *) continue ;; esac
    # What two kinds want is asked for once.
    case "$missing_debian " in *" $debian "*) continue ;; esac
    if ! is_there "$test"; then
        missing_debian="$missing_debian $debian"
        missing_lines="$missing_lines  ${test#* }: $debian of Debian, module load $module, or spack install $spack
"
    fi
done <<EOF_LIST
$(list)
EOF_LIST

if [ -z "$missing_debian" ]; then
    [ "$quiet" = 1 ] || echo "install-deps: everything is here"
    exit 0
fi

if [ $install = 0 ]; then
    printf 'missing (etc/install-deps.sh installs it on Debian and Ubuntu; etc/spack.yaml has all of it for Spack):\n%s' \
        "$missing_lines" >&2
    exit 1
fi

if has_command apt-get; then
    as_root=""
    if [ "$(id -u)" != 0 ]; then
        if ! has_command sudo; then
            echo "install-deps: not root and no sudo; ask for:$missing_debian" >&2
            exit 1
        fi
        as_root="sudo"
    fi
    echo "install-deps: installing$missing_debian" >&2
    $as_root apt-get update -qq
    # shellcheck disable=SC2086
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        $missing_debian >/dev/null
    exit 0
fi

printf 'install-deps: this is not Debian or Ubuntu, so install these by hand (etc/spack.yaml has them all):\n%s' \
    "$missing_lines" >&2
exit 1
