# Programs that measure, into build/bench, and all of them in one table.
#
#   make bench           every part; build/bench/bench.json, the plots beside it
#   make bench-deps      the peers, from Debian; none is started
#   make bench-cache     the cache alone: its lookup, memory, what it keeps
#   make bench-readme    the last run's table, into README.md
#   make bench-programs
#
# bench-hits, bench-instructions, bench-latency, bench-misses, bench-routes and
# bench-policies are in hits.mk, misses.mk and policies.mk; every other part is
# "make bench ARGS=PART".
#
# cache_replay_<policy> is cache_replay.c with another evict.c: what is linked
# before libcache.a takes the place of the archive's member.

BENCH_OUT := $(BUILD)/bench
BENCH_POLICIES := s3fifo lru fifo
BENCH := cache_lookup cache_memory cache_snapshot cache_traces $(BENCH_POLICIES:%=cache_replay_%) \
	open_loop

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
sources_open_loop := open_loop
# The layer a program is linked with, where it is not the cache's.
layer_open_loop := bench
ldflags_cache_lookup := -Wl,--wrap=pthread_mutex_lock

define bench_rules
$(BENCH_OUT)/$(1): $(call bench_objects,$(sources_$(1))) $(archives_$(1)) $(call archives,$(or $(layer_$(1)),cache))
	@mkdir -p $$(@D)
	$$(call quiet,link)$(CC) $(CFLAGS) $(LDFLAGS) $(ldflags_$(1)) -o $$@ $$^ $(call outside,$(or $(layer_$(1)),cache)) -ljansson -lm
endef
$(foreach b,$(BENCH),$(eval $(call bench_rules,$(b))))

.PHONY: bench bench-deps bench-cache bench-readme bench-programs
bench-programs: $(BENCH:%=$(BENCH_OUT)/%)

bench-deps: setup-check
	@dist/install-packages $(BENCH_PACKAGES)

# What cannot be built, as where a library is missing, is named by bench.py when
# it comes to that part.
BENCH_ALL = $(BENCH:%=$(BENCH_OUT)/%) $(HITS_PROGRAMS) $(MISSES_PROGRAMS) $(POLICIES_PROGRAMS)
run_bench = MX_BUILD=$(BUILD) /usr/bin/python3 bench/bench.py
bench bench-cache: all
	@$(MAKE) --no-print-directory $(PARALLEL) --keep-going $(BENCH_ALL) || \
		echo "bench: goes on without what could not be built (make bench-deps)" >&2
	@$(run_bench) $(if $(filter bench-cache,$@),lookup memory memory-peers traces snapshot) $(ARGS)

bench-readme:
	@$(run_bench) --readme
