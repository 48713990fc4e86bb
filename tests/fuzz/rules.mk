# Fuzz targets: tests/fuzz/fuzz_<what>.c calls what the program calls and
# checks claims about the result. With clang they are driven by libFuzzer,
# without it replay.c hands them the corpus.
#
#   make fuzz TIME=60    each target for that long, from its corpus on, as many
#                        at once as there are processors, and a table (run.py)
#   make fuzz-replay     the corpora alone, any compiler, with SAN= too
#
# A target links the wire layer unless fuzz_layer_<target> names another.

FUZZ_CC := clang
FUZZ_FLAGS := -O1 -g -std=c11 -fno-strict-aliasing -fno-omit-frame-pointer -pthread \
	-U_FORTIFY_SOURCE -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined
TIME ?= 60

fuzz_layer_fuzz_base_config := base
fuzz_layer_fuzz_cache_snapshot := cache
fuzz_layer_fuzz_mail_next := mail
fuzz_layer_fuzz_mail_route := mail
fuzz_layer_fuzz_mail_sts := mail
fuzz_layer_fuzz_mail_sts_answer := mail
fuzz_layer_fuzz_front_tcp := front
fuzz_layer_fuzz_front_answer := front
fuzz_layer_fuzz_admin_request := admin
fuzz_layer_fuzz_policy_socketmap := policy
fuzz_layer_fuzz_policy_sts_file := policy
fuzz_layer_fuzz_bench_reply := bench

FUZZ := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
fuzz_layer = $(or $(fuzz_layer_$(1)),wire)
fuzz_sources = $(foreach l,$(uses_$(call fuzz_layer,$(1))),$(call sources,$(l)))

define fuzz_rules
build/fuzz/$(1): tests/fuzz/$(1).c $(call fuzz_sources,$(1)) $(wildcard include/*.h src/*/*.h src/tools/*/*.h tests/*/*.h)
	@mkdir -p $$(@D)
	$$(call quiet,cc  )$(FUZZ_CC) $(CPPFLAGS) $(FUZZ_FLAGS) -o $$@ $$(filter %.c,$$^) $$(call outside,$(call fuzz_layer,$(1)))

$(BUILD)/replay/$(1): $(BUILD)/obj/tests/fuzz/$(1).o $(BUILD)/obj/tests/fuzz/replay.o \
		$(call archives,$(call fuzz_layer,$(1)))
	@mkdir -p $$(@D)
	$$(call quiet,link)$$(CC) $$(CFLAGS) $$(LDFLAGS) -o $$@ $$^ $$(call outside,$(call fuzz_layer,$(1)))
endef
$(foreach f,$(FUZZ),$(eval $(call fuzz_rules,$(f))))

.PHONY: fuzz fuzz-replay
fuzz: $(FUZZ:%=build/fuzz/%)
	@/usr/bin/python3 tests/fuzz/run.py $(TIME) $(FUZZ)

fuzz-replay: $(FUZZ:%=$(BUILD)/replay/%)
	@printf '%s\n' $(FUZZ) | xargs -P "$$(nproc)" -I NAME sh -c ' \
		said=$$(timeout 300 $(BUILD)/replay/NAME tests/fuzz/corpus/NAME 2>&1); \
		status=$$?; printf "== NAME\n%s\n" "$$said"; exit $$status'
