# Caretaker.  "make help" lists the goals.
# SPDX-License-Identifier: Apache-2.0

VERSION  := 0.1.0
PLATFORM ?= linux
B        := build/$(PLATFORM)$(if $(SAN),-san)
Q        := $(if $(V),,@)
PKG_CONFIG ?= pkg-config

CFLAGS   ?= -O2 -g
STD      := -std=c11 -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wformat=2 -Wvla -Wpointer-arith -Wundef $(WERROR)
HARDEN   := -fstack-protector-strong -fPIE -ffunction-sections -fdata-sections
CPPFLAGS += -I. -I$(B)/gen -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DCARETAKER_VERSION='"$(VERSION)"'
DEPFLAGS  = -MMD -MP
LINK     := -pie -Wl,--gc-sections -Wl,-z,relro -Wl,-z,now -Wl,--as-needed
ifdef SAN
STD      += -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer
LINK     += -fsanitize=$(SAN)
endif

# --- what there is -------------------------------------------------------------------------
# A folder a layer; each becomes a static library, so a program links only what it calls.
LAYERS    := base proto policy gate controls
PROGRAMS  := caretakerd caretaker-check caretaker-scan caretaker-uplink caretaker-gate caretaker caretaker-collector caretaker-fleet

caretakerd_DIR          := agent/daemon
caretakerd_NEEDS        := gate platform base
caretakerd_LIBS         := libuv libudev
caretaker-check_DIR     := agent/check
caretaker-check_NEEDS   := controls gate policy proto platform base
caretaker-check_LIBS    := libcrypto zlib inih libcjson libsystemd blkid libudev
caretaker-scan_DIR      := agent/scan
caretaker-scan_NEEDS    := gate platform base
caretaker-scan_LIBS     :=
caretaker-uplink_DIR    := agent/uplink
caretaker-uplink_NEEDS  := proto platform base
caretaker-uplink_LIBS   := libcurl libssl libcrypto
# udev runs it, in the initramfs too: static, so that it needs nothing there.
caretaker-gate_DIR      := agent/gatekeeper
caretaker-gate_NEEDS    := gate platform base
caretaker-gate_LINK     := $(if $(SAN),,-static-pie)
caretaker_DIR           := agent/cli
caretaker_NEEDS         := gate policy proto platform base
caretaker_LIBS          := libcrypto zlib inih libcjson
caretaker-collector_DIR   := tools/collector
caretaker-collector_NEEDS := policy proto platform base
caretaker-collector_LIBS  := libevent libevent_openssl libevent_pthreads libssl libcrypto zlib inih libcjson sqlite3
caretaker-fleet_DIR     := tools/fleet
caretaker-fleet_NEEDS   := policy proto platform base
caretaker-fleet_LIBS    := libcurl libssl libcrypto zlib inih libcjson

# Who may include whom: "make layers" holds the code to it.  Left: a folder; right: what it may
# include of ours besides itself.
ALLOW := agent/base: \
         agent/proto:agent/base \
         agent/policy:agent/base,agent/proto \
         agent/gate:agent/base \
         agent/controls:agent/base,agent/proto,agent/policy,platform \
         agent/daemon:agent/base,agent/gate,platform \
         agent/check:agent/base,agent/proto,agent/policy,agent/gate,agent/controls,platform \
         agent/scan:agent/base,agent/gate,platform \
         agent/gatekeeper:agent/base,agent/gate,platform,pkg/udev \
         agent/uplink:agent/base,agent/proto,platform \
         agent/cli:agent/base,agent/proto,agent/policy,agent/gate,platform \
         platform:agent/base \
         tools/collector:agent/base,agent/proto,agent/policy,platform \
         tools/fleet:agent/base,agent/proto,agent/policy,platform

# --- objects -------------------------------------------------------------------------------
obj     = $(patsubst %.c,$(B)/%.o,$(1))
lib     = $(patsubst %,$(B)/lib%.a,$(1))
pkgs    = $(if $(1),$(shell $(PKG_CONFIG) $(2) $(1) 2>/dev/null))
# Larger pieces of text that a program carries: FILE -> gen/FILE.h holding its bytes.
EMBED   := $(wildcard conf/heartbeat-dict-1.txt conf/fleet.ini conf/hardware/*.ini conf/policies/default.ini pkg/udev/*.rules tools/collector/*.sql tools/collector/openapi.json)
GEN     := $(patsubst %,$(B)/gen/%.h,$(EMBED)) $(B)/gen/installed.h

SRC_platform := $(wildcard platform/$(PLATFORM)/*.c)
SRC_fake     := $(wildcard platform/fake/*.c)
$(foreach l,$(LAYERS),$(eval SRC_$(l) := $(wildcard agent/$(l)/*.c)))

ALL_DIRS := $(patsubst %,agent/%,$(LAYERS)) $(foreach p,$(PROGRAMS),$($(p)_DIR)) platform/linux platform/fake
ALL_C    := $(wildcard $(patsubst %,%/*.c,$(ALL_DIRS)))
FORMATTED = $(ALL_C) $(ALL_H) $(wildcard tests/unit/*.c tests/fuzz/*.c tests/bench/*.c tests/system/*.c)
ALL_H    := $(wildcard $(patsubst %,%/*.h,$(ALL_DIRS))) $(wildcard platform/*.h tests/unit/*.h tests/fuzz/*.h)
BINS     := $(foreach p,$(PROGRAMS),$(if $(wildcard $($(p)_DIR)/main.c),$(B)/$(p)))

all: $(BINS)

$(B)/%.o: %.c | $(GEN)
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(STD) $(HARDEN) $(DEPFLAGS) -c -o $@ $<

$(B)/gen/%.h: % tools/dev/embed
	@mkdir -p $(@D)
	@echo "  EMBED   $<"
	$(Q)tools/dev/embed $< > $@.tmp && mv $@.tmp $@

# Where "make install" puts things, for the programs that look for them there.
$(B)/gen/installed.h: FORCE
	@mkdir -p $(@D)
	@printf '#define INSTALLED_%s "%s"\n' BIN '$(bindir)' SBIN '$(sbindir)' \
	  LIBEXEC '$(libexecdir)/caretaker' SHARE '$(datadir)/caretaker' UNITS '$(unitdir)' \
	  CONF '$(sysconfdir)/caretaker' > $@.tmp
	@if cmp -s $@.tmp $@; then rm $@.tmp; else mv $@.tmp $@; fi
$(B)/platform/linux/os_self.o: $(B)/gen/installed.h

define layer_rule
$(B)/lib$(1).a: $(call obj,$(SRC_$(1)))
	@mkdir -p $$(@D)
	@echo "  AR      $$@"
	$$(Q)rm -f $$@ && $$(AR) rcD $$@ $$^
endef
$(foreach l,$(LAYERS) platform fake,$(eval $(call layer_rule,$(l))))

define program_rule
$(B)/$(1): $(call obj,$(wildcard $($(1)_DIR)/*.c)) $(call lib,$($(1)_NEEDS))
	@echo "  LD      $$@"
	$$(Q)$$(CC) $$(CFLAGS) $$(LINK) $$(LDFLAGS) $$($(1)_LINK) -o $$@ $$^ $$(call pkgs,$($(1)_LIBS),--libs) -lpthread -lm
endef
$(foreach p,$(PROGRAMS),$(eval $(call program_rule,$(p))))

include tests/tests.mk
include pkg/pkg.mk

# --- what the code is held to --------------------------------------------------------------
headers: $(GEN) ## each header compiles alone
	@for h in $(ALL_H); do $(CC) $(CPPFLAGS) $(STD) -fsyntax-only -x c $$h || exit 1; done
	@echo "ok headers ($(words $(ALL_H)))"

layers: ## includes stay within ALLOW; one .c file a library; no OS outside platform/
	@tools/dev/layers $(ALLOW)

portable: $(GEN) ## the portable code compiles with mingw-w64 (compile only)
	@tools/dev/portable $(CPPFLAGS) -- agent/base agent/proto agent/policy agent/gate agent/gatekeeper agent/controls agent/check agent/scan agent/cli agent/uplink agent/daemon platform/fake

format: ## clang-format finds nothing to change
	@clang-format --dry-run -Werror $(FORMATTED) && echo "ok format ($(words $(FORMATTED)))"

lint: $(GEN) ## clang-format, cppcheck, clang-tidy; LINT="FILE..." for some
	@tools/dev/lint $(CPPFLAGS) -- $(or $(LINT),$(ALL_C) $(wildcard tests/unit/*.c tests/fuzz/*.c) $(ALL_H))

shape: ## functions over 60 lines, nesting over 3, files over 600: places to look again
	@tools/dev/shape agent platform tools

clean: ## removes build/
	$(RM) -r build

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' Makefile tests/tests.mk pkg/pkg.mk | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20
	@echo "  V=1 shows commands; SAN=address,undefined builds and checks with sanitizers"

.PHONY: FORCE all headers layers portable format lint shape clean help
-include $(shell find $(B) -name '*.d' 2>/dev/null)
