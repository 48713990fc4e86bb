# Cold names: what clients with cached answers feel of them, how many a second
# there can be, and how long a mail server waits for all of a domain's.
#
#   make bench-latency   the table of bench/latency.py, build/bench/latency.{json,svg}
#   make bench-misses    the table of bench/misses.py, build/bench/misses.{json,svg}
#   make bench-routes    the table of bench/routes.py, build/bench/routes.{json,svg}

BENCH_PACKAGES += libldns-dev libssl-dev nettle-dev libgmp-dev linux-perf

COLD_PROGRAMS := $(BUILD)/bench/open_loop $(BUILD)/bench/cold_zones
MISSES_PROGRAMS := $(COLD_PROGRAMS) $(BUILD)/bench/verify_cost

# With the library of ldns-signzone, which the lab signs with.
$(BUILD)/bench/cold_zones: $(BUILD)/obj/bench/cold_zones.o
	@mkdir -p $(@D)
	$(call quiet,link)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lldns -lcrypto

# With what libunbound and what the Unbound daemon check signatures with.
$(BUILD)/bench/verify_cost: $(BUILD)/obj/bench/verify_cost.o
	@mkdir -p $(@D)
	$(call quiet,link)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lhogweed -lnettle -lgmp -lcrypto -ljansson

.PHONY: bench-latency bench-misses bench-routes
bench-latency: all $(COLD_PROGRAMS)
	@MX_BUILD=$(BUILD) LAB_MANY=2000 tests/lab/lab run -- \
		/usr/bin/python3 bench/latency.py $(ARGS)

bench-misses: all $(MISSES_PROGRAMS)
	@MX_BUILD=$(BUILD) LAB_MANY=2000 tests/lab/lab run -- \
		/usr/bin/python3 bench/misses.py $(ARGS)

bench-routes: all $(BUILD)/bench/cold_zones
	@MX_BUILD=$(BUILD) tests/lab/lab run -- \
		/usr/bin/python3 bench/routes.py $(ARGS)
