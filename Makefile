# DAIL. `make help` lists the targets.
VERSION := 0.1.0
RELEASED := 2026-11-24
BUILD   ?= build
CC      ?= gcc
ifeq ($(origin CC),default)
CC      := gcc
endif
# Warnings end the build where the project is checked (make lint), and nowhere else.
WERROR  ?=
PREFIX  ?= /usr/local
DESTDIR ?=
SAN     ?=
# V=1 shows every command whole.
V       ?= 0
QUIET   := $(if $(filter 1,$(V)),,@)
OPT     ?= -O2

# Every room, lowest first: each may use only those before it (tests/floors.sh). The same order gives the archives
# and the link.
ROOMS := proto proto/config proto/status shard/hdf5 shard/image shard/align shard/list shard shard/dataset shard/identity shard/pickle shard/archive shard/pack shard/synth \
         worker/parameter worker/nn/conv worker/nn worker/exchange worker/loss worker/identity worker/discovery worker/augment worker/loader worker/checkpoint worker/interchange \
         worker/evaluate worker/protocol worker worker/measure \
         daemon/terminal daemon/rank daemon/supervisor daemon/tail daemon/report daemon/info daemon/opening daemon/plan daemon/setup daemon/coordinator daemon/overlap daemon/judge daemon/command daemon

# Flags of the dependencies; made anew by etc/configure.sh, which a bare machine reaches through
# etc/install-deps.sh.
NO_CONFIG := help clean format deps dist uninstall
# Goals that install what is missing. All others name it.
INSTALLING := demo check check-% torture fuzz bench simulation lint ablation margins sweeps ablation-real ablation-overlap ablation-deps
install_deps = etc/install-deps.sh $(if $(filter $(INSTALLING),$(MAKECMDGOALS)),--if-missing,--names)
ifeq ($(filter-out $(NO_CONFIG),$(or $(MAKECMDGOALS),all)),)
else
include $(BUILD)/config.mk $(BUILD)/isa.mk
endif

# Of clang's: enumerators stand for numbers here, and a loop that it does not make vectors of is no fault.
IS_CLANG := $(findstring clang,$(shell $(CC) --version 2>/dev/null))
WARN     := -Wall -Wextra -Wshadow -Wconversion $(if $(IS_CLANG),-Wno-enum-float-conversion -Wno-pass-failed) $(WERROR)
CPPFLAGS += -D_GNU_SOURCE -DDAIL_VERSION='"$(VERSION)"' -DDAIL_RELEASED='"$(RELEASED)"' -I. $(HDF5_CFLAGS) $(BLAS_CFLAGS) $(YAML_CFLAGS) \
            $(JPEG_CFLAGS) $(PNG_CFLAGS) $(ZLIB_CFLAGS) $(JSON_CFLAGS) $(HWLOC_CFLAGS) $(PROTOBUF_CFLAGS)
CFLAGS   += -std=c11 $(OPT) -g -fopenmp -fno-omit-frame-pointer $(WARN) $(SAN)
LDFLAGS  += -fopenmp $(SAN)
LIBS     := $(HDF5_LIBS) $(LAPACK_LIBS) $(BLAS_LIBS) $(YAML_LIBS) $(JPEG_LIBS) $(PNG_LIBS) $(WEBP_LIBS) $(TIFF_LIBS) $(HEIF_LIBS) $(ZLIB_LIBS) $(JSON_LIBS) $(HWLOC_LIBS) $(PROTOBUF_LIBS) -lpthread -lm

# ONNX's messages, made from worker/interchange/onnx.proto.
GENERATED := $(BUILD)/generated

# daild.c and dail.c hold the two mains; everything else in a room goes into the room's archive.
MAINS   := daemon/daild.c daemon/dail.c
source   = $(filter-out $(MAINS) %.isa.c,$(wildcard $(1)/*.c))
objects  = $(patsubst %.c,$(BUILD)/obj/%.o,$(call source,$(1))) \
           $(foreach isa,$(ISAS),$(patsubst %.isa.c,$(BUILD)/obj/%.$(isa).o,$(wildcard $(1)/*.isa.c)))
archive  = $(BUILD)/lib$(subst /,-,$(1)).a

# What the rooms of a floor, or up to a room, are linked from: that room's archive first, the lowest last.
reverse  = $(if $(1),$(call reverse,$(wordlist 2,$(words $(1)),$(1))) $(firstword $(1)))
up_to    = $(if $(2),$(firstword $(2)) $(if $(filter $(1),$(firstword $(2))),,$(call up_to,$(1),$(wordlist 2,$(words $(2)),$(2)))))
linked   = $(foreach room,$(call reverse,$(call up_to,$(1),$(ROOMS))),$(call archive,$(room)))
A_proto  := $(call linked,proto/status)
A_shard  := $(call linked,shard/synth)
A_nn     := $(call linked,worker/nn)
A_loss   := $(call linked,worker/loss)
A_worker := $(call linked,worker/measure)
A_daemon := $(call linked,daemon/command)

UNIT    := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/*_test.c))
MPITEST := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/mpi/*_test.c))

.PHONY: all demo faces ablation ablation-deps margins sweeps ablation-real ablation-overlap check check-deps check-floors check-unit check-mpi check-system check-oracle check-machines check-debian13 check-aarch64 check-asan torture fuzz \
        fuzz-targets bench simulation simulation-deps lint compiled format install uninstall dist help clean deps
.DEFAULT_GOAL := all

all: $(BUILD)/daild $(BUILD)/dail ## build both programs

$(BUILD)/config.mk: etc/configure.sh etc/install-deps.sh
	@mkdir -p $(BUILD)
	@$(install_deps)
	@etc/configure.sh $@

deps: ## install the dependencies (Debian and Ubuntu)
	etc/install-deps.sh --plot

# ISAS and ISA_FLAGS_<name>, of the sets that the compiler's machine has.
$(BUILD)/isa.mk: worker/nn/conv/isa_list.h $(BUILD)/config.mk
	@printf '#include "$<"\n#define SET(type, table, name, symbol, runs, flags) @name flags;\nISA_LIST(SET, , )\n' | \
	    $(CC) -E -P -I. -x c - | tr ';' '\n' | \
	    sed -n 's/^ *@\([a-z0-9_]*\) "\(.*\)"/ISAS += \1\nISA_FLAGS_\1 := \2/p' >$@.tmp && mv $@.tmp $@

$(BUILD)/obj/%.o: %.c $(BUILD)/config.mk
	@mkdir -p $(@D)
	$(if $(QUIET),@echo '  CC   $<')
	$(QUIET)$(CC) $(CPPFLAGS) $(MPI_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(GENERATED)/onnx.pb-c.h: worker/interchange/onnx.proto $(BUILD)/config.mk
	@mkdir -p $(@D)
	$(QUIET)$(PROTOC_C) --proto_path=$(<D) --c_out=$(@D) $(<F)

$(BUILD)/obj/onnx.pb-c.o: $(GENERATED)/onnx.pb-c.h
	@mkdir -p $(@D)
	$(if $(QUIET),@echo '  CC   onnx.pb-c.c')
	$(QUIET)$(CC) $(PROTOBUF_CFLAGS) -std=c11 $(OPT) -g $(SAN) -c -o $@ $(GENERATED)/onnx.pb-c.c

ONNX_USERS := $(addprefix $(BUILD)/obj/worker/interchange/,onnx.o onnx_external.o onnx_file.o onnx_iresnet.o onnx_walk.o)
$(ONNX_USERS): $(GENERATED)/onnx.pb-c.h
$(ONNX_USERS): CPPFLAGS += -isystem $(GENERATED)
$(call archive,worker/interchange): $(BUILD)/obj/onnx.pb-c.o

# Libraries of kinds of images that the build may be without.
$(BUILD)/obj/shard/image/image_webp.o: CPPFLAGS += $(WEBP_CFLAGS)
$(BUILD)/obj/shard/image/image_tiff.o: CPPFLAGS += $(TIFF_CFLAGS)
$(BUILD)/obj/shard/image/image_heif.o: CPPFLAGS += $(HEIF_CFLAGS)

# One kernel source, compiled once per instruction set.
define isa_rule
$(BUILD)/obj/%.$(1).o: %.isa.c $(BUILD)/isa.mk
	@mkdir -p $$(@D)
	$$(if $$(QUIET),@echo '  CC   $$< for $(1)')
	$$(QUIET)$$(CC) $$(CPPFLAGS) $$(CFLAGS) $$(ISA_FLAGS_$(1)) -DISA_SUFFIX=$(1) -MMD -MP -c -o $$@ $$<
endef
$(foreach isa,$(ISAS),$(eval $(call isa_rule,$(isa))))

define room_rule
$(call archive,$(1)): $(call objects,$(1))
	@rm -f $$@
	$$(QUIET)$$(AR) rcs $$@ $$^
endef
$(foreach room,$(ROOMS),$(eval $(call room_rule,$(room))))

$(BUILD)/daild: $(BUILD)/obj/daemon/daild.o $(A_daemon)
	$(if $(QUIET),@echo '  LINK $@')
	$(QUIET)$(CC) $(LDFLAGS) -o $@ $< $(A_daemon) $(LIBS) $(MPI_LIBS)

# daild for another MPI, of MPICC: only the sources that see mpi.h are compiled anew.
MPI_SOURCES := daemon/daild.c daemon/coordinator/link.c daemon/opening/opening.c \
               $(addprefix worker/exchange/,exchange_mpi.c request_list.c direct_sum.c)
mpi_flags    = $(shell sed -n 's/^MPI_$(2) :=//p' $(BUILD)/mpi/$(1)/config.mk)
$(BUILD)/mpi/%/config.mk: etc/configure.sh
	@mkdir -p $(@D)
	@MPICC=$(MPICC) etc/configure.sh $@

$(BUILD)/mpi/%/daild: $(BUILD)/mpi/%/config.mk $(MPI_SOURCES) $(A_daemon)
	$(if $(QUIET),@echo '  LINK $@')
	$(QUIET)$(CC) $(CPPFLAGS) $(call mpi_flags,$*,CFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $(MPI_SOURCES) $(A_daemon) \
	    $(LIBS) $(call mpi_flags,$*,LIBS)

$(BUILD)/dail: $(BUILD)/obj/daemon/dail.o $(A_daemon)
	$(if $(QUIET),@echo '  LINK $@')
	$(QUIET)$(CC) $(LDFLAGS) -o $@ $< $(A_daemon) $(LIBS)

# cmocka is for the unit tests alone: they install or name it.
CMOCKA_LIBS = $(shell pkg-config --libs cmocka)
$(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tests/unit/*_test.c)): | unit-deps
.PHONY: unit-deps
unit-deps:
	@$(install_deps) --check

# tests/unit/<room>_<what>_test.c is linked with the archives of its room's floor and those below.
define unit_rule
$(BUILD)/tests/unit/$(1)_%test: $(BUILD)/obj/tests/unit/$(1)_%test.o $(A_$(1))
	@mkdir -p $$(@D)
	$$(if $$(QUIET),@echo '  LINK $$@')
	$$(QUIET)$$(CC) $$(LDFLAGS) -o $$@ $$< $(A_$(1)) $$(LIBS) $$(CMOCKA_LIBS)
endef
$(foreach room,proto shard nn loss worker daemon,$(eval $(call unit_rule,$(room))))

$(BUILD)/tests/mpi/%_test: $(BUILD)/obj/tests/mpi/%_test.o $(A_worker)
	@mkdir -p $(@D)
	$(if $(QUIET),@echo '  LINK $@')
	$(QUIET)$(CC) $(LDFLAGS) -o $@ $< $(A_worker) $(LIBS) $(MPI_LIBS)

$(BUILD)/tests/oracle/%: $(BUILD)/obj/tests/oracle/%.o $(A_nn)
	@mkdir -p $(@D)
	$(if $(QUIET),@echo '  LINK $@')
	$(QUIET)$(CC) $(LDFLAGS) -o $@ $< $(A_nn) $(LIBS)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

demo: all ## install what is missing, make three overlapping datasets, train on them with two workers, verify (under 5 minutes)
	DAIL_BUILD=$(BUILD) etc/demo.sh

faces: all ## pack the real faces of FACES=<folder> (default ../shared/faces) for etc/faces.yaml
	DAIL_BUILD=$(BUILD) etc/faces.sh $(FACES)

# The experiments: SEEDS trainings of each row, JOBS at a time with WORKERS workers of one thread each. DATA_SEED: of
# the synthetic faces, by default the one in etc/ablation/faces.synth. ROWS: a,b for these rows alone.
SEEDS     ?= 5
DATA_SEED ?=
ROWS      ?=
WORKERS   ?= 2
EXPERIMENT = etc/ablation/run.py --build $(BUILD) --seeds $(SEEDS) --jobs $(JOBS) --workers $(WORKERS) \
             $(if $(DATA_SEED),--data-seed $(DATA_SEED)) $(if $(ROWS),--rows $(ROWS)) $(if $(FACES),--faces $(FACES))

ablation-deps: all
	@etc/install-deps.sh --if-missing --ablation

ablation: ablation-deps ## the paper's table: single set, naive, DA, DA+GRL, DA+GRL+CD on synthetic faces; SEEDS=5 JOBS=1 WORKERS=2
	$(EXPERIMENT) ablation

margins: ablation-deps ## softmax, SphereFace, CosFace, CM and ArcFace on one set; SEEDS JOBS WORKERS as above
	$(EXPERIMENT) margins

sweeps: ablation-deps ## accuracy against overlap, domain shift, crossing dropout, lambda, its start and the scale
	$(EXPERIMENT) overlap shift crossing lambda start scale

ablation-real: ablation-deps ## the paper's table on the real faces of FACES=<folder>
	$(EXPERIMENT) real

ablation-overlap: ablation-deps ## identities unified, on real faces where people are shared, of FACES=<folder>
	$(EXPERIMENT) real-overlap

# The tests, one floor after the other.
check: check-deps check-floors check-unit check-mpi check-system check-oracle ## every test

check-deps:
	@etc/install-deps.sh --if-missing --check --plot --oracle --ablation
	@etc/install-deps.sh --if-missing --hosts || echo 'check: tests/system/hosts.t will be skipped'
	@etc/install-deps.sh --if-missing --slurm || echo 'check: tests/system/slurm.t will be skipped'

check-floors: all
	tests/floors.sh
	DAIL_BUILD=$(BUILD) tests/circles.sh

check-unit: $(UNIT)
	prove -j3 --exec tests/unit/tap.sh $(UNIT)

check-mpi: all $(MPITEST)
	DAIL_BUILD=$(BUILD) prove tests/mpi

# Libraries that system tests preload into the programs.
$(BUILD)/tests/system/%.so: tests/system/%.c $(BUILD)/config.mk
	@mkdir -p $(@D)
	$(if $(QUIET),@echo '  LINK $@')
	$(QUIET)$(CC) -D_GNU_SOURCE -std=c11 -O2 -g $(WARN) -shared -fPIC -o $@ $< -ldl -lpthread

# Many tests wait more than they compute: six at a time keep two cores busy, the longest first.
LONGEST := $(patsubst %,tests/system/%.t,torture slurm run hang hosts export bad_input crash embed resume slurm_script readme)
check-system: all $(BUILD)/tests/system/fault.so $(BUILD)/tests/system/reads.so
	DAIL_BUILD=$(BUILD) prove -j6 --timer $(LONGEST) $(filter-out $(LONGEST),$(wildcard tests/system/*.t))

ORACLE  := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/oracle/*.c))
check-oracle: all check-deps $(ORACLE)
	DAIL_BUILD=$(BUILD) prove -j3 --timer tests/oracle

MACHINES ?=
check-machines: all check-deps $(UNIT) $(MPITEST) $(ORACLE) ## the tests that train, as on other processors and with other seeds (an hour or two); MACHINES=Haswell/avx2/2
	DAIL_BUILD=$(BUILD) tests/machines.sh $(MACHINES)

check-debian13: ## build, train and verify on a bare Debian 13 in build/debian13, as root
	@etc/install-deps.sh --if-missing --debian13
	DAIL_BUILD=$(BUILD) tests/debian13.sh

check-aarch64: ## compile every source for 64-bit Arm, and run unit tests of it under qemu
	@etc/install-deps.sh --if-missing --aarch64
	DAIL_BUILD=$(BUILD) tests/aarch64.sh

ROUNDS ?= 20
SEED   ?= 1
torture: all $(BUILD)/tests/system/fault.so ## ROUNDS=20 runs that meet faults drawn by SEED=1; each must end as if it had met none
	tests/torture/torture.py --build $(BUILD) --rounds $(ROUNDS) --seed $(SEED) --keep $(BUILD)/torture

ASAN := -fsanitize=address,undefined -fno-sanitize-recover=undefined
check-asan: ## unit, MPI and system tests under AddressSanitizer and UndefinedBehaviorSanitizer
	ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 DAIL_SANITIZED=1 \
	    $(MAKE) BUILD=$(BUILD)/asan SAN="$(ASAN)" OPT=-O1 check-unit check-mpi check-system

# The fuzz targets are built apart, by clang, with its sanitizers and counters of what is reached.
FUZZERS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/fuzz/*_fuzz.c))
FUZZSAN := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined \
           -fprofile-instr-generate -fcoverage-mapping
$(BUILD)/tests/fuzz/%_fuzz: $(BUILD)/obj/tests/fuzz/%_fuzz.o $(BUILD)/obj/tests/fuzz/hdf5_described.o $(A_daemon)
	@mkdir -p $(@D)
	$(if $(QUIET),@echo '  LINK $@')
	$(QUIET)$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $(filter %.o,$^) \
	    $(A_daemon) $(LIBS)
$(BUILD)/tests/fuzz/make_seeds: $(BUILD)/obj/tests/fuzz/make_seeds.o $(A_worker)
	@mkdir -p $(@D)
	$(QUIET)$(CC) $(LDFLAGS) -o $@ $< $(A_worker) $(LIBS)

FUZZ    ?=
SECONDS ?= 60
JOBS    ?= 1
fuzz: ## run every fuzz target for SECONDS=60 each, JOBS at once; FUZZ="shard png" runs these alone
	@etc/install-deps.sh --if-missing --fuzz
	$(MAKE) BUILD=$(BUILD)/fuzz CC=clang SAN="$(FUZZSAN)" OPT=-O1 fuzz-targets
	SECONDS_EACH=$(SECONDS) JOBS=$(JOBS) tests/fuzz/run.sh $(BUILD)/fuzz $(FUZZ)

fuzz-targets: $(BUILD)/dail $(BUILD)/tests/fuzz/make_seeds $(FUZZERS)

BENCH   := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/bench/*.c))
$(BUILD)/tests/bench/%: $(BUILD)/obj/tests/bench/%.o $(A_nn)
	@mkdir -p $(@D)
	$(if $(QUIET),@echo '  LINK $@')
	$(QUIET)$(CC) $(LDFLAGS) -o $@ $< $(A_nn) $(LIBS)

# The exchange as it is, compiled by SimGrid's MPI.
SIMULATED := tests/simulation/exchange_step.c $(addprefix worker/exchange/,exchange_mpi.c request_list.c direct_sum.c)
$(BUILD)/tests/simulation/exchange_step: $(SIMULATED) $(A_loss) $(wildcard tests/simulation/*.h worker/exchange/*.h)
	@mkdir -p $(@D)
	$(if $(QUIET),@echo '  LINK $@')
	$(QUIET)smpicc -D_GNU_SOURCE -I. -std=c11 $(OPT) -g -fopenmp $(WARN) -include tests/simulation/scratch.h -o $@ \
	    $(SIMULATED) $(A_loss) $(LIBS)
$(BUILD)/tests/simulation/%: $(BUILD)/obj/tests/simulation/%.o $(A_worker)
	@mkdir -p $(@D)
	$(if $(QUIET),@echo '  LINK $@')
	$(QUIET)$(CC) $(LDFLAGS) -o $@ $< $(A_worker) $(LIBS)

SIMULATION := $(patsubst %,$(BUILD)/tests/simulation/%,exchange_step step_describe predict)
simulation-deps:
	@etc/install-deps.sh --if-missing --simulation
$(BUILD)/tests/simulation/exchange_step: | simulation-deps
simulation: $(SIMULATION) ## steps of 4 to 1024 workers on simulated networks, beside what dail bench predicts; WORKERS=4,16,64
	tests/simulation/simulate.py --build $(BUILD) $(if $(findstring command,$(origin WORKERS)),--workers $(WORKERS))

bench: all $(BENCH) $(ORACLE) $(MPITEST) ## measure every figure the project holds itself to, here, now
	@etc/install-deps.sh --if-missing --oracle --bench
	tests/bench/run.py --build $(BUILD)

SOURCES := $(foreach room,$(ROOMS) tests/unit tests/mpi tests/bench tests/fuzz tests/oracle tests/simulation tests/system,$(wildcard $(room)/*.[ch]))
lint: ## compile clean under gcc and clang, tests too, formatted, and the floors kept apart
	@etc/install-deps.sh --if-missing --check --lint
	@clang-format --dry-run -Werror $(SOURCES)
	tests/floors.sh
	$(MAKE) BUILD=$(BUILD)/lint-clang CC=clang WERROR=-Werror compiled
	$(MAKE) BUILD=$(BUILD)/lint-gcc CC=gcc WERROR=-Werror compiled

# Every source of ours, compiled; those of the fuzz targets are clang's.
compiled: all $(UNIT) $(MPITEST) $(ORACLE) $(BENCH) $(BUILD)/tests/system/fault.so $(BUILD)/tests/system/reads.so \
    $(if $(IS_CLANG),$(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tests/fuzz/*.c)))

format: ## lay out the sources as .clang-format says
	@clang-format -i $(SOURCES)

# Man pages and completion, made by the program from the tables that drive it.
PAGES := $(addprefix $(BUILD)/man/,dail.1 daild.1 dail.yaml.5 dail-status.5 dail.bash)
$(BUILD)/man/%: $(BUILD)/dail
	@mkdir -p $(@D)
	$(QUIET)$(BUILD)/dail manual $* >$@.tmp && mv $@.tmp $@

# What is put in place is listed in share/dail/installed, which uninstall goes by.
AT    := $(DESTDIR)$(PREFIX)
SHARE := $(AT)/share
CONFIGS := $(filter-out etc/spack.yaml,$(wildcard etc/*.yaml))
DEMO  := etc/demo.sh etc/demo.synth
# The pages, and what they link to.
DOCS  := README.md $(CONFIGS) $(wildcard etc/*.md etc/doc/*.md etc/ablation/*.md etc/ablation/plots/*.svg slurm/*.md tests/*.md)
install: all $(PAGES) ## into PREFIX (default /usr/local): programs, man pages, completion, configurations, the demo, slurm/
	install -d $(AT)/bin $(SHARE)/man/man1 $(SHARE)/man/man5 $(SHARE)/bash-completion/completions \
	    $(SHARE)/dail/etc $(SHARE)/dail/slurm
	install $(BUILD)/daild $(BUILD)/dail $(AT)/bin
	install -m 644 $(filter %.1,$(PAGES)) $(SHARE)/man/man1
	install -m 644 $(filter %.5,$(PAGES)) $(SHARE)/man/man5
	install -m 644 $(BUILD)/man/dail.bash $(SHARE)/bash-completion/completions/dail
	ln -sf dail $(SHARE)/bash-completion/completions/daild
	for page in $(DOCS); do install -D -m 644 $$page $(SHARE)/doc/dail/$$page || exit 1; done
	install -m 644 $(CONFIGS) etc/demo.synth $(SHARE)/dail/etc
	install etc/demo.sh $(SHARE)/dail/etc
	install slurm/dail.sh slurm/dail-pack.sh slurm/submit.sh $(SHARE)/dail/slurm
	@printf '%s\n' bin/daild bin/dail $(patsubst $(BUILD)/man/%,share/man/man1/%,$(filter %.1,$(PAGES))) \
	    $(patsubst $(BUILD)/man/%,share/man/man5/%,$(filter %.5,$(PAGES))) \
	    share/bash-completion/completions/dail share/bash-completion/completions/daild $(patsubst %,share/doc/dail/%,$(DOCS)) \
	    $(patsubst %,share/dail/%,$(CONFIGS) $(DEMO) slurm/dail.sh slurm/dail-pack.sh slurm/submit.sh) share/dail/installed \
	    >$(SHARE)/dail/installed

uninstall: ## remove from PREFIX what make install put there
	@[ -e $(SHARE)/dail/installed ] || { echo 'uninstall: $(SHARE)/dail/installed is missing: nothing was installed there' >&2; exit 1; }
	@cd $(AT) && xargs rm -f <share/dail/installed
	@cd $(SHARE) && for folder in dail doc/dail; do \
	    [ ! -d $$folder ] || find $$folder -depth -type d -exec rmdir --ignore-fail-on-non-empty {} +; done

DIST ?= $(BUILD)
dist: ## dail-VERSION.tar.gz of what is committed, in DIST (default build/)
	@git rev-parse --verify -q HEAD >/dev/null || { echo 'dist: made from a git tree alone' >&2; exit 1; }
	@mkdir -p $(DIST)
	git archive --format=tar.gz --prefix=dail-$(VERSION)/ -o $(DIST)/dail-$(VERSION).tar.gz HEAD

clean: ## remove what was built
	rm -rf $(BUILD)

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-14s %s\n", $$1, $$2}' Makefile
.SECONDARY:
