# Tests, fuzzing and benchmarks; included by ../Makefile.
# SPDX-License-Identifier: Apache-2.0

# tests/unit/test_NAME.c links every layer with the fake platform.
# tests/unit/linux_NAME.c links platform/linux instead, and tests/unit/collector_NAME.c also the
# collector's objects (all but its main); fleet_NAME.c, check_NAME.c and daemon_NAME.c likewise.
TEST_LIBS  := libcrypto libssl zlib inih libcjson cmocka libsystemd blkid libudev sqlite3 libevent libevent_openssl libevent_pthreads libcurl
UNIT_FAKE  := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/test_*.c))
UNIT_LINUX := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/linux_*.c))
UNIT_COLL  := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/collector_*.c))
UNIT_CHECK := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/check_*.c))
UNIT_FLEET := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/fleet_*.c))
UNIT_DAEMON := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/daemon_*.c))
UNIT       := $(UNIT_DAEMON) $(UNIT_FLEET) $(UNIT_FAKE) $(UNIT_LINUX) $(UNIT_COLL) $(UNIT_CHECK)
COLL_OBJ   := $(filter-out %/main.o,$(call obj,$(wildcard tools/collector/*.c)))
FLEET_OBJ  := $(filter-out %/main.o,$(call obj,$(wildcard tools/fleet/*.c)))
DAEMON_OBJ := $(filter-out %/main.o %/watch.o,$(call obj,$(wildcard agent/daemon/*.c)))
CHECK_OBJ  := $(filter-out %/main.o,$(call obj,$(wildcard agent/check/*.c)))

$(UNIT_FAKE): $(B)/unit/%: $(B)/tests/unit/%.o $(call lib,controls gate policy proto fake base)
$(UNIT_LINUX): $(B)/unit/%: $(B)/tests/unit/%.o $(call lib,controls gate policy proto platform base)
$(UNIT_COLL): $(B)/unit/%: $(B)/tests/unit/%.o $(COLL_OBJ) $(call lib,policy proto platform base)
$(UNIT_CHECK): $(B)/unit/%: $(B)/tests/unit/%.o $(CHECK_OBJ) $(call lib,controls gate policy proto fake base)
$(UNIT_DAEMON): $(B)/unit/%: $(B)/tests/unit/%.o $(DAEMON_OBJ) $(call lib,gate fake base)
$(UNIT_FLEET): $(B)/unit/%: $(B)/tests/unit/%.o $(FLEET_OBJ) $(call lib,policy proto platform base)
$(UNIT):
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(CFLAGS) $(LINK) $(LDFLAGS) -o $@ $^ $(call pkgs,$(TEST_LIBS),--libs) -lpthread -lm

# tests/fuzz/fuzz_NAME.c; fuzz_collector_* and fuzz_check_* also link those programs' objects,
# fuzz_linux_* platform/linux instead of the fake one.
FUZZ_NAMES := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
REPLAY     := $(patsubst %,$(B)/fuzz/replay_%,$(FUZZ_NAMES))
fuzz_obj    = $(if $(filter collector_%,$(1)),$(COLL_OBJ))$(if $(filter check_%,$(1)),$(CHECK_OBJ))
define replay_rule
$(B)/fuzz/replay_$(1): $(B)/tests/fuzz/fuzz_$(1).o $(B)/tests/fuzz/replay.o $(call fuzz_obj,$(1)) $(call lib,controls gate policy proto $(if $(filter linux_%,$(1)),platform,fake) base)
endef
$(foreach n,$(FUZZ_NAMES),$(eval $(call replay_rule,$(n))))
$(REPLAY):
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(CFLAGS) $(LINK) $(LDFLAGS) -o $@ $^ $(call pkgs,$(TEST_LIBS),--libs) -lpthread -lm

unit: $(UNIT) ## unit tests (cmocka); SKIP="NAME ..." leaves programs out
	@tests/run-unit $(filter-out $(patsubst %,$(B)/unit/%,$(SKIP)),$(UNIT))

corpus: $(REPLAY) ## every fuzz corpus, replayed
	@tests/run-corpus $(REPLAY)

# What a control says of the machine it is run on; system tests run it in chroots.
$(B)/facts: $(B)/tests/system/facts.o $(call lib,controls gate policy proto platform base)
	@echo "  LD      $@"
	$(Q)$(CC) $(CFLAGS) $(LINK) $(LDFLAGS) -o $@ $^ $(call pkgs,$(caretaker-check_LIBS),--libs) -lpthread -lm

system: $(BINS) $(B)/unit/test_jose $(B)/facts ## system tests (pytest): real programs, real parts
	@CARETAKER_BUILD=$(abspath $(B)) /usr/bin/python3 -B -m pytest -q -p no:cacheprovider tests/system $(PYTEST)

# The packages that are installed in the VM; made again when what goes into them changed.
$(B)/deb/made: $(shell find agent platform tools/collector tools/fleet conf pkg -type f) Makefile
	@echo "  DEB     $(@D)"
	@rm -rf $(@D) && pkg/deb/make-deb "$(VERSION)" $(@D) > /dev/null && touch $@

test-vm: all $(B)/facts $(B)/deb/made ## what needs a kernel of its own: controls, units and packages in a small Debian VM
	@CARETAKER_BUILD=$(abspath $(B)) tests/vm/run $(PYTEST)

check: layers headers unit corpus system ## everything but the VM

# make fuzz FUZZ=policy [FUZZ_SECONDS=600]: clang's libFuzzer, into build/fuzz (never the corpus).
FUZZ_CFLAGS := -std=c11 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
               -fsanitize-ignorelist=tests/fuzz/uninstrumented -fsanitize-coverage-ignorelist=tests/fuzz/uninstrumented
FUZZ_SRC     = $(SRC_controls) $(SRC_gate) $(SRC_policy) $(SRC_proto) $(SRC_base) \
               $(if $(filter linux_%,$(FUZZ)),$(SRC_platform),$(SRC_fake)) \
               $(if $(filter collector_%,$(FUZZ)),$(filter-out %/main.c,$(wildcard tools/collector/*.c))) \
               $(if $(filter check_%,$(FUZZ)),$(filter-out %/main.c,$(wildcard agent/check/*.c)))
fuzz: $(GEN) ## FUZZ=name [FUZZ_SECONDS=60]: fuzz one parser
	@test -n "$(FUZZ)" || { echo "usage: make fuzz FUZZ=NAME [FUZZ_SECONDS=60]; names: $(FUZZ_NAMES)"; exit 2; }
	@mkdir -p build/fuzz/$(FUZZ) tests/fuzz/corpus/$(FUZZ)
	clang $(CPPFLAGS) $(FUZZ_CFLAGS) -o build/fuzz/$(FUZZ).bin tests/fuzz/fuzz_$(FUZZ).c $(FUZZ_SRC) \
	  $(call pkgs,$(TEST_LIBS),--libs) -lpthread -lm
	build/fuzz/$(FUZZ).bin -max_total_time=$(or $(FUZZ_SECONDS),60) -artifact_prefix=build/fuzz/$(FUZZ)- \
	  -print_final_stats=1 build/fuzz/$(FUZZ) tests/fuzz/corpus/$(FUZZ)

# tests/bench/bench_NAME.c: what tests/bench/run asks; bench_collector_* also link the collector.
BENCH_BIN := $(patsubst tests/bench/%.c,$(B)/bench/%,$(wildcard tests/bench/bench_*.c))
$(BENCH_BIN): $(B)/bench/%: $(B)/tests/bench/%.o $(COLL_OBJ) $(call lib,controls gate policy proto platform base)
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(CFLAGS) $(LINK) $(LDFLAGS) -o $@ $^ $(call pkgs,$(TEST_LIBS),--libs) -lpthread -lm

bench: all $(BENCH_BIN) $(B)/deb/made ## every promise measured: bench NAME VALUE UNIT goal ... (BENCH=name for one)
	@CARETAKER_BUILD=$(abspath $(B)) tests/bench/run $(BENCH)

.PHONY: unit corpus system test-vm check fuzz bench
