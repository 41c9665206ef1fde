# deja: top-level build. `make help` lists the targets.
#
# Three kinds of objects are built: the tools' (ordinary C), the runtime's that goes
# into somebody else's process (libc alone, general registers only, no stack
# protector, see preload/DESIGN.md and the heads of its files), and the tests'.

ifeq ($(origin CC),default)
CC      := gcc
endif
PREFIX  ?= /usr/local
DESTDIR ?=
BUILD   ?= build$(if $(SANITIZE),/sanitize)
# What has no sanitizer in it (runtime, loader, victims) is the plain build's.
PLAIN   := $(if $(SANITIZE),$(BUILD:%/sanitize=%),$(BUILD))
VERSION := 0.1.0

# Switches: SANITIZE=address,undefined  WERROR=1  V=1. CI, as most services set it, turns
# warnings into errors.
ifdef CI
WERROR   ?= 1
endif
WARN     := -Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers -Wstrict-prototypes -Wmissing-prototypes
ifdef WERROR
WARN     += -Werror
endif
# An option, where the compiler has it.
option = $(shell $(CC) -Werror $(1) -c -x c -o /dev/null /dev/null 2>/dev/null && echo $(1))
CFLAGS   ?= $(if $(SANITIZE),-O1,-O2) -g
BASE     := -std=gnu11 $(WARN) -D_GNU_SOURCE -DDEJA_VERSION='"$(VERSION)"' -I. -MMD -MP \
            -fvisibility=hidden
TOOL_CFLAGS := $(CFLAGS) $(BASE) -fPIC
# At -O1 gcc takes numbers in formats for any number.
NO_TRUNCATION := $(call option,-Wno-format-truncation)
sanitize = -fsanitize=$(1) -fno-sanitize-recover=all -fno-omit-frame-pointer $(NO_TRUNCATION)
ifdef SANITIZE
TOOL_CFLAGS += $(call sanitize,$(SANITIZE))
TOOL_LDFLAGS += -fsanitize=$(SANITIZE)
endif
# The runtime lives in somebody else's process. (Loops must not become calls of libc's
# memset: gcc has an option for that; clang does as -ffreestanding says.)
RT_CFLAGS := -O2 -g $(BASE) -DDEJA_RUNTIME -fPIC -ffreestanding -mgeneral-regs-only \
             -fno-stack-protector -fno-strict-aliasing -fomit-frame-pointer \
             -fcf-protection=none -ftls-model=initial-exec \
             $(call option,-fno-tree-loop-distribute-patterns)
RT_LDFLAGS := -shared -Wl,-z,initfirst -Wl,-z,now -Wl,-z,defs -Wl,-z,norelro -Wl,-z,noseparate-code -Wl,--hash-style=gnu \
              -Wl,-T,preload/runtime.ld -Wl,--section-start=.span=0x1ff000 \
              -Wl,--section-start=.init_array=0xa0000 -Wl,--section-start=.dynamic=0xa0400

# msgpack-c 6 has another name than 4.
MSGPACK   := $(if $(filter /%,$(shell $(CC) -print-file-name=libmsgpackc.so)),-lmsgpackc,-lmsgpack-c)
# Of nettle the command itself needs one function: without a library to be loaded at each start.
NETTLE    := $(if $(filter /%,$(shell $(CC) -print-file-name=libnettle.a)),-l:libnettle.a,-lnettle)
TOOL_LIBS := -lzstd -lxxhash $(MSGPACK) $(NETTLE) -lunwind-x86_64 -lunwind -lseccomp -lpthread

ifndef V
Q = @
say = @printf '  %-8s %s\n' "$(1)" "$(2)";
endif

TRACEFMT_SRC := $(sort $(wildcard tracefmt/*.c tracefmt/look/*.c))
# deja-bundle alone carries libarchive and what that needs, deja-look what its exporters need.
BUNDLE_LIBS := -larchive -lnettle
HDF5_LIBS   := $(if $(filter /%,$(shell $(CC) -print-file-name=libhdf5_serial.so)),-lhdf5_serial,-lhdf5)
# deja-share: PCRE2, and Nettle for tokens.
SHARE_LIBS  := -lpcre2-8 -lnettle -lm
# deja-sources: elfutils' libdw, which reads DWARF.
SOURCES_LIBS := -ldw -lelf -lnettle
LOOK_LIBS   := -lpcre2-8 -lpcap -ljson-c $(HDF5_LIBS)

TOOLS_SRC    := $(sort $(wildcard tools/*.c $(addsuffix /*.c,$(addprefix tools/,record replay read keep)))) preload/exec_target.c preload/insn.c
BUNDLE_SRC   := $(sort $(wildcard tools/bundle/*.c))
LOOK_SRC     := $(sort $(wildcard tools/look/*.c))
SHARE_SRC    := $(sort $(wildcard tools/share/*.c))
SOURCES_SRC  := $(sort $(wildcard tools/sources/*.c))
RECORD_SRC   := $(sort $(wildcard preload/recorder/*.c))
COMMON_SRC   := $(sort $(wildcard preload/*.c preload/*.S))
REPLAY_SRC   := $(sort $(wildcard replayer/*.c))
LOADER_SRC   := $(sort $(wildcard replayer/loader/*.c replayer/loader/*.S)) preload/memory.c preload/slots.c replayer/pace.c \
                replayer/head.c replayer/image.c \
                replayer/halt.c
RT_TF_SRC    := tracefmt/calls.c
UNIT_SRC     := $(sort $(wildcard tests/unit/*.c))
CASE_SRC     := $(sort $(wildcard tests/cases/*.c))

TF_OBJ     := $(TRACEFMT_SRC:%.c=$(BUILD)/obj/tool/%.o)
TOOLS_OBJ  := $(TOOLS_SRC:%.c=$(BUILD)/obj/tool/%.o)
BUNDLE_OBJ := $(BUNDLE_SRC:%.c=$(BUILD)/obj/tool/%.o) \
              $(addprefix $(BUILD)/obj/tool/tools/,cmd.o files.o helper.o installed.o keep/pack.o readme.o select.o keep/share.o usage.o)
LOOK_OBJ   := $(LOOK_SRC:%.c=$(BUILD)/obj/tool/%.o) $(BUILD)/obj/tool/tools/look/report_parts.o \
              $(addprefix $(BUILD)/obj/tool/tools/,cmd.o files.o helper.o installed.o json.o moment.o read/notes.o keep/pack.o select.o keep/share.o usage.o)
SHARE_OBJ  := $(SHARE_SRC:%.c=$(BUILD)/obj/tool/%.o) \
              $(addprefix $(BUILD)/obj/tool/tools/,cmd.o files.o helper.o installed.o json.o keep/pack.o record/seal.o select.o keep/share.o usage.o)
SOURCES_OBJ := $(SOURCES_SRC:%.c=$(BUILD)/obj/tool/%.o) \
              $(addprefix $(BUILD)/obj/tool/tools/,cmd.o content.o elf.o files.o helper.o installed.o json.o keep/pack.o record/seal.o select.o keep/share.o store.o usage.o)
rt_obj      = $(patsubst %,$(PLAIN)/obj/rt/%.o,$(basename $(1)))
RECORD_OBJ := $(call rt_obj,$(COMMON_SRC) $(RECORD_SRC) $(RT_TF_SRC))
REPLAY_OBJ := $(call rt_obj,$(COMMON_SRC) $(REPLAY_SRC) $(RT_TF_SRC))
LOADER_OBJ := $(patsubst %,$(PLAIN)/obj/loader/%.o,$(basename $(LOADER_SRC)))
UNIT_BIN   := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/tests/unit/%)
CASE_BIN   := $(CASE_SRC:tests/cases/%.c=$(PLAIN)/tests/cases/%)

DEJA   := $(BUILD)/bin/deja
RECSO  := $(BUILD)/lib/deja/libdeja-record.so
REPSO  := $(BUILD)/lib/deja/libdeja-replay.so
LOADER := $(BUILD)/lib/deja/deja-loader
BUNDLE := $(BUILD)/lib/deja/deja-bundle
LOOK   := $(BUILD)/lib/deja/deja-look
SHARE  := $(BUILD)/lib/deja/deja-share
SOURCES := $(BUILD)/lib/deja/deja-sources
LIB    := $(BUILD)/lib/libdeja.a

# Where tests/run, tests/demo and tests/bench/run find what was built.
PLACE := BUILD='$(abspath $(BUILD))' DEJA='$(abspath $(DEJA))'

# For a make below this one: all processors, unless this one was told how many.
PARALLEL = --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

SCRIPT := $(patsubst tools/replay/gdb/%,$(BUILD)/lib/deja/%,$(sort $(wildcard tools/replay/gdb/*.py)))

.DEFAULT_GOAL := all
.PHONY: all demo check check-report soak soak-servers survey check-sanitize check-analyse check-valgrind check-faults check-travel unit unit-build cases bench install deps clean help
all: $(DEJA) $(RECSO) $(REPSO) $(LOADER) $(BUNDLE) $(LOOK) $(SHARE) $(SOURCES) $(SCRIPT) $(LIB)
	@:

$(DEJA): $(TOOLS_OBJ) $(LIB)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(TOOL_LDFLAGS) -o $@ $(TOOLS_OBJ) $(LIB) $(TOOL_LIBS)

# At a far address (preload/session.h names the others); what it does not use goes.
$(LOADER): $(LOADER_OBJ)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) -static -no-pie -nostdlib -Wl,-e,_start -Wl,-Ttext-segment=0x551300000000 \
	  -Wl,--gc-sections -Wl,--build-id -Wl,-z,noexecstack -o $@ $(LOADER_OBJ)

$(PLAIN)/obj/loader/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC-LD,$<)$(CC) $(RT_CFLAGS) -ffunction-sections -fdata-sections -c -o $@ $<

$(PLAIN)/obj/loader/%.o: %.S
	@mkdir -p $(@D)
	$(call say,AS-LD,$<)$(CC) $(RT_CFLAGS) -c -o $@ $<

$(BUNDLE): $(BUNDLE_OBJ) $(LIB)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(TOOL_LDFLAGS) -o $@ $(BUNDLE_OBJ) $(LIB) $(BUNDLE_LIBS) -lzstd -lxxhash $(MSGPACK) -lpthread

$(SHARE): $(SHARE_OBJ) $(LIB)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(TOOL_LDFLAGS) -o $@ $(SHARE_OBJ) $(LIB) $(SHARE_LIBS) -lzstd -lxxhash $(MSGPACK) -lpthread

$(SOURCES): $(SOURCES_OBJ) $(LIB)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(TOOL_LDFLAGS) -o $@ $(SOURCES_OBJ) $(LIB) $(SOURCES_LIBS) -lzstd -lxxhash $(MSGPACK) -lpthread

$(LOOK): $(LOOK_OBJ) $(LIB)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(TOOL_LDFLAGS) -o $@ $(LOOK_OBJ) $(LIB) $(LOOK_LIBS) -lzstd -lxxhash $(MSGPACK) -lpthread

$(BUILD)/obj/tool/tools/look/report_parts.o: tools/look/report_parts.S tools/look/report.html tools/look/report.css $(wildcard tools/look/*.js)
	@mkdir -p $(@D)
	$(call say,AS,$@)$(CC) $(CFLAGS) -c -o $@ $<

# The headers of HDF5 are in a directory of their own on Debian.
$(BUILD)/obj/tool/tools/look/hdf5.o: TOOL_CFLAGS += $(if $(wildcard /usr/include/hdf5/serial),-isystem /usr/include/hdf5/serial)

$(LIB): $(TF_OBJ)
	@mkdir -p $(@D)
	$(call say,AR,$@)rm -f $@ && ar rcs $@ $^

# One build ID for both: programs write out those of what is loaded.
RT_ID = $(shell cat $(RECORD_OBJ) $(REPLAY_OBJ) | sha1sum | cut -c1-40)

$(RECSO): $(RECORD_OBJ) $(REPLAY_OBJ) preload/runtime.ld Makefile
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(RT_LDFLAGS) -Wl,--build-id=0x$(RT_ID) -Wl,-soname,libdeja-record.so -o $@ $(RECORD_OBJ)

$(REPSO): $(RECORD_OBJ) $(REPLAY_OBJ) preload/runtime.ld Makefile
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(RT_LDFLAGS) -Wl,--build-id=0x$(RT_ID) -Wl,-soname,libdeja-replay.so -o $@ $(REPLAY_OBJ)

$(BUILD)/lib/deja/%.py: tools/replay/gdb/%.py
	@mkdir -p $(@D)
	$(call say,COPY,$@)install -m644 $< $@

$(BUILD)/obj/tool/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(TOOL_CFLAGS) -c -o $@ $<

$(PLAIN)/obj/rt/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC-RT,$<)$(CC) $(RT_CFLAGS) -c -o $@ $<

$(PLAIN)/obj/rt/%.o: %.S
	@mkdir -p $(@D)
	$(call say,AS-RT,$<)$(CC) $(RT_CFLAGS) -c -o $@ $<

$(BUILD)/tests/unit/%: tests/unit/%.c $(filter-out $(BUILD)/obj/tool/tools/main.o,$(TOOLS_OBJ)) $(LIB)
	@mkdir -p $(@D)
	$(call say,UNIT,$@)$(CC) $(TOOL_CFLAGS) $(TOOL_LDFLAGS) -o $@ $< $(filter %.o %.a,$^) $(TOOL_LIBS) -lcmocka

# A victim may name what it needs in a line `/* LDLIBS: -lpthread */` or `/* CFLAGS: ... */`.
$(PLAIN)/tests/cases/%: tests/cases/%.c tests/cases/victim.h
	@mkdir -p $(@D)
	$(call say,CASE,$@)$(CC) -std=gnu11 -D_GNU_SOURCE -O1 -g $$(sed -n 's,^/\* CFLAGS: \(.*\) \*/,\1,p' $<) \
	  -o $@ $< $$(sed -n 's,^/\* LDLIBS: \(.*\) \*/,\1,p' $<)

include tests/fuzz/fuzz.mk

unit-build: all $(UNIT_BIN) $(if $(SANITIZE),,$(KNOWN_BIN))

unit: unit-build
	@failed=; for t in $(UNIT_BIN); do $$t || failed="$$failed $${t##*/}"; done; \
	  [ -z "$$failed" ] || { echo "failed:$$failed" >&2; exit 1; }

cases: all $(CASE_BIN)

deps:
	@./.ci/deps build

# The sub-makes come after .ci/deps: what it installs is looked for when they start.
demo:
	@./.ci/deps build demo
	@$(MAKE) $(PARALLEL) all
	@$(PLACE) tests/demo

check:
	@./.ci/deps build demo test
	@$(MAKE) $(PARALLEL) all cases unit-build
	@$(PLACE) tests/run

# The tools read recordings there; a command that ends leaves its memory to the kernel, so leaks are not asked for.
SANITIZE_CLI := reading bundle bundle_hostile look_commands look_http look_postgres look_redis \
                keeping_house garbage truncated redact recover
check-sanitize:
	@./.ci/deps build test
	@$(MAKE) $(PARALLEL) SANITIZE=address,undefined BUILD=$(BUILD)/sanitize unit cases
	@ASAN_OPTIONS=detect_leaks=0 BUILD=$(abspath $(BUILD))/sanitize DEJA=$(abspath $(BUILD))/sanitize/bin/deja \
	  CASES=$(abspath $(BUILD))/tests/cases tests/run $(SANITIZE_CLI:%=cli/%)

# cppcheck and clang-tidy, without a finding; .clang-tidy and tests/analyse/known say what is asked.
check-analyse:
	@./.ci/deps build analyse
	@tests/analyse/run

# The commands that read recordings, and replays' supervisor, under memcheck.
check-valgrind:
	@./.ci/deps build test analyse
	@$(MAKE) $(PARALLEL) all
	@$(PLACE) tests/analyse/valgrind

# Every protection of tests/FAULTS.md taken out in turn: its test fails (a quarter of an hour).
check-faults:
	@./.ci/deps build test
	@$(MAKE) $(PARALLEL) all cases unit-build
	@BUILD='$(abspath $(BUILD))' tests/faults/run $(FAULTS)

check-travel:
	@./.ci/deps build demo test travel
	@$(MAKE) $(PARALLEL) all
	@$(PLACE) tests/travel

# With a browser, which `make check` does without: the page of 10^5 events opens in 2 seconds.
check-report:
	@./.ci/deps build report
	@$(MAKE) $(PARALLEL) all
	@REPORT_BROWSER=1 $(PLACE) tests/run cli/report_page
	@$(PLACE) tests/look/report_large

# What reading costs, of recordings made on the spot (a minute, 1.5 GiB in TMPDIR).
.PHONY: check-reading
check-reading: all
	@$(PLACE) tests/look/reading

soak:
	@./.ci/deps build test
	@$(MAKE) $(PARALLEL) all cases
	@tests/run --soak
	@$(MAKE) --no-print-directory soak-servers

# redis and nginx under load in one recording each for SOAK_TIME seconds. What it saw stays in $(BUILD)/soak.
SOAK_TIME ?= 3600
soak-servers:
	@./.ci/deps build test
	@$(MAKE) $(PARALLEL) all
	@rm -rf $(BUILD)/soak && mkdir $(BUILD)/soak
	@$(PLACE) tests/soak/servers $(SOAK_TIME) $(BUILD)/soak

survey: all
	@tests/survey/run $(SURVEY)

bench:
	@./.ci/deps build bench
	@$(MAKE) $(PARALLEL) all
	@$(PLACE) tests/bench/run $(BENCH)

install: all
	install -d $(addprefix $(DESTDIR)$(PREFIX)/,bin include lib/deja lib/pkgconfig share/man/man1 share/doc/deja)
	install -m755 $(DEJA) $(DESTDIR)$(PREFIX)/bin/
	install -m755 $(RECSO) $(REPSO) $(LOADER) $(BUNDLE) $(LOOK) $(SHARE) $(SOURCES) $(DESTDIR)$(PREFIX)/lib/deja/
	install -m644 $(SCRIPT) $(DESTDIR)$(PREFIX)/lib/deja/
	install -m644 $(LIB) $(DESTDIR)$(PREFIX)/lib/
	install -m644 tracefmt/deja.h tracefmt/deja_look.h $(DESTDIR)$(PREFIX)/include/
	sed -e 's,@PREFIX@,$(PREFIX),' -e 's,@VERSION@,$(VERSION),' -e 's,@MSGPACK@,$(MSGPACK),' tracefmt/libdeja.pc.in \
	  > $(DESTDIR)$(PREFIX)/lib/pkgconfig/libdeja.pc
	chmod 644 $(DESTDIR)$(PREFIX)/lib/pkgconfig/libdeja.pc
	install -m644 $(sort $(wildcard tools/man/*.1)) $(DESTDIR)$(PREFIX)/share/man/man1/
	install -m644 $(sort $(wildcard tracefmt/examples/*.c)) $(DESTDIR)$(PREFIX)/share/doc/deja/

clean:
	rm -rf $(BUILD)

help:
	@echo 'make                the command, its runtime objects and libdeja.a, in $(BUILD)'
	@echo 'make demo           a short show of recording and replaying'
	@echo 'make check          every test; `tests/run NAME` runs one'
	@echo 'make unit           the unit tests only'
	@echo 'make soak           the racy tests many times over, then an hour of redis and nginx (SOAK_TIME=3600)'
	@echo 'make check-report   the page of `deja report` in a headless Chromium, with 10^5 events'
	@echo 'make check-reading  speed and memory of reading: 10^6 events/s, seeking in 1 GiB'
	@echo 'make check-sanitize unit tests and those of reading recordings, under AddressSanitizer and UBSan'
	@echo 'make check-analyse  cppcheck and clang-tidy over all sources: no finding (some minutes)'
	@echo 'make check-valgrind the commands that read recordings, under memcheck'
	@echo 'make check-faults   takes out every protection of tests/FAULTS.md in turn and sees its test fail'
	@echo 'make fuzz           every fuzz target for FUZZ_TIME (60) seconds, with the inputs counted'
	@echo 'make check-travel   replays in the root of another Debian release (root, network)'
	@echo 'make survey         many programs of Debian, as far as they are installed: which replay? (SURVEY="coreutils")'
	@echo 'make bench          what recording costs here (BENCH="--rounds 3 sqlite")'
	@echo 'make install        to DESTDIR and PREFIX (/usr/local)'
	@echo 'make deps           installs what the build needs (Debian; demo, check and bench do so too)'
	@echo 'make clean'
	@echo 'switches: BUILD=DIR CC=clang WERROR=1 SANITIZE=address,undefined V=1'

-include $(TF_OBJ:.o=.d) $(TOOLS_OBJ:.o=.d) $(BUNDLE_OBJ:.o=.d) $(LOOK_OBJ:.o=.d) $(SHARE_OBJ:.o=.d) $(SOURCES_OBJ:.o=.d) $(LOADER_OBJ:.o=.d) $(RECORD_OBJ:.o=.d) $(REPLAY_OBJ:.o=.d) $(UNIT_BIN:=.d)
