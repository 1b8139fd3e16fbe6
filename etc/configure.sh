#!/bin/sh
# Writes the compiler and linker flags of every dependency, as make variables, to the file named by $1.
# Each is found by pkg-config or, where a cluster's module has no .pc file, by its compiler wrapper. MPICC names an MPI's
# wrapper: make BUILD=build/mpich MPICC=/opt/mpich/bin/mpicc
set -eu
out=$1

found() { pkg-config --exists "$1" 2>/dev/null; }

# flags NAME PKG... : the first pkg-config package that exists gives NAME_CFLAGS and NAME_LIBS.
flags() {
    name=$1
    shift
    for package in "$@"; do
        if found "$package"; then
            printf '%s_CFLAGS := %s\n' "$name" "$(pkg-config --cflags "$package")"
            printf '%s_LIBS := %s\n' "$name" "$(pkg-config --libs "$package")"
            return 0
        fi
    done
    return 1
}

# optional NAME PKG VERSION: likewise, with -DDAIL_NAME; where it is missing the program says so once it meets such a file.
optional() {
    if pkg-config --exists "$2 >= $3" 2>/dev/null; then
        printf '%s_CFLAGS := -DDAIL_%s %s\n%s_LIBS := %s\n' "$1" "$1" "$(pkg-config --cflags "$2")" "$1" \
            "$(pkg-config --libs "$2")"
    fi
}

missing() {
    echo "configure: $1 not found: run etc/install-deps.sh" >&2
    exit 1
}

# The MPI of $MPICC, else of the mpicc that PATH has first, as a module puts it there; else what pkg-config knows.
# Every wrapper prints what it would run under -show; Intel's needs to be told where it lies.
mpi() {
    wrapper=$(command -v "${MPICC:-mpicc}") || {
        [ -z "${MPICC:-}" ] || missing "the compiler wrapper MPICC=$MPICC"
        flags MPI ompi-c ompi mpich impi || missing "an MPI"
        return
    }
    shown=$(I_MPI_ROOT=${I_MPI_ROOT:-$(dirname "$(dirname "$wrapper")")} "$wrapper" -show) ||
        missing "an MPI behind $wrapper"
    eval "set -- $shown"
    shift
    compile='' link=''
    for word in "$@"; do
        case $word in
        -I* | -D*) compile="$compile $word" ;;
        -pthread) compile="$compile $word" link="$link $word" ;;
        -lmpifort | -lmpicxx) ;;
        *) link="$link $word" ;;
        esac
    done
    printf 'MPI_CFLAGS :=%s\nMPI_LIBS :=%s\n' "$compile" "$link"
}

# LAPACK is part of OpenBLAS, unless that was built without it: then one that stands beside it.
lapack() {
    blas=$(pkg-config --libs openblas 2>/dev/null || pkg-config --libs openblas64)
    for library in '' -llapack; do
        # shellcheck disable=SC2086
        if echo 'void dsyevr_(void); int main(void) { dsyevr_(); return 0; }' |
            ${CC:-cc} -x c - -x none -o "$out.link" $blas $library 2>/dev/null; then
            rm -f "$out.link"
            printf 'LAPACK_LIBS := %s\n' "$library"
            return 0
        fi
    done
    return 1
}

{
    mpi
    flags HDF5 hdf5-serial hdf5 || {
        command -v h5cc >/dev/null || missing "HDF5"
        printf 'HDF5_CFLAGS :=\nHDF5_LIBS := %s\n' "$(h5cc -show | tr ' ' '\n' | grep -E '^-[Ll]|\.so$|\.a$' | tr '\n' ' ')"
    }
    flags BLAS openblas openblas64 || missing "OpenBLAS"
    lapack || missing "LAPACK, which OpenBLAS was built without,"
    flags YAML yaml-0.1 || missing "libyaml"
    flags JPEG libjpeg || missing "libjpeg-turbo"
    flags PNG libpng || missing "libpng"
    optional WEBP libwebp 1.0
    optional TIFF libtiff-4 4.5
    optional HEIF libheif 1.12
    flags ZLIB zlib || missing "zlib"
    flags HWLOC hwloc || missing "hwloc"
    flags JSON jansson || missing "jansson"
    flags PROTOBUF libprotobuf-c || missing "protobuf-c"
    command -v protoc-c >/dev/null || missing "protoc-c, protobuf-c's compiler,"
    printf 'PROTOC_C := %s\n' "$(command -v protoc-c)"
} >"$out.tmp"
mv "$out.tmp" "$out"
