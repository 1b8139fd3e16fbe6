#!/bin/sh
# Writes the compiler and linker flags of every dependency, as make variables, to the file named by $1.
# Each is found by pkg-config or, where a cluster's module has no .pc file, by its compiler wrapper.
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

missing() {
    echo "configure: $1 not found: run etc/install-deps.sh" >&2
    exit 1
}

# ONNX's messages: $ONNX_PROTO, or where the compiler finds headers (CPATH), or in Python's package.
onnx_proto() {
    if [ -n "${ONNX_PROTO:-}" ]; then
        echo "$ONNX_PROTO"
        return
    fi
    for name in onnx/onnx.proto onnx/onnx-ml.proto; do
        echo "#include <$name>" | "${CC:-cc}" -M -x c - 2>/dev/null | tr ' \\' '\n\n' | grep "/$name\$" && return
    done
    python3 -c 'import onnx; print(onnx.__path__[0] + "/onnx.proto")' 2>/dev/null || true
}

{
    flags MPI ompi-c ompi mpich || {
        command -v mpicc >/dev/null || missing "an MPI"
        printf 'MPI_CFLAGS := %s\n' "$(mpicc --showme:compile 2>/dev/null || mpicc -compile_info | cut -d' ' -f2-)"
        printf 'MPI_LIBS := %s\n' "$(mpicc --showme:link 2>/dev/null || mpicc -link_info | cut -d' ' -f2-)"
    }
    flags HDF5 hdf5-serial hdf5 || {
        command -v h5cc >/dev/null || missing "HDF5"
        printf 'HDF5_CFLAGS :=\nHDF5_LIBS := %s\n' "$(h5cc -show | tr ' ' '\n' | grep -E '^-[Ll]|\.so$|\.a$' | tr '\n' ' ')"
    }
    flags BLAS openblas openblas64 || missing "OpenBLAS"
    flags YAML yaml-0.1 || missing "libyaml"
    flags JPEG libjpeg || missing "libjpeg-turbo"
    flags PNG libpng || missing "libpng"
    flags ZLIB zlib || missing "zlib"
    flags JSON jansson || missing "jansson"
    flags PROTOBUF libprotobuf-c || missing "protobuf-c"
    command -v protoc-c >/dev/null || missing "protoc-c, protobuf-c's compiler,"
    printf 'PROTOC_C := %s\n' "$(command -v protoc-c)"
    proto=$(onnx_proto)
    [ -n "$proto" ] || missing "onnx.proto"
    printf 'ONNX_PROTO := %s\n' "$proto"
    flags CMOCKA cmocka || missing "cmocka"
} >"$out.tmp"
mv "$out.tmp" "$out"
