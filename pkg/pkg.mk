# Installing and packaging; included by ../Makefile.
# SPDX-License-Identifier: Apache-2.0

prefix     ?= /usr
bindir     ?= $(prefix)/bin
sbindir    ?= $(prefix)/sbin
libexecdir ?= $(prefix)/libexec
datadir    ?= $(prefix)/share
mandir     ?= $(datadir)/man
sysconfdir ?= /etc
unitdir    ?= $(prefix)/lib/systemd/system
INSTALL    ?= install

# For an agent, a collector, a fleet: what of it goes where.  A package is one of these.
AGENT_UNITS := $(filter-out %collector.service,$(wildcard pkg/systemd/*.service pkg/systemd/*.socket pkg/systemd/*.path pkg/systemd/*.timer))
COLLECTOR_UNITS := $(wildcard pkg/systemd/*collector.service)
PLACES = -e 's|@sbindir@|$(sbindir)|g;s|@bindir@|$(bindir)|g;s|@libexecdir@|$(libexecdir)/caretaker|g'

install: install-agent install-collector install-fleet ## DESTDIR= and prefix= are honoured

define install_units
	$(INSTALL) -d $(DESTDIR)$(unitdir)
	for u in $(1); do sed $(PLACES) $$u > $(DESTDIR)$(unitdir)/$${u##*/} && chmod 644 $(DESTDIR)$(unitdir)/$${u##*/} || exit 1; done
endef
define install_man
	for m in $(1); do $(INSTALL) -D -m 644 $$m $(DESTDIR)$(mandir)/man$${m##*.}/$${m##*/} || exit 1; done
endef

install-agent: $(B)/caretakerd $(B)/caretaker-gate $(B)/caretaker-check $(B)/caretaker-scan $(B)/caretaker-uplink $(B)/caretaker
	$(INSTALL) -D -m 755 $(B)/caretaker $(DESTDIR)$(bindir)/caretaker
	$(INSTALL) -D -m 755 $(B)/caretakerd $(DESTDIR)$(sbindir)/caretakerd
	$(INSTALL) -D -m 755 $(B)/caretaker-check $(DESTDIR)$(libexecdir)/caretaker/caretaker-check
	$(INSTALL) -D -m 755 $(B)/caretaker-scan $(DESTDIR)$(libexecdir)/caretaker/caretaker-scan
	$(INSTALL) -D -m 755 $(B)/caretaker-gate $(DESTDIR)$(libexecdir)/caretaker/caretaker-gate
	$(INSTALL) -d $(DESTDIR)$(datadir)/initramfs-tools/hooks
	sed $(PLACES) pkg/initramfs/caretaker-gate > $(DESTDIR)$(datadir)/initramfs-tools/hooks/caretaker-gate
	chmod 755 $(DESTDIR)$(datadir)/initramfs-tools/hooks/caretaker-gate
	$(INSTALL) -d $(DESTDIR)$(prefix)/lib/udev/rules.d
	sed $(PLACES) pkg/udev/72-caretaker-media.rules > $(DESTDIR)$(prefix)/lib/udev/rules.d/72-caretaker-media.rules
	chmod 644 $(DESTDIR)$(prefix)/lib/udev/rules.d/72-caretaker-media.rules
	$(INSTALL) -D -m 755 $(B)/caretaker-uplink $(DESTDIR)$(libexecdir)/caretaker/caretaker-uplink
	$(INSTALL) -D -m 644 conf/caretakerd.ini $(DESTDIR)$(sysconfdir)/caretaker/caretakerd.ini
	$(INSTALL) -m 600 conf/caretaker-check.ini $(DESTDIR)$(sysconfdir)/caretaker/caretaker-check.ini
	$(INSTALL) -m 644 conf/caretaker-uplink.env $(DESTDIR)$(sysconfdir)/caretaker/caretaker-uplink.env
	$(INSTALL) -D -m 644 pkg/systemd/caretaker.tmpfiles $(DESTDIR)$(prefix)/lib/tmpfiles.d/caretaker.conf
	$(INSTALL) -d $(DESTDIR)$(datadir)/caretaker/policies $(DESTDIR)$(datadir)/caretaker/hardware
	$(INSTALL) -m 644 conf/hardware/*.ini $(DESTDIR)$(datadir)/caretaker/hardware/
	$(INSTALL) -m 644 conf/policies/*.ini $(DESTDIR)$(datadir)/caretaker/policies/
	$(INSTALL) -m 644 conf/mapping.ini conf/CLAUSES.md conf/heartbeat-dict-1.txt $(DESTDIR)$(datadir)/caretaker/
	$(call install_units,$(AGENT_UNITS))
	$(call install_man,$(filter-out %collector.8 %fleet.1,$(wildcard pkg/man/*)))

install-collector: $(B)/caretaker-collector
	$(INSTALL) -D -m 755 $(B)/caretaker-collector $(DESTDIR)$(bindir)/caretaker-collector
	$(INSTALL) -D -m 644 conf/collector.ini $(DESTDIR)$(sysconfdir)/caretaker-collector/collector.ini
	$(INSTALL) -D -m 644 tools/collector/openapi.json $(DESTDIR)$(datadir)/caretaker-collector/openapi.json
	$(INSTALL) -D -m 755 tools/verify-heartbeat $(DESTDIR)$(datadir)/caretaker-collector/verify-heartbeat
	$(INSTALL) -D -m 644 pkg/sysusers/caretaker-collector.conf $(DESTDIR)$(prefix)/lib/sysusers.d/caretaker-collector.conf
	$(call install_units,$(COLLECTOR_UNITS))
	$(call install_man,$(wildcard pkg/man/*collector.8))

install-fleet: $(B)/caretaker-fleet
	$(INSTALL) -D -m 755 $(B)/caretaker-fleet $(DESTDIR)$(bindir)/caretaker-fleet
	$(call install_man,$(wildcard pkg/man/*fleet.1))

# The source as it is committed, or, outside git, as it lies here: build/caretaker-VERSION.tar.gz.
DIST := caretaker-$(VERSION)
dist: ## a source tarball in build/
	@mkdir -p build
	@if git rev-parse --git-dir >/dev/null 2>&1; then git archive --prefix=$(DIST)/ -o build/$(DIST).tar.gz HEAD; \
	else tar --exclude=./build --transform 's|^\.|$(DIST)|' --owner=0 --group=0 --sort=name -czf build/$(DIST).tar.gz .; fi
	@echo "build/$(DIST).tar.gz"

# Debian packages in build/.  The working tree is packed, so that what is being tried is what is built.
deb: ## Debian packages in build/
	@pkg/deb/make-deb "$(VERSION)" build

test-package: ## packages: lintian, reproducible, install, upgrade, remove, purge in a fresh root
	@/usr/bin/python3 -B -m pytest -q -p no:cacheprovider tests/package $(PYTEST)

.PHONY: install install-agent install-collector install-fleet dist deb test-package
