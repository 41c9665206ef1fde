# Fuzz targets, each a file of tests/fuzz: with libFuzzer (clang) for `make fuzz`, and with
# main.c (any compiler) over known inputs for `make check`; both under AddressSanitizer and UBSan.
# The objects of the latter are those of `make SANITIZE=address,undefined`.
# FUZZ_TIME: seconds a target.

FUZZ_CC     ?= clang
FUZZ_TIME   ?= 60
FUZZ_TARGETS := $(filter-out main,$(patsubst tests/fuzz/%.c,%,$(sort $(wildcard tests/fuzz/*.c))))
FUZZ_CFLAGS := -O1 -g $(BASE) -fno-omit-frame-pointer -Wno-unknown-warning-option -Wno-format-truncation
FUZZ_SAN    := -fsanitize=address,undefined -fno-sanitize-recover=undefined
FUZZ_TF     := $(TRACEFMT_SRC)
FUZZ_TOOLS  := $(filter-out tools/main.c,$(TOOLS_SRC))
FUZZ_RT     := replayer/head.c replayer/pace.c replayer/halt.c replayer/match.c replayer/output.c replayer/diverge.c replayer/image.c replayer/semaphores.c \
               preload/beside.c preload/lengths.c preload/digest.c tracefmt/calls.c
FUZZ_DIR    := $(BUILD)/fuzz
KNOWN_DIR   := $(BUILD)/tests/fuzz
SAN_OBJ     := $(BUILD)/sanitize/obj/tool
FUZZ_BIN    := $(FUZZ_TARGETS:%=$(FUZZ_DIR)/bin/%)
KNOWN_BIN   := $(FUZZ_TARGETS:%=$(KNOWN_DIR)/%)

fuzz_harness = $(FUZZ_CFLAGS) $(1) -DDEJA_RUNTIME -DDEJA_HARNESS -fno-strict-aliasing
fuzz_clang   = $(FUZZ_SAN) -fsanitize=fuzzer-no-link

$(FUZZ_DIR)/obj/tool/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC-FUZZ,$<)$(FUZZ_CC) $(FUZZ_CFLAGS) $(fuzz_clang) -c -o $@ $<

$(FUZZ_DIR)/obj/harness/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC-FUZZ,$<)$(FUZZ_CC) $(call fuzz_harness,$(fuzz_clang)) -c -o $@ $<

$(KNOWN_DIR)/obj/harness/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC-FUZZ,$<)$(CC) $(call fuzz_harness,$(FUZZ_SAN)) -c -o $@ $<

ifndef SANITIZE
$(SAN_OBJ)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC-SAN,$<)$(CC) -O1 -g $(BASE) -fPIC $(call sanitize,address,undefined) -c -o $@ $<
endif

# What a target is made of: below directories of tools' objects and of the harness's, the target.
fuzz_parts = $(if $(filter serve,$(3)),$(patsubst %.c,$(2)/%.o,$(FUZZ_RT) tests/fuzz/serve.c),$(patsubst %.c,$(1)/%.o,$(FUZZ_TF) $(if $(filter report,$(3)),$(FUZZ_TOOLS)) tests/fuzz/$(3).c))

define fuzz_target
$(FUZZ_DIR)/bin/$(1): $(call fuzz_parts,$(FUZZ_DIR)/obj/tool,$(FUZZ_DIR)/obj/harness,$(1))
	@mkdir -p $$(@D)
	$$(call say,FUZZ,$$@)$(FUZZ_CC) $(FUZZ_SAN) -fsanitize=fuzzer -o $$@ $$^ $(if $(filter serve,$(1)),,$(TOOL_LIBS))

$(KNOWN_DIR)/$(1): $(call fuzz_parts,$(SAN_OBJ),$(KNOWN_DIR)/obj/harness,$(1)) $(SAN_OBJ)/tests/fuzz/main.o
	@mkdir -p $$(@D)
	$$(call say,FUZZ,$$@)$(CC) $(FUZZ_SAN) -o $$@ $$^ $(if $(filter serve,$(1)),,$(TOOL_LIBS))
endef
$(foreach t,$(FUZZ_TARGETS),$(eval $(call fuzz_target,$(t))))

# Corpora begin with parts of recordings made now.
$(FUZZ_DIR)/seeds/made: tests/fuzz/seeds $(DEJA) $(RECSO) $(CASE_BIN)
	$(call say,SEEDS,$(@D))$(PLACE) tests/fuzz/seeds $(@D) && touch $@

.PHONY: fuzz fuzz-build
fuzz-build: all $(FUZZ_BIN) $(FUZZ_DIR)/seeds/made
fuzz:
	@./.ci/deps build fuzz
	@$(MAKE) --no-print-directory fuzz-build
	@FUZZ_DIR=$(FUZZ_DIR) tests/fuzz/run $(FUZZ_TIME) $(FUZZ_TARGETS)

-include $(shell find $(FUZZ_DIR)/obj $(KNOWN_DIR)/obj $(SAN_OBJ) -name '*.d' 2>/dev/null)
