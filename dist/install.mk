# What is installed where, and what a release is made of. One row a file:
# its name here, where it goes, its mode. `install`, `uninstall` and the test of
# both read nothing else.

DAEMONS := mxbound
# No command for people: mxbound starts them.
HELPERS := mxbound-front mxbound-resolver mxbound-fetcher
COMMANDS := $(filter-out $(DAEMONS) $(HELPERS),$(PROGRAMS))
MANUALS := $(filter-out docs/libmxroute.3,$(wildcard docs/*.[1-8]))

row = $(1)|$(2)/$(notdir $(1))|$(3)
INSTALLED := \
	$(foreach p,$(DAEMONS),$(call row,$(BUILD)/$(p),$(SBINDIR),755)) \
	$(foreach p,$(HELPERS),$(call row,$(BUILD)/$(p),$(LIBEXECDIR),755)) \
	$(foreach p,$(COMMANDS),$(call row,$(BUILD)/$(p),$(BINDIR),755)) \
	$(foreach m,$(MANUALS),$(call row,$(m),$(MANDIR)/man$(subst .,,$(suffix $(m))),644)) \
	$(foreach u,$(wildcard dist/*.service.in), \
		$(call row,$(u:dist/%.in=$(BUILD)/%),$(UNITDIR),644)) \
	dist/mxbound.sysusers|$(PREFIX)/lib/sysusers.d/mxbound.conf|644 \
	$(foreach f,$(wildcard dist/examples/*),$(call row,$(f),$(DOCDIR)/examples,644)) \
	$(foreach f,$(wildcard README.md LICENSE docs/*.md docs/*.json),$(call row,$(f),$(DOCDIR),644)) \
	$(foreach f,$(wildcard dist/completion/*.bash), \
		$(f)|$(PREFIX)/share/bash-completion/completions/$(basename $(notdir $(f)))|644) \
	$(foreach f,$(wildcard dist/completion/_*),$(call row,$(f),$(PREFIX)/share/zsh/site-functions,644))
LIBMXROUTE := include/mxbound/mx_route.h include/mxbound/mx_answer.h lib/libmxroute.a \
	lib/libmxroute.so.0 lib/libmxroute.so lib/pkgconfig/libmxroute.pc

# Anew each time: PREFIX may be another.
UNITS := $(patsubst dist/%.in,$(BUILD)/%,$(wildcard dist/*.service.in))
.PHONY: $(UNITS)
$(UNITS): $(BUILD)/%.service: dist/%.service.in
	@mkdir -p $(@D)
	@sed 's|@sbindir@|$(SBINDIR)|; s|@sysconfdir@|$(SYSCONFDIR)|' $< >$@

.PHONY: install uninstall
install: all install-libmxroute $(UNITS)
	@set -e; for row in $(foreach r,$(INSTALLED),'$(r)'); do \
		from=$${row%%|*}; rest=$${row#*|}; \
		install -D -m "$${rest#*|}" "$$from" "$(DESTDIR)$${rest%%|*}"; done
	@install -d $(DESTDIR)$(SYSCONFDIR)
	@[ -e $(DESTDIR)$(SYSCONFDIR)/mxbound.conf ] || \
		install -m 644 dist/mxbound.conf $(DESTDIR)$(SYSCONFDIR)/mxbound.conf
	@echo "mxbound is in $(DESTDIR)$(SBINDIR), its settings in $(DESTDIR)$(SYSCONFDIR)/mxbound.conf"

# What an administrator wrote stays: settings, and what is kept in state-dir.
uninstall:
	@for row in $(foreach r,$(INSTALLED),'$(r)'); do \
		rest=$${row#*|}; rm -f "$(DESTDIR)$${rest%%|*}"; done
	@cd "$(DESTDIR)$(PREFIX)" && rm -f $(LIBMXROUTE)
	@rm -f $(DESTDIR)$(MANDIR)/man3/libmxroute.3
	@for folder in $(LIBEXECDIR) $(DOCDIR)/examples $(DOCDIR) $(PREFIX)/include/mxbound; do \
		rmdir "$(DESTDIR)$$folder" 2>/dev/null || :; done

# ---- a release: the same octets from the same sources, wherever it is made ----

RELEASE := mxbound-$(VERSION)
SOURCES_LIST := { git ls-files -z 2>/dev/null | grep -z . || \
	find . -path ./build -prune -o -type f -printf '%P\0'; }
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)

.PHONY: dist
dist: $(BUILD)/$(RELEASE).tar.gz
.PHONY: $(BUILD)/$(RELEASE).tar.gz
$(BUILD)/$(RELEASE).tar.gz:
	@mkdir -p $(@D)
	@$(SOURCES_LIST) | LC_ALL=C sort -z | \
		tar --create --null --files-from=- --no-recursion --transform='s|^|$(RELEASE)/|S' \
		--mtime=@$(SOURCE_DATE_EPOCH) --owner=0 --group=0 --numeric-owner \
		--mode=u+rw,go=rX | gzip -n9 >$@
	@echo $@
