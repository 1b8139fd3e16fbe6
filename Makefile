# DAIL. `make help` lists the targets.
VERSION := 0.1.0
BUILD   ?= build
CC      ?= gcc
ifeq ($(origin CC),default)
CC      := gcc
endif
WERROR  ?= -Werror
PREFIX  ?= /usr/local
DESTDIR ?=
SAN     ?=
OPT     ?= -O2

ROOMS := proto shard worker/nn worker/loss worker daemon
ARCH  := $(shell uname -m)
ISAS  := generic $(if $(filter x86_64,$(ARCH)),avx2 avx512)

# Flags of the dependencies; made anew by etc/configure.sh, which a bare machine reaches through
# etc/install-deps.sh.
NO_CONFIG := help clean format deps
ifeq ($(filter-out $(NO_CONFIG),$(or $(MAKECMDGOALS),all)),)
else
include $(BUILD)/config.mk
endif

WARN     := -Wall -Wextra -Wshadow -Wconversion $(WERROR)
CPPFLAGS += -D_GNU_SOURCE -DDAIL_VERSION='"$(VERSION)"' -I. $(HDF5_CFLAGS) $(BLAS_CFLAGS) $(YAML_CFLAGS) \
            $(JPEG_CFLAGS) $(PNG_CFLAGS) $(ZLIB_CFLAGS) $(JSON_CFLAGS)
CFLAGS   += -std=c11 $(OPT) -g -fopenmp -fno-omit-frame-pointer $(WARN) $(SAN)
LDFLAGS  += -fopenmp $(SAN)
LIBS     := $(HDF5_LIBS) $(BLAS_LIBS) $(YAML_LIBS) $(JPEG_LIBS) $(PNG_LIBS) $(ZLIB_LIBS) $(JSON_LIBS) -lpthread -lm

ISA_FLAGS_generic := -O3
ISA_FLAGS_avx2    := -O3 -mavx2 -mfma
ISA_FLAGS_avx512  := -O3 -mavx512f -mavx512dq -mavx512bw -mavx512vl -mfma -mprefer-vector-width=512

# daild.c and dail.c hold the two mains; everything else in a room goes into the room's archive.
MAINS   := daemon/daild.c daemon/dail.c
source   = $(filter-out $(MAINS) %.isa.c,$(wildcard $(1)/*.c))
objects  = $(patsubst %.c,$(BUILD)/obj/%.o,$(call source,$(1))) \
           $(foreach isa,$(ISAS),$(patsubst %.isa.c,$(BUILD)/obj/%.$(isa).o,$(wildcard $(1)/*.isa.c)))
archive  = $(BUILD)/lib$(subst /,-,$(1)).a

A_proto  := $(call archive,proto)
A_shard  := $(call archive,shard) $(A_proto)
A_nn     := $(call archive,worker/nn) $(A_proto)
A_loss   := $(call archive,worker/loss) $(call archive,worker) $(A_nn)
A_worker := $(call archive,worker) $(call archive,worker/loss) $(call archive,worker/nn) $(A_shard)
A_daemon := $(call archive,daemon) $(A_worker)

UNIT    := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/*_test.c))
MPITEST := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/mpi/*_test.c))

.PHONY: all demo faces check check-unit check-mpi check-system check-oracle check-asan bench lint format \
        install help clean deps
.DEFAULT_GOAL := all

all: $(BUILD)/daild $(BUILD)/dail ## build both programs

$(BUILD)/config.mk: etc/configure.sh etc/install-deps.sh
	@mkdir -p $(BUILD)
	@etc/install-deps.sh --if-missing
	@etc/configure.sh $@

deps: ## install the dependencies (Debian and Ubuntu)
	etc/install-deps.sh

$(BUILD)/obj/%.o: %.c $(BUILD)/config.mk
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(MPI_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# One kernel source, compiled once per instruction set.
define isa_rule
$(BUILD)/obj/%.$(1).o: %.isa.c $(BUILD)/config.mk
	@mkdir -p $$(@D)
	$$(CC) $$(CPPFLAGS) $$(CFLAGS) $$(ISA_FLAGS_$(1)) -DISA_SUFFIX=$(1) -MMD -MP -c -o $$@ $$<
endef
$(foreach isa,$(ISAS),$(eval $(call isa_rule,$(isa))))

define room_rule
$(call archive,$(1)): $(call objects,$(1))
	@rm -f $$@
	$$(AR) rcs $$@ $$^
endef
$(foreach room,$(ROOMS),$(eval $(call room_rule,$(room))))

$(BUILD)/daild: $(BUILD)/obj/daemon/daild.o $(A_daemon)
	$(CC) $(LDFLAGS) -o $@ $< -Wl,--start-group $(A_daemon) -Wl,--end-group $(LIBS) $(MPI_LIBS)

$(BUILD)/dail: $(BUILD)/obj/daemon/dail.o $(A_daemon)
	$(CC) $(LDFLAGS) -o $@ $< -Wl,--start-group $(A_daemon) -Wl,--end-group $(LIBS)

# tests/unit/<room>_<what>_test.c is linked with the archives of its room's floor and those below.
define unit_rule
$(BUILD)/tests/unit/$(1)_%test: $(BUILD)/obj/tests/unit/$(1)_%test.o $(A_$(1))
	@mkdir -p $$(@D)
	$$(CC) $$(LDFLAGS) -o $$@ $$< -Wl,--start-group $(A_$(1)) -Wl,--end-group $$(LIBS) $$(CMOCKA_LIBS)
endef
$(foreach room,proto shard nn loss worker daemon,$(eval $(call unit_rule,$(room))))

$(BUILD)/tests/mpi/%_test: $(BUILD)/obj/tests/mpi/%_test.o $(A_worker)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $< -Wl,--start-group $(A_worker) -Wl,--end-group $(LIBS) $(MPI_LIBS)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
