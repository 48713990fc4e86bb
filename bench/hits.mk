# The hit path: what an answer from the cache costs, beside the bare sockets
# and beside other resolvers.
#
#   make bench-hits      the table of bench/hits.py, build/bench/hits.{json,svg}

BENCH_PACKAGES += unbound pdns-recursor dnsdist knot-resolver dnsperf valgrind

HITS_PROGRAMS := $(BUILD)/bench/udp_echo $(BUILD)/bench/hits_instructions

$(BUILD)/bench/udp_echo: $(BUILD)/obj/bench/udp_echo.o
	@mkdir -p $(@D)
	$(call quiet,link)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^

# Linked as the front is, but for the clock: it is the program's own, base's is
# left out, as in tests/unit.
$(BUILD)/bench/hits_instructions: $(BUILD)/obj/bench/hits_instructions.o $(call archives,front)
	@mkdir -p $(@D)
	$(call quiet,link)$(CC) $(CFLAGS) $(LDFLAGS_WHOLE) -o $@ $^ $(call outside,front) -lcmocka

.PHONY: bench-hits bench-instructions
bench-hits: all $(HITS_PROGRAMS)
	@MX_BUILD=$(BUILD) LAB_MANY=2000 tests/lab/lab run -- \
		/usr/bin/python3 bench/hits.py $(ARGS)

bench-instructions: $(BUILD)/bench/hits_instructions
	@MX_BUILD=$(BUILD) /usr/bin/python3 bench/hits.py --only-instructions
