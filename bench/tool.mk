# mxbound-bench held against servers whose delays are known: they say themselves
# how long each answer took.
#
#   make check-bench-tool    the percentiles of both sides, within 2 %

.PHONY: check-bench-tool
check-bench-tool: $(BUILD)/mxbound-bench
	@MX_BUILD=$(BUILD) /usr/bin/python3 bench/check_tool.py $(ARGS)
