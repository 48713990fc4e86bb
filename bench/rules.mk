# Programs that measure, into build/bench.
#
#   make bench-programs
#
# cache_replay_<policy> is cache_replay.c with another evict.c: what is linked
# before libcache.a takes the place of the archive's member.

BENCH_OUT := $(BUILD)/bench
BENCH_POLICIES := s3fifo lru fifo
BENCH := cache_lookup cache_memory cache_snapshot cache_traces $(BENCH_POLICIES:%=cache_replay_%)

bench_objects = $(patsubst %,$(BUILD)/obj/bench/%.o,$(1))
sources_cache_lookup := cache_lookup
sources_cache_memory := cache_memory
sources_cache_snapshot := cache_snapshot
# It checks what it loads.
archives_cache_snapshot = $(call archive,wire)
sources_cache_traces := cache_traces svg
sources_cache_replay_s3fifo := cache_replay trace
sources_cache_replay_lru := cache_replay trace evict_lru
sources_cache_replay_fifo := cache_replay trace evict_fifo

define bench_rules
$(BENCH_OUT)/$(1): $(call bench_objects,$(sources_$(1))) $(archives_$(1)) $(call archives,cache)
	@mkdir -p $$(@D)
	$$(call quiet,link)$(CC) $(CFLAGS) $(LDFLAGS) -o $$@ $$^ $(call outside,cache) -ljansson -lm
endef
$(foreach b,$(BENCH),$(eval $(call bench_rules,$(b))))

.PHONY: bench-programs
bench-programs: $(BENCH:%=$(BENCH_OUT)/%)
