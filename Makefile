# deja: top-level build. `make help` lists the targets.
#
# Three kinds of objects are built: the tools' (ordinary C), the runtime's that goes
# into somebody else's process (libc alone, general registers only, no stack
# protector, see preload/README in the file heads), and the tests'.

CC      ?= gcc
PREFIX  ?= /usr/local
DESTDIR ?=
BUILD   ?= build
VERSION := 0.1.0

# Switches: SANITIZE=address,undefined  WERROR=1  V=1
WARN     := -Wall -Wextra -Wno-unused-parameter -Wstrict-prototypes -Wmissing-prototypes
ifdef WERROR
WARN     += -Werror
endif
CFLAGS   ?= -O2 -g
BASE     := -std=gnu11 $(WARN) -D_GNU_SOURCE -DDEJA_VERSION='"$(VERSION)"' -I. -MMD -MP \
            -fvisibility=hidden
TOOL_CFLAGS := $(CFLAGS) $(BASE) -fPIC
ifdef SANITIZE
TOOL_CFLAGS += -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
TOOL_LDFLAGS += -fsanitize=$(SANITIZE)
endif
# An option that not every compiler knows: clang does without, under -ffreestanding.
cc_option = $(shell $(CC) -Werror $(1) -x c -c -o /dev/null /dev/null 2>/dev/null && echo $(1))
# The runtime lives in somebody else's process.
RT_CFLAGS := -O2 -g $(BASE) -DDEJA_RUNTIME -fPIC -ffreestanding -mgeneral-regs-only \
             -fno-stack-protector -fno-strict-aliasing -fomit-frame-pointer \
             -fcf-protection=none -ftls-model=initial-exec \
             $(call cc_option,-fno-tree-loop-distribute-patterns)
RT_LDFLAGS := -shared -Wl,-z,initfirst -Wl,-z,now -Wl,-z,defs -Wl,-z,relro -Wl,--hash-style=gnu \
              -Wl,--build-id -Wl,--section-start=.doors=0x80000 -Wl,--section-start=.span=0x1ff000

TOOL_LIBS := -lzstd -lxxhash -lmsgpackc -lunwind-ptrace -lunwind-x86_64 -lunwind -lpthread

ifndef V
Q = @
say = @printf '  %-8s %s\n' "$(1)" "$(2)";
endif

TRACEFMT_SRC := $(sort $(wildcard tracefmt/*.c))
TOOLS_SRC    := $(sort $(wildcard tools/*.c)) preload/exec_target.c
RECORD_SRC   := $(sort $(wildcard preload/record*.c))
COMMON_SRC   := $(sort $(filter-out preload/record%,$(wildcard preload/*.c preload/*.S)))
REPLAY_SRC   := $(sort $(wildcard replayer/*.c))
RT_TF_SRC    := tracefmt/calls.c
UNIT_SRC     := $(sort $(wildcard tests/unit/*.c))
CASE_SRC     := $(sort $(wildcard tests/cases/*.c))

TF_OBJ     := $(TRACEFMT_SRC:%.c=$(BUILD)/obj/tool/%.o)
TOOLS_OBJ  := $(TOOLS_SRC:%.c=$(BUILD)/obj/tool/%.o)
rt_obj      = $(patsubst %,$(BUILD)/obj/rt/%.o,$(basename $(1)))
RECORD_OBJ := $(call rt_obj,$(COMMON_SRC) $(RECORD_SRC) $(RT_TF_SRC))
REPLAY_OBJ := $(call rt_obj,$(COMMON_SRC) $(REPLAY_SRC) $(RT_TF_SRC))
UNIT_BIN   := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/tests/unit/%)
CASE_BIN   := $(CASE_SRC:tests/cases/%.c=$(BUILD)/tests/cases/%)

DEJA   := $(BUILD)/bin/deja
RECSO  := $(BUILD)/lib/deja/libdeja-record.so
REPSO  := $(BUILD)/lib/deja/libdeja-replay.so
LIB    := $(BUILD)/lib/libdeja.a

.PHONY: all demo check unit cases bench install deps clean help
all: $(DEJA) $(RECSO) $(REPSO) $(LIB)

$(DEJA): $(TOOLS_OBJ) $(LIB)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(TOOL_LDFLAGS) -o $@ $(TOOLS_OBJ) $(LIB) $(TOOL_LIBS)

$(LIB): $(TF_OBJ)
	@mkdir -p $(@D)
	$(call say,AR,$@)rm -f $@ && ar rcs $@ $^

$(RECSO): $(RECORD_OBJ)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(RT_LDFLAGS) -Wl,-soname,libdeja-record.so -o $@ $(RECORD_OBJ)

$(REPSO): $(REPLAY_OBJ)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(RT_LDFLAGS) -Wl,-soname,libdeja-replay.so -o $@ $(REPLAY_OBJ)

$(BUILD)/obj/tool/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(TOOL_CFLAGS) -c -o $@ $<

$(BUILD)/obj/rt/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC-RT,$<)$(CC) $(RT_CFLAGS) -c -o $@ $<

$(BUILD)/obj/rt/%.o: %.S
	@mkdir -p $(@D)
	$(call say,AS-RT,$<)$(CC) $(RT_CFLAGS) -c -o $@ $<

$(BUILD)/tests/unit/%: tests/unit/%.c $(filter-out $(BUILD)/obj/tool/tools/main.o,$(TOOLS_OBJ)) $(LIB)
	@mkdir -p $(@D)
	$(call say,UNIT,$@)$(CC) $(TOOL_CFLAGS) $(TOOL_LDFLAGS) -o $@ $^ $(TOOL_LIBS) -lcmocka

# A victim may name what it needs in a line `/* LDLIBS: -lpthread */` or `/* CFLAGS: ... */`.
$(BUILD)/tests/cases/%: tests/cases/%.c tests/cases/victim.h
	@mkdir -p $(@D)
	$(call say,CASE,$@)$(CC) -std=gnu11 -D_GNU_SOURCE -O1 -g $$(sed -n 's,^/\* CFLAGS: \(.*\) \*/,\1,p' $<) \
	  -o $@ $< $$(sed -n 's,^/\* LDLIBS: \(.*\) \*/,\1,p' $<)

unit: all $(UNIT_BIN)
	@set -e; for t in $(UNIT_BIN); do $$t; done

cases: all $(CASE_BIN)

deps:
	@./.ci/deps build

demo: deps
	@$(MAKE) --no-print-directory all
	@tests/demo

check:
	@./.ci/deps build test
	@$(MAKE) --no-print-directory all cases unit
	@tests/run

bench: all cases
	@tests/bench/run

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/deja $(DESTDIR)$(PREFIX)/include \
	  $(DESTDIR)$(PREFIX)/lib/pkgconfig $(DESTDIR)$(PREFIX)/share/man/man1
	install -m755 $(DEJA) $(DESTDIR)$(PREFIX)/bin/deja
	install -m755 $(RECSO) $(REPSO) $(DESTDIR)$(PREFIX)/lib/deja/
	install -m644 $(LIB) $(DESTDIR)$(PREFIX)/lib/
	install -m644 tracefmt/deja.h $(DESTDIR)$(PREFIX)/include/
	sed -e 's,@PREFIX@,$(PREFIX),' -e 's,@VERSION@,$(VERSION),' tracefmt/libdeja.pc.in \
	  > $(DESTDIR)$(PREFIX)/lib/pkgconfig/libdeja.pc
	install -m644 $(wildcard tools/man/*.1) $(DESTDIR)$(PREFIX)/share/man/man1/

clean:
	rm -rf $(BUILD)

help:
	@echo 'targets: all demo check unit cases bench install deps clean'
	@echo 'switches: WERROR=1 SANITIZE=address,undefined V=1 PREFIX= DESTDIR= CC='

-include $(TF_OBJ:.o=.d) $(TOOLS_OBJ:.o=.d) $(RECORD_OBJ:.o=.d) $(REPLAY_OBJ:.o=.d)
