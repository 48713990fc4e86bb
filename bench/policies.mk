# Policies for Postfix: how many a second, and how long each takes, beside the
# bare sockets and beside postfix-mta-sts-resolver.
#
#   make bench-policies  the table of bench/policies.py, build/bench/policies.json

BENCH_PACKAGES += postfix-mta-sts-resolver unbound openssl

POLICIES_PROGRAMS := $(BUILD)/bench/policies_load $(BUILD)/bench/netstring_echo

$(BUILD)/bench/policies_load: $(BUILD)/obj/bench/policies_load.o $(call archive,bench)
	@mkdir -p $(@D)
	$(call quiet,link)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -ljansson

$(BUILD)/bench/netstring_echo: $(BUILD)/obj/bench/netstring_echo.o
	@mkdir -p $(@D)
	$(call quiet,link)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^

.PHONY: bench-policies
bench-policies: all $(POLICIES_PROGRAMS)
	@MX_BUILD=$(BUILD) tests/lab/lab run -- /usr/bin/python3 bench/policies.py $(ARGS)
