#!/bin/sh
# Every source compiled for 64-bit Arm, without a warning, with only the generic kernels there are; its unit tests of
# arithmetic run under qemu where that is installed. The cross compiler comes from etc/install-deps.sh --aarch64; the
# headers and libraries of arm64 are unpacked from this Debian's packages into a folder of the build, nowhere else.
set -eu
cd "$(dirname "$0")/.."
build=${DAIL_BUILD:-build}/aarch64
root=$(pwd)/$build/root
packages="libc6-dev libgomp1 libopenmpi-dev libcmocka-dev
          $(sed -n 's/^build|package [^|]*|\([^|]*\)|.*/\1/p' etc/install-deps.sh)"

fail() {
    echo "aarch64: $1" >&2
    exit 1
}

# apt's own download of what these packages need, with lists and state of its own.
if [ "$(cat "$root/complete" 2>/dev/null)" != "$packages" ]; then
    apt=$(pwd)/$build/apt
    rm -rf "$apt" "$root"
    mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial" "$root"
    : >"$apt/status"
    options="-qq -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o Dir::State=$apt/state
             -o Dir::State::status=$apt/status -o Dir::Cache=$apt/cache -o APT::Sandbox::User=root"
    # shellcheck disable=SC2086
    apt-get $options update || fail "no list of packages for arm64"
    # shellcheck disable=SC2086
    apt-get $options install --download-only --no-install-recommends -y $packages >"$build/apt.log" 2>&1 ||
        fail "no packages for arm64: $(tail -n 1 "$build/apt.log")"
    # As merged as Debian's own / is.
    mkdir -p "$root/usr/lib" && ln -s usr/lib "$root/lib"
    for package in "$apt"/cache/archives/*.deb; do
        dpkg-deb --fsys-tarfile "$package" | tar -x -C "$root" --keep-directory-symlink
    done
    rm -rf "$apt"
    echo "$packages" >"$root/complete"
fi

lib=$root/usr/lib/aarch64-linux-gnu
export PKG_CONFIG_SYSROOT_DIR="$root"
export PKG_CONFIG_LIBDIR="$lib/pkgconfig:$lib/openblas-pthread/pkgconfig:$root/usr/share/pkgconfig"
# Where packages leave links to their alternatives.
mkdir -p "$build/bin"
cat >"$build/bin/mpicc" <<'END'
#!/bin/sh
echo aarch64-linux-gnu-gcc $(pkg-config --cflags --libs ompi-c)
END
chmod +x "$build/bin/mpicc"
linking="-Wl,-rpath-link,$lib:$lib/openblas-pthread:$lib/openmpi/lib:$lib/hdf5/serial:$lib/blas:$lib/lapack"
# cross GOAL [VARIABLE=VALUE...]
cross() {
    make -j2 MPICC="$build/bin/mpicc" BUILD="$build/build" ARCH=aarch64 WERROR=-Werror \
        CC="aarch64-linux-gnu-gcc --sysroot=$root" AR=aarch64-linux-gnu-ar LDFLAGS="-fopenmp $linking" "$@"
}
cross all
# Debian 12's cross compiler fails within itself over a loop of a test that it would make vectors of.
cross compiled OPT=-O1
file=$(od -An -tx1 -j18 -N2 "$build/build/daild" | tr -d ' ')
[ "$file" = b700 ] || fail "daild is no program for 64-bit Arm"
if ! command -v qemu-aarch64 >/dev/null; then
    echo "aarch64: everything compiled; no qemu-aarch64 to run it with"
    exit 0
fi
export QEMU_LD_PREFIX="$root" OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1
export QEMU_SET_ENV="LD_LIBRARY_PATH=$lib/openblas-pthread:$lib/openmpi/lib:$lib/hdf5/serial"
# Of the arithmetic what an emulator gets through in seconds.
tests=$build/build/tests/unit
prove --exec "tests/unit/tap.sh qemu-aarch64" "$tests/nn_layer_test" "$tests/nn_parameter_test" \
    "$tests/loss_margin_test" "$tests/loss_domain_test" "$tests/loss_crossing_test" "$tests/proto_random_test" \
    "$tests/proto_message_test"
