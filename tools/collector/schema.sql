-- The collector's store, version 1.  A later version is a step of its own in store_sqlite.c's list:
-- this file never changes once released.
-- SPDX-License-Identifier: Apache-2.0
--
-- Times are unix seconds, hashes 32 raw bytes, small words the integers of our enums.

-- org, name, epoch, host and what the commands keep beside (keys themselves are identity.h's files).
CREATE TABLE meta (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;

CREATE TABLE school (
	id INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE COLLATE NOCASE,
	org TEXT NOT NULL DEFAULT '',             -- moved here with its own keys; '': our own
	created_at INTEGER NOT NULL,
	audit_days INTEGER NOT NULL DEFAULT 14,
	audit_until INTEGER NOT NULL DEFAULT 0,   -- set when its first device enrols
	not_seen_days INTEGER NOT NULL DEFAULT 7,
	removed_at INTEGER NOT NULL DEFAULT 0);

CREATE TABLE policy (
	org TEXT NOT NULL DEFAULT '',
	serial INTEGER NOT NULL,
	name TEXT NOT NULL,
	at INTEGER NOT NULL,
	kid TEXT NOT NULL,                        -- the policy key that signed it
	sha256 BLOB NOT NULL,                     -- of the INI text
	ini TEXT NOT NULL,
	jws TEXT NOT NULL,
	published_at INTEGER NOT NULL DEFAULT 0,
	published_by TEXT NOT NULL DEFAULT '',
	PRIMARY KEY (org, serial));

CREATE TABLE grp (
	id INTEGER PRIMARY KEY,
	school INTEGER NOT NULL REFERENCES school (id),
	name TEXT NOT NULL COLLATE NOCASE,
	policy INTEGER NOT NULL DEFAULT 0,        -- serial; 0: none published yet
	UNIQUE (school, name));

CREATE TABLE room (
	id INTEGER PRIMARY KEY,
	school INTEGER NOT NULL REFERENCES school (id),
	name TEXT NOT NULL COLLATE NOCASE,
	patterns TEXT NOT NULL DEFAULT '',        -- device names: "ICT1-*, LIB-?"
	subnets TEXT NOT NULL DEFAULT '',         -- "10.1.2.0/24, 2001:db8::/64"
	UNIQUE (school, name));

CREATE TABLE code (
	id TEXT PRIMARY KEY,                      -- hex, from the secret
	secret BLOB NOT NULL,
	text TEXT NOT NULL,                       -- "CT1-..."
	school INTEGER NOT NULL REFERENCES school (id),
	grp INTEGER NOT NULL REFERENCES grp (id),
	room INTEGER NOT NULL DEFAULT 0,
	shared INTEGER NOT NULL DEFAULT 0,        -- in an MDM: devices wait for a yes
	uses_max INTEGER NOT NULL DEFAULT 0,      -- 0: any number
	uses INTEGER NOT NULL DEFAULT 0,
	ends_at INTEGER NOT NULL DEFAULT 0,       -- 0: never
	revoked_at INTEGER NOT NULL DEFAULT 0,
	created_at INTEGER NOT NULL,
	created_by TEXT NOT NULL DEFAULT '',
	note TEXT NOT NULL DEFAULT '') WITHOUT ROWID;

-- Machines whose serial numbers were registered beforehand.
CREATE TABLE expected (
	serial TEXT NOT NULL COLLATE NOCASE,
	school INTEGER NOT NULL REFERENCES school (id),
	grp INTEGER NOT NULL DEFAULT 0,
	room INTEGER NOT NULL DEFAULT 0,
	name TEXT NOT NULL DEFAULT '',
	device INTEGER NOT NULL DEFAULT 0,        -- which came
	PRIMARY KEY (serial, school)) WITHOUT ROWID;

CREATE TABLE device (
	id INTEGER PRIMARY KEY,
	uuid TEXT NOT NULL UNIQUE,
	status INTEGER NOT NULL,                  -- enum store_status
	school INTEGER NOT NULL REFERENCES school (id),
	grp INTEGER NOT NULL REFERENCES grp (id),
	room INTEGER NOT NULL DEFAULT 0,
	name TEXT NOT NULL DEFAULT '',
	serial TEXT NOT NULL DEFAULT '' COLLATE NOCASE,
	hw_uuid TEXT NOT NULL DEFAULT '' COLLATE NOCASE,
	board TEXT NOT NULL DEFAULT '',
	vendor TEXT NOT NULL DEFAULT '',
	model TEXT NOT NULL DEFAULT '',
	agent TEXT NOT NULL DEFAULT '',
	is_volatile INTEGER NOT NULL DEFAULT 0,
	code TEXT NOT NULL DEFAULT '',
	enrolled_at INTEGER NOT NULL,
	status_at INTEGER NOT NULL,
	status_why TEXT NOT NULL DEFAULT '',
	adopts INTEGER NOT NULL DEFAULT 0,        -- device: same hardware before, offered for adoption
	adopted_at INTEGER NOT NULL DEFAULT 0,
	-- what the last heartbeat said
	last_seen INTEGER NOT NULL DEFAULT 0,
	last_at INTEGER NOT NULL DEFAULT 0,       -- by the device's own clock
	skew_s INTEGER NOT NULL DEFAULT 0,
	boot TEXT NOT NULL DEFAULT '',            -- a boot id that comes back is another machine
	boot_before TEXT NOT NULL DEFAULT '',
	forked_at INTEGER NOT NULL DEFAULT 0,     -- last said so
	policy_serial INTEGER NOT NULL DEFAULT 0, -- really in force there
	policy_name TEXT NOT NULL DEFAULT '',
	exceptions_serial INTEGER NOT NULL DEFAULT 0,
	keys_serial INTEGER NOT NULL DEFAULT 0,
	rejected TEXT NOT NULL DEFAULT '',        -- JSON array: what it would not take, and why
	inventory BLOB,                           -- hash
	-- which heartbeat the control rows stand for
	state_seq INTEGER NOT NULL DEFAULT 0,
	state_hash BLOB,
	state_branch INTEGER NOT NULL DEFAULT 0,
	branches INTEGER NOT NULL DEFAULT 0,      -- rows in 'branch'
	state_partial INTEGER NOT NULL DEFAULT 1, -- a delta came over a base we do not have: full asked
	-- as counted in 'counter'; NULL: counted nowhere
	presence INTEGER,
	standing INTEGER,
	next_change INTEGER);                     -- when time alone changes a counter; NULL: never
CREATE INDEX device_next_change ON device (next_change) WHERE next_change IS NOT NULL;
CREATE INDEX device_serial ON device (serial) WHERE serial <> '';
CREATE INDEX device_hw_uuid ON device (hw_uuid) WHERE hw_uuid <> '';
CREATE INDEX device_place ON device (school, room, name);
CREATE INDEX device_grp ON device (grp);

CREATE TABLE device_key (
	id INTEGER PRIMARY KEY,
	kid TEXT NOT NULL UNIQUE,
	point BLOB NOT NULL,
	device INTEGER NOT NULL REFERENCES device (id),
	role INTEGER NOT NULL,                    -- enum store_key_role
	since INTEGER NOT NULL);
CREATE INDEX device_key_device ON device_key (device);

-- Ends of a device's chain: one, unless it was cloned, rewound or lost something.  The row that is
-- device.state_branch lags behind: its head is device.state_seq and state_hash once there is one.
CREATE TABLE branch (
	device INTEGER NOT NULL REFERENCES device (id),
	n INTEGER NOT NULL,
	kind INTEGER NOT NULL,                    -- enum lineage_kind (lineage.h)
	from_seq INTEGER NOT NULL,                -- what its first heartbeat names as the one before
	from_hash BLOB NOT NULL,
	seq INTEGER NOT NULL,                     -- the head
	hash BLOB NOT NULL,
	advanced_at INTEGER NOT NULL,
	PRIMARY KEY (device, n)) WITHOUT ROWID;

-- Erasure empties 'body' and keeps the rest, so the chain still verifies.
CREATE TABLE heartbeat (
	id INTEGER PRIMARY KEY,
	device INTEGER NOT NULL,
	seq INTEGER NOT NULL,
	hash BLOB NOT NULL,
	prev BLOB NOT NULL,
	branch INTEGER NOT NULL,
	key INTEGER NOT NULL,
	at INTEGER NOT NULL,
	received_at INTEGER NOT NULL,
	body TEXT);
CREATE UNIQUE INDEX heartbeat_once ON heartbeat (device, seq, hash);

-- Names of controls newer than this collector get an id from 1000 on.
CREATE TABLE control (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);

CREATE TABLE device_control (
	device INTEGER NOT NULL REFERENCES device (id),
	control INTEGER NOT NULL,
	mode INTEGER NOT NULL,
	verdict INTEGER NOT NULL,
	why TEXT NOT NULL,
	since INTEGER NOT NULL,
	due_at INTEGER NOT NULL DEFAULT 0,
	until INTEGER NOT NULL DEFAULT 0,
	evidence TEXT NOT NULL DEFAULT '',
	standing INTEGER NOT NULL,                -- as counted
	PRIMARY KEY (device, control)) WITHOUT ROWID;
-- The next example of a cause, when the one before leaves.  "+": else SQLite takes the range rather
-- than the one standing that is asked for, and sorts what it finds.
CREATE INDEX device_control_cause ON device_control (control, standing, why,
	(CASE WHEN due_at > 0 THEN due_at ELSE since END), device) WHERE +standing BETWEEN 1 AND 4;

CREATE TABLE event (
	id INTEGER PRIMARY KEY,
	device INTEGER NOT NULL,
	key INTEGER,                              -- NULL: the collector's own observation
	event_id INTEGER,
	at INTEGER NOT NULL,
	received_at INTEGER NOT NULL,
	type TEXT NOT NULL,
	count INTEGER NOT NULL DEFAULT 1,
	data TEXT NOT NULL DEFAULT '{}');
CREATE UNIQUE INDEX event_once ON event (key, event_id, at, type) WHERE key IS NOT NULL;
CREATE INDEX event_device ON event (device, at);
CREATE INDEX event_received ON event (received_at);
CREATE INDEX event_request ON event (received_at)
	WHERE type IN ('approval-requested', 'request-approved', 'request-refused');
CREATE INDEX event_phone_code ON event (received_at)
	WHERE type IN ('phone-code-issued', 'phone-code-used');

-- Kept in the transaction that stores the heartbeat.  'scope' is enum store_scope; 'control' may be
-- one of the STORE_COUNT_ ids of store.h; 'standing' is enum standing, enum store_presence or a serial.
CREATE TABLE counter (
	scope INTEGER NOT NULL,
	scope_id INTEGER NOT NULL,
	control INTEGER NOT NULL,
	standing INTEGER NOT NULL,
	count INTEGER NOT NULL,
	PRIMARY KEY (scope, scope_id, control, standing)) WITHOUT ROWID;

-- What to fix first: how many active devices stand so in a control (1 to fix, 2 due by, 3 overdue, 4
-- cannot tell) for one reason, kept like 'counter'.  'device' is the one that has had it longest: the
-- example.
CREATE TABLE cause (
	scope INTEGER NOT NULL,
	scope_id INTEGER NOT NULL,
	control INTEGER NOT NULL,
	standing INTEGER NOT NULL,
	why TEXT NOT NULL,
	count INTEGER NOT NULL,
	device INTEGER NOT NULL,
	since INTEGER NOT NULL,                   -- there, or due
	PRIMARY KEY (scope, scope_id, control, standing, why)) WITHOUT ROWID;

CREATE TABLE exception (
	id TEXT PRIMARY KEY,
	device INTEGER NOT NULL DEFAULT 0,        -- exactly one of device, grp, school
	grp INTEGER NOT NULL DEFAULT 0,
	school INTEGER NOT NULL DEFAULT 0,
	control TEXT NOT NULL,
	what TEXT NOT NULL DEFAULT '',
	reason TEXT NOT NULL,
	asked TEXT NOT NULL,
	approved TEXT NOT NULL,
	until INTEGER NOT NULL,
	created_at INTEGER NOT NULL,
	withdrawn_at INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;

-- What a device is to be given: only those that concern it, signed by the online key.
CREATE TABLE exception_document (
	device INTEGER PRIMARY KEY REFERENCES device (id),
	serial INTEGER NOT NULL,
	at INTEGER NOT NULL,
	until INTEGER NOT NULL,                   -- its end; 0: to be made anew
	jws TEXT NOT NULL);
CREATE INDEX exception_document_until ON exception_document (until);

-- The newest inventory of a device: what it signed, and what is asked of all of them at once.
CREATE TABLE inventory (
	device INTEGER PRIMARY KEY REFERENCES device (id),
	hash BLOB NOT NULL,                       -- as its heartbeat named it
	at INTEGER NOT NULL,
	received_at INTEGER NOT NULL,
	jws TEXT NOT NULL);
CREATE TABLE software (
	id INTEGER PRIMARY KEY,
	kind TEXT NOT NULL,                       -- dpkg, snap ...
	name TEXT NOT NULL,
	version TEXT NOT NULL,
	licence TEXT NOT NULL,
	origin TEXT NOT NULL,
	UNIQUE (name, version, kind, licence, origin));
CREATE TABLE device_software (
	device INTEGER NOT NULL REFERENCES device (id),
	software INTEGER NOT NULL REFERENCES software (id),
	PRIMARY KEY (device, software)) WITHOUT ROWID;
CREATE INDEX device_software_by ON device_software (software);
-- What no device has any longer is forgotten: replaced, erased or retired, whoever took it away.
CREATE TRIGGER device_software_gone AFTER DELETE ON device_software
WHEN NOT EXISTS (SELECT 1 FROM device_software WHERE software = OLD.software)
BEGIN DELETE FROM software WHERE id = OLD.software; END;

CREATE TABLE token (
	id INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE,
	hash BLOB NOT NULL UNIQUE,                -- SHA-256 of the token
	role TEXT NOT NULL,
	school INTEGER NOT NULL DEFAULT 0,        -- 0: all
	created_at INTEGER NOT NULL,
	ends_at INTEGER NOT NULL DEFAULT 0,
	revoked_at INTEGER NOT NULL DEFAULT 0);

CREATE TABLE audit (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	at INTEGER NOT NULL,
	who TEXT NOT NULL,
	action TEXT NOT NULL,
	object TEXT NOT NULL DEFAULT '',
	detail TEXT NOT NULL DEFAULT '{}');
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
BEGIN SELECT RAISE (ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
BEGIN SELECT RAISE (ABORT, 'the audit trail is append-only'); END;
