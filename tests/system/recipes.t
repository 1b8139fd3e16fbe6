#!/bin/sh
# The recipes for Spack and Apptainer: they can be read, and have what etc/install-deps.sh says a build needs.
# make check-debian13 runs the container's.
. "$(dirname "$0")/lib.sh"
$python -c 'import yaml' 2>/dev/null || skip_all "PyYAML is missing: etc/install-deps.sh --ablation"

# The package's class is run with what Spack would give it, and its dependencies are those it declares.
cat >"$work/recipes.py" <<'END'
import re, sys, types
import yaml

sys.dont_write_bytecode = True
needed = {line.split("|")[4].split("~")[0].strip() for line in open("etc/install-deps.sh") if re.match(r"(build|plot)\|", line)}
assert len(needed) >= 10, needed
declared = set()
spack = types.ModuleType("spack.package")
spack.MakefilePackage = object
spack.depends_on = lambda what, type=None, when=None: declared.add(re.split("[~@+ ]", what)[0])
spack.version = spack.variant = lambda *words, **named: None
sys.modules["spack"] = types.ModuleType("spack")
sys.modules["spack.package"] = spack
names = {}
exec(compile(open("etc/spack/packages/dail/package.py").read(), "package.py", "exec"), names)
assert all(callable(getattr(names["Dail"], name)) for name in ("build", "check", "install"))
# What Spack knows by the name of what it provides.
provided = {"openmpi": "mpi", "libjpeg-turbo": "jpeg", "zlib": "zlib-api", "pkgconf": "pkgconfig"}
lacking = {name for name in needed if provided.get(name, name) not in declared}
assert not lacking, "package.py lacks %s" % lacking
assert yaml.safe_load(open("etc/spack/repo.yaml"))["repo"]["namespace"] == "dail"
environment = {re.split("[~@+ ]", spec)[0] for spec in yaml.safe_load(open("etc/spack.yaml"))["spack"]["specs"]}
assert not needed - environment, "spack.yaml lacks %s" % (needed - environment)
END
check "Spack's package, repository and environment have every dependency" $python "$work/recipes.py"
is "the container's recipe has its parts" "$(grep -o '^%[a-z]*' etc/apptainer.def | paste -s -d ' ')" \
    "%files %post %environment %runscript %test %help"
for part in post test runscript environment; do
    awk -v name="$part" '/^%/ { shown = $1 == "%" name; next } shown' etc/apptainer.def >"$work/$part"
    check "its %$part is a script" sh -c '[ -s "$0" ] && sh -n "$0"' "$work/$part"
done
finish
