# DAIL for Spack, from this checkout, in an environment:
#   spack repo add etc/spack && spack env create dail && spack env activate dail
#   spack add dail@main && spack develop --path "$PWD" dail@main && spack install
from spack.package import *

try:  # Spack 1.0 and later have it there
    from spack_repo.builtin.build_systems.makefile import MakefilePackage
except ImportError:
    pass


class Dail(MakefilePackage):
    """Trains one face-recognition network on many overlapping datasets at once, on a CPU cluster, over MPI."""

    homepage = "https://arxiv.org/abs/2101.05419"

    version("main")

    variant("report", default=True, description="gnuplot, for the plots of dail report")

    depends_on("c", type="build")
    depends_on("gmake", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("mpi")
    depends_on("openblas")
    depends_on("hdf5~mpi")
    depends_on("hwloc")
    depends_on("libyaml")
    depends_on("jpeg")
    depends_on("libpng")
    depends_on("zlib-api")
    depends_on("jansson")
    depends_on("protobuf-c")
    depends_on("gnuplot", type="run", when="+report")
    depends_on("cmocka", type="test")
    depends_on("perl", type="test")

    def build(self, spec, prefix):
        make("MPICC=" + spec["mpi"].mpicc)

    def check(self):
        make("MPICC=" + self.spec["mpi"].mpicc, "check-unit")

    def install(self, spec, prefix):
        make("MPICC=" + spec["mpi"].mpicc, "PREFIX=" + prefix, "install")
