#!/bin/sh
# DAIL on a bare Debian 13 (gcc 14, Open MPI 5) in a folder of the build: its dependencies by etc/install-deps.sh, the
# build without a warning, data, a training on two workers, and what it leaves verified; then etc/apptainer.def, whose
# container is of that Debian. As root, with debootstrap.
set -eu
cd "$(dirname "$0")/.."
build=${DAIL_BUILD:-build}
root=$build/debian13
mirror=http://deb.debian.org/debian

fail() {
    echo "debian13: $1" >&2
    exit 1
}
[ "$(id -u)" = 0 ] || fail "a root of its own needs root"

# inside COMMAND: runs it there; what it mounts and starts ends with it
inside() {
    unshare --mount --pid --fork --kill-child sh -eu -c '
        mount -t proc proc "$0/proc"
        mount --rbind /dev "$0/dev"
        mount -t tmpfs tmpfs "$0/dev/shm" 2>/dev/null || true
        exec chroot "$0" env -i HOME=/root PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
            OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 sh -eu -c "$1"' "$root" "$1"
}

if [ ! -e "$root/complete" ]; then
    rm -rf "$root"
    mkdir -p "$root"
    debootstrap --variant=minbase trixie "$root" "$mirror" >"$build/debian13.log" 2>&1 ||
        fail "debootstrap failed: $(tail -n 1 "$build/debian13.log")"
    touch "$root/complete"
fi
cp /etc/resolv.conf "$root/etc/resolv.conf"
rm -rf "$root/root/dail"
mkdir -p "$root/root/dail"
# What is tracked, as it is now.
git ls-files -z | xargs -0 cp --parents -t "$root/root/dail"

inside 'apt-get update -qq && apt-get install -y -qq --no-install-recommends make gcc libc6-dev >/dev/null'
inside 'cd /root/dail && etc/install-deps.sh'
inside 'cd /root/dail && make -j2 WERROR=-Werror'
inside 'cd /root/dail
    gcc --version | head -n 1
    mpirun --version | head -n 1
    build/daild --version && build/dail --version
    build/dail synth -o build/data --datasets 3 --identities 12 --images 12 --size 32 --pairs 40 --name tiny
    cat >build/smoke.yaml <<END
run: {name: smoke, dir: build/smoke}
data: {lanes: 2, datasets: [build/data/tiny0.yaml, build/data/tiny1.yaml, build/data/tiny2.yaml]}
validation: [build/data/tiny-cross.h5]
model: {arch: iresnet10, input: 32, embedding: 32, width: 0.125}
batch: {lane: 16}
schedule: {epochs: 2}
END
    mpirun --oversubscribe -n 3 build/daild build/smoke.yaml
    build/dail verify build/data/*.yaml build/data/*.h5 build/smoke/checkpoints/step-*
    build/dail eval build/smoke build/data/tiny-cross.h5
    build/dail export build/smoke --onnx build/smoke.onnx'
# The container's recipe is for this Debian: its %post and %test, as apptainer would run them.
section() { awk -v name="$1" '/^%/ { shown = $1 == "%" name; next } shown' etc/apptainer.def; }
rm -rf "$root/usr/src/dail"
cp -r "$root/root/dail" "$root/usr/src/dail"
inside "$(section post)"
inside "$(section test)"
echo "debian13: built, trained and verified; the container's recipe makes what it should"
