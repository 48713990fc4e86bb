# mxbound. `make run` sets up, builds and runs; `make check` tests.
#
#   make                 build into build/
#   make run ARGS=...    install what is missing, build, run the resolver
#   make demo            the same without the Internet: the lab, a table
#   make check           all tests           SAN=address,undefined | thread
#   make unit, system    the one or the other part of them
#   make differential    everything asked of mxbound and of Unbound
#   make attack-table    what name servers that attack make us send
#   make fuzz TIME=60    each fuzz target for that long (clang)
#   make soak TIME=600   a bad day, and what it leaves behind: a table, a plot
#   make coverage        lines that the tests reach, by folder (gcov)
#   make bench           figures beside the floor and the peers (bench-deps first)
#   make libmxroute      the route engine as a library for other programs
#   make docs            README's table of options, shells' completion, options in
#                        manual pages: all from the programs
#   make install         PREFIX=/usr/local DESTDIR= and uninstall, the same way
#   make dist            build/mxbound-VERSION.tar.gz, of the sources
#   make clean
#
# Everywhere: CC=clang, V=1 to see the commands, WERROR=1 to stop at warnings.

ifeq ($(origin CC),default)
CC := gcc
endif
SAN ?=
SOAK_TIME := $(or $(TIME),600)
comma := ,
COVERAGE ?=
BUILD := build$(if $(COVERAGE),/coverage)$(if $(SAN),/$(subst $(comma),-,$(SAN)))$(if $(filter clang%,$(CC)),/clang)

# Packages of Debian 12: to build, and beyond that to test.
BUILD_PACKAGES := gcc libc6-dev make libunbound-dev libevent-dev libjemalloc-dev libsodium-dev libjansson-dev \
	libseccomp-dev libcurl4-openssl-dev libssl-dev ca-certificates uthash-dev
CHECK_PACKAGES := libcmocka-dev nsd ldnsutils unbound dnsperf bind9-dnsutils \
	python3 python3-pytest python3-pytest-timeout python3-dnspython python3-jsonschema \
	iproute2 util-linux procps postfix openssl mandoc

VERSION := 0.1.0
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wwrite-strings -Wvla -Wformat=2 -Wundef
CPPFLAGS += -D_GNU_SOURCE -Iinclude -DMX_VERSION='"$(VERSION)"'
CFLAGS ?= -O2 -g
CFLAGS += -std=c11 -fno-strict-aliasing -fstack-protector-strong -pthread $(WARNINGS)
ifdef WERROR
CFLAGS += -Werror
endif
ifndef SAN
CPPFLAGS += -D_FORTIFY_SOURCE=2
else
CFLAGS += -fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=undefined
LDFLAGS += -fsanitize=$(SAN)
CPPFLAGS += -DMX_SANITIZED=1
endif
ifneq ($(COVERAGE),)
CFLAGS += --coverage -fprofile-update=atomic
LDFLAGS += --coverage
endif
LDFLAGS += -pthread -Wl,-z,relro,-z,now

PREFIX ?= /usr/local
SBINDIR ?= $(PREFIX)/sbin
BINDIR ?= $(PREFIX)/bin
MANDIR ?= $(PREFIX)/share/man
DOCDIR ?= $(PREFIX)/share/doc/mxbound
UNITDIR ?= $(PREFIX)/lib/systemd/system
SYSCONFDIR ?= $(if $(filter /usr /usr/local,$(PREFIX)),/etc,$(PREFIX)/etc)
# mxbound finds its other programs in ../libexec/mxbound, wherever that is; to
# have them elsewhere, name the folder here when it is built.
LIBEXECDIR ?= $(PREFIX)/libexec/mxbound
ifneq ($(origin LIBEXECDIR),file)
CPPFLAGS += -DMX_LIBEXECDIR='"$(LIBEXECDIR)"'
endif
# The front is optimised as a whole when it is linked: a hit goes through a
# dozen small functions of four layers. Objects hold plain code too, which is
# what all else is linked from, so that only one link takes long.
ifeq ($(SAN)$(COVERAGE)$(filter clang%,$(CC)),)
CFLAGS += -flto=auto -ffat-lto-objects
LDFLAGS += -fno-lto
endif
LDFLAGS_WHOLE = $(filter-out -fno-lto,$(LDFLAGS))

# A layer is a folder; a library holds all of it but its program's main.c.
LAYERS := base sandbox wire mail cache resolver supervisor front admin policy fetcher ctl bench
dir_base := src/base
dir_sandbox := src/sandbox
dir_wire := src/wire
dir_mail := src/mail
dir_cache := cache
dir_resolver := src/resolver
dir_supervisor := src/supervisor
dir_front := src/front
dir_admin := src/admin
dir_policy := src/policy
dir_fetcher := src/policy/fetcher
dir_ctl := src/tools/mxboundctl
dir_bench := src/tools/mxbound-bench
# What a layer may use, itself included, in link order.
uses_base := base
uses_sandbox := sandbox base
uses_wire := wire base
uses_mail := mail wire base
uses_cache := cache base
uses_resolver := resolver wire base
uses_supervisor := supervisor sandbox base
uses_front := front cache resolver mail wire base
uses_admin := admin front cache resolver mail wire base
uses_policy := policy admin front cache resolver mail wire base
uses_fetcher := fetcher wire base
uses_ctl := ctl base
uses_bench := bench mail wire base
# Libraries from outside that a layer needs.
libs_base :=
libs_sandbox := -lseccomp
libs_wire :=
libs_mail :=
libs_cache := -lsodium -ljemalloc
libs_resolver := -lunbound -levent
libs_supervisor := -lseccomp
libs_front := -lsodium -ljemalloc -levent_core -lm
libs_admin := -ljansson -levent
libs_policy :=
libs_fetcher := -lcurl -lssl -lcrypto -levent_core
libs_ctl := -ljansson
libs_bench := -ljansson -lm

PROGRAMS := mxbound mxbound-front mxbound-resolver mxbound-fetcher mxboundctl mxbound-bench
main_mxbound := src/main.c
main_mxbound-front := src/front/main.c
main_mxbound-resolver := src/resolver/main.c
main_mxbound-fetcher := src/policy/fetcher/main.c
main_mxboundctl := src/tools/mxboundctl/main.c
main_mxbound-bench := src/tools/mxbound-bench/main.c
layer_mxbound := supervisor
layer_mxbound-front := policy
layer_mxbound-resolver := resolver
layer_mxbound-fetcher := fetcher
layer_mxboundctl := ctl
layer_mxbound-bench := bench
ldflags_mxbound-front := $(LDFLAGS_WHOLE)
# Which its main.c enters; no layer of theirs knows it.
also_mxbound-front := sandbox
also_mxbound-resolver := sandbox
also_mxbound-fetcher := sandbox

.DELETE_ON_ERROR:
.SECONDARY:
.SECONDEXPANSION:
.PHONY: all
all: $(PROGRAMS:%=$(BUILD)/%)
	@:

# One word and the file for each command, unless V=1.
quiet = $(if $(V),,@echo "  $(1) $@"; )

sources = $(filter-out %/main.c,$(wildcard $(dir_$(1))/*.c))
objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(call sources,$(1)))
archive = $(BUILD)/lib$(1).a
archives = $(foreach l,$(uses_$(1)),$(call archive,$(l)))
outside = $(foreach l,$(uses_$(1)),$(libs_$(l)))

$(BUILD)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call quiet,cc  )$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

define layer_rules
$(call archive,$(1)): $(call objects,$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(call quiet,ar  )ar rcs $$@ $$^
endef
$(foreach l,$(LAYERS),$(eval $(call layer_rules,$(l))))

define program_rules
$(BUILD)/$(1): $(patsubst %.c,$(BUILD)/obj/%.o,$(main_$(1))) \
		$(foreach l,$(also_$(1)),$(call archive,$(l))) $(call archives,$(layer_$(1)))
	$$(call quiet,link)$(CC) $(CFLAGS) $(or $(ldflags_$(1)),$(LDFLAGS)) -o $$@ $$^ \
		$(call outside,$(layer_$(1))) $(foreach l,$(also_$(1)),$(libs_$(l)))
endef
$(foreach p,$(PROGRAMS),$(eval $(call program_rules,$(p))))

# tests/unit/test_<layer>_<what>.c and tests/model/model_<layer>_<what>.c link
# their layer and what it may use, so a break of the layers is a link error.
UNIT := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c)) \
	$(patsubst tests/model/%.c,%,$(wildcard tests/model/model_*.c))
layer_of = $(word 2,$(subst _, ,$(1)))
# Where each allocation of ours is made to fail.
ldflags_test_policy_memory := $(foreach f,malloc calloc realloc reallocarray strdup \
	asprintf __asprintf_chk open_memstream posix_memalign mallocx,-Wl,--wrap=$(f))
ldflags_test_policy_calls := -Wl,--wrap=event_base_loop
define unit_rules
$(BUILD)/tests/$(1): $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tests/unit/$(1).c tests/model/$(1).c)) \
		$(call archives,$(call layer_of,$(1)))
	@mkdir -p $$(@D)
	$$(call quiet,link)$(CC) $(CFLAGS) $(LDFLAGS) $(ldflags_$(1)) -o $$@ $$^ \
		$(call outside,$(call layer_of,$(1))) -lcmocka
endef
$(foreach t,$(UNIT),$(eval $(call unit_rules,$(t))))

# All of them run, whatever the first says, as many at once as there are
# processors, those that take longest first. What one says stays together.
.PHONY: unit unit-programs
unit-programs: $(UNIT:%=$(BUILD)/tests/%)
unit: unit-programs
	@rm -rf $(BUILD)/unit; mkdir -p $(BUILD)/unit
	@printf '%s\n' $(filter model_%,$(UNIT)) $(filter test_%,$(UNIT)) | \
		xargs -P "$$(nproc)" -I NAME sh -c 'cd $(BUILD)/unit; \
		status=0; (cd $(CURDIR) && timeout 300 $(BUILD)/tests/NAME) \
			>NAME.log 2>&1 || status=$$?; \
		[ $$status = 0 ] || echo "status $$status" >NAME.failed; \
		flock . sh -c "echo == $(BUILD)/tests/NAME; cat NAME.log"'
	@for f in $(BUILD)/unit/*.failed; do [ -e "$$f" ] || continue; \
		echo "unit: failed: $$(basename "$$f" .failed): $$(cat "$$f")" >&2; \
		failed=yes; done; [ -z "$${failed-}" ]

# Stand-ins for the children, which fail in whatever way a test of the
# supervisor wants.
FAKES := front resolver fetcher
define fake_rules
$(BUILD)/tests/fakes/mxbound-$(1): $(BUILD)/obj/tests/system/fakes/$(1).o \
		$(BUILD)/obj/tests/system/fakes/fake.o $(call archive,base)
	@mkdir -p $$(@D)
	$$(call quiet,link)$(CC) $(CFLAGS) $(LDFLAGS) -o $$@ $$^
endef
$(foreach f,$(FAKES),$(eval $(call fake_rules,$(f))))

.PHONY: fakes
fakes: $(FAKES:%=$(BUILD)/tests/fakes/mxbound-%)

# ---- libmxroute: the route engine for other programs ----
#
# One object of all that it needs, in which only mx_route_* is left visible, so
# that neither library can clash with what else its user links.
.PHONY: libmxroute install-libmxroute
libmxroute: $(BUILD)/libmxroute.a $(BUILD)/libmxroute.so $(BUILD)/libmxroute.pc \
	$(BUILD)/example-route

PIC_CFLAGS = $(filter-out -flto% -ffat-lto-objects,$(CFLAGS)) -fPIC
pic_objects = $(foreach l,$(1),$(patsubst %.c,$(BUILD)/pic/%.o,$(call sources,$(l))))

$(BUILD)/pic/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call quiet,cc  )$(CC) $(CPPFLAGS) $(PIC_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/pic/libuses.a: $(call pic_objects,wire base)
	@rm -f $@
	$(call quiet,ar  )ar rcs $@ $^

$(BUILD)/pic/mxroute.o: $(call pic_objects,mail) $(BUILD)/pic/libuses.a
	$(call quiet,ld  )ld -r -o $@.all $^ && \
		objcopy --wildcard --keep-global-symbol='mx_route_*' $@.all $@

$(BUILD)/libmxroute.a: $(BUILD)/pic/mxroute.o
	@rm -f $@
	$(call quiet,ar  )ar rcs $@ $^

$(BUILD)/libmxroute.so: $(BUILD)/pic/mxroute.o dist/libmxroute.map
	$(call quiet,link)$(CC) $(PIC_CFLAGS) $(LDFLAGS) -shared -Wl,-soname,libmxroute.so.0 \
		-Wl,--version-script=dist/libmxroute.map -o $@ $<
	@ln -sf $(@F) $@.0

# Anew each time: PREFIX may be another.
.PHONY: $(BUILD)/libmxroute.pc
$(BUILD)/libmxroute.pc: dist/libmxroute.pc.in
	@mkdir -p $(@D)
	@sed 's|@prefix@|$(PREFIX)|; s|@version@|$(VERSION)|' $< >$@

# With the headers that are installed and nothing else of ours.
$(BUILD)/example-route: docs/example-route.c include/mx_route.h include/mx_answer.h \
		$(BUILD)/libmxroute.so
	$(call quiet,link)$(CC) $(PIC_CFLAGS) $(LDFLAGS) -Iinclude -o $@ $< \
		-L$(BUILD) -lmxroute -Wl,-rpath,'$$ORIGIN'

install-libmxroute: libmxroute
	install -d $(DESTDIR)$(PREFIX)/include/mxbound $(DESTDIR)$(PREFIX)/lib/pkgconfig \
		$(DESTDIR)$(PREFIX)/share/man/man3
	install -m 644 include/mx_route.h include/mx_answer.h $(DESTDIR)$(PREFIX)/include/mxbound
	install -m 644 $(BUILD)/libmxroute.a $(DESTDIR)$(PREFIX)/lib
	install -m 755 $(BUILD)/libmxroute.so $(DESTDIR)$(PREFIX)/lib/libmxroute.so.0
	ln -sf libmxroute.so.0 $(DESTDIR)$(PREFIX)/lib/libmxroute.so
	install -m 644 $(BUILD)/libmxroute.pc $(DESTDIR)$(PREFIX)/lib/pkgconfig
	install -m 644 docs/libmxroute.3 $(DESTDIR)$(PREFIX)/share/man/man3

# ---- install, uninstall, dist ----

include dist/install.mk

# ---- set up, run, test ----

# A second make, so that what was just installed is found.
PARALLEL = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc 2>/dev/null))

.PHONY: run demo check system setup setup-check
setup:
	@dist/install-packages $(BUILD_PACKAGES)
setup-check:
	@dist/install-packages $(BUILD_PACKAGES) $(CHECK_PACKAGES)

run: setup
	@$(MAKE) --no-print-directory $(PARALLEL) all
	@exec $(BUILD)/mxbound $(ARGS)

demo: setup-check
	@$(MAKE) --no-print-directory $(PARALLEL) all
	@MX_BUILD=$(BUILD) exec tests/lab/lab run --delay 20 -- tests/demo.py $(ARGS)

check: setup-check
	@$(MAKE) --no-print-directory $(PARALLEL) all fakes unit-programs libmxroute
	@$(MAKE) --no-print-directory unit
	@$(MAKE) --no-print-directory $(if $(wildcard tests/fuzz/rules.mk),fuzz-replay) system

# The real programs, in the lab: namespaces of its own, nothing gets out.
system: all fakes libmxroute
	@MX_BUILD=$(BUILD) /usr/bin/python3 tests/system/run.py $(PYTEST)

# ---- and the rest ----

.PHONY: docs docs-bench clean differential
# All that the lab can answer, of mxbound and of Unbound: some minutes.
differential: setup-check
	@$(MAKE) --no-print-directory $(PARALLEL) all
	@MX_BUILD=$(BUILD) tests/lab/lab run -- \
		/usr/bin/python3 tests/system/differential.py

# TIME is also that of "make fuzz", each its own if unset.
.PHONY: soak
soak: setup-check
	@$(MAKE) --no-print-directory $(PARALLEL) all
	@MX_BUILD=$(BUILD) tests/lab/lab run -- /usr/bin/python3 tests/soak/soak.py \
		--time $(SOAK_TIME) --plot $(BUILD)/soak.svg --logs $(BUILD)/soak-logs

# A build of its own, run without the sandbox, which lets nobody write counts.
.PHONY: coverage
coverage: setup-check
	@$(MAKE) --no-print-directory $(PARALLEL) COVERAGE=1 all fakes unit-programs libmxroute \
		fuzz-replay
	@/usr/bin/python3 tests/coverage.py build/coverage

.PHONY: attack-table
attack-table: setup-check
	@$(MAKE) --no-print-directory $(PARALLEL) all
	@MX_BUILD=$(BUILD) tests/lab/lab run -- /usr/bin/python3 -m pytest -q -s \
		-p no:cacheprovider -k packets_are_bounded tests/system/test_attackers.py

# What a program prints (2), between the marks in a document (1).
define refresh
	@$(2) >$(BUILD)/made.txt
	@awk 'FNR == NR { table = table $$0 "\n"; next } \
	     /^(<!--|[.][\\]") options: end/ { inside = 0 } \
	     !inside { print } \
	     /^(<!--|[.][\\]") options: begin/ { inside = 1; printf "%s", table }' \
		$(BUILD)/made.txt $(1) >$(BUILD)/made.doc
	@cp $(BUILD)/made.doc $(1)
endef
docs: $(BUILD)/mxbound $(BUILD)/mxboundctl docs-bench
	$(call refresh,README.md,{ echo; $< --options-markdown; echo; })
	$(call refresh,docs/mxbound.conf.5,$< --options-man)
	$(call refresh,docs/mxbound.8,$< --usage-man)
	@mkdir -p dist/completion
	@$(BUILD)/mxboundctl --completion bash >dist/completion/mxboundctl.bash
	@$(BUILD)/mxboundctl --completion zsh >dist/completion/_mxboundctl

docs-bench: $(BUILD)/mxbound-bench
	$(call refresh,docs/mxbound-bench.1,$< --options-man)

# ---- the program that measures, alone: it needs no mxbound ----
.PHONY: install-mxbound-bench
install-mxbound-bench: $(BUILD)/mxbound-bench
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 755 $< $(DESTDIR)$(PREFIX)/bin
	install -m 644 docs/mxbound-bench.1 $(DESTDIR)$(PREFIX)/share/man/man1

clean:
	rm -rf build

-include tests/fuzz/rules.mk
-include $(wildcard bench/*.mk)
-include $(shell find $(BUILD)/obj $(BUILD)/pic -name '*.d' 2>/dev/null)
