-- The first schema. Types are SQLite's; the PostgreSQL text is derived from it
-- (INTEGER → BIGINT, BLOB → BYTEA, no STRICT, no WITHOUT ROWID), so that the
-- two can't drift. Times are epoch milliseconds UTC, money is micro-yuan,
-- phone_id is the 16-byte keyed hash (design 7): no number, no text in clear.

-- Parties and the chain of rights ------------------------------------------

CREATE TABLE party (
  id            INTEGER PRIMARY KEY,
  kind          TEXT NOT NULL,             -- operator | agent | customer | upstream
  parent_id     INTEGER REFERENCES party(id),
  group_id      INTEGER NOT NULL,          -- content provider group: opt-outs reach all of it (OPT-03)
  name          TEXT NOT NULL,
  uscc          TEXT NOT NULL,             -- 统一社会信用代码
  entity_type   TEXT NOT NULL,             -- company | individual | institution | government | social
  complaint_contact TEXT NOT NULL DEFAULT '', -- of the operator: where people complain
  agent_mode    TEXT NOT NULL DEFAULT '',  -- '' | referral | licensed
  state         TEXT NOT NULL,             -- pending | active | frozen | closed
  created_at    INTEGER NOT NULL,
  updated_at    INTEGER NOT NULL
) STRICT;

-- Who stands behind a party (RN-01): people's names, addresses and telephones are sealed.
CREATE TABLE party_identity (
  party_id       INTEGER NOT NULL REFERENCES party(id),
  proposed       INTEGER NOT NULL,         -- 1: a change of an active party's, until it is approved
  representative BLOB NOT NULL,            -- sealed: legal representative
  handler        BLOB NOT NULL,            -- sealed: who handles the account 经办人
  handler_hash   BLOB NOT NULL,            -- keyed hash of the handler's identity number (RN-02)
  address        BLOB NOT NULL,            -- sealed
  contact        BLOB NOT NULL,            -- sealed: telephone
  digest         BLOB NOT NULL,            -- keyed hash of representative and handler …
  approved       BLOB NOT NULL,            -- … and what it was at the last approval (RN-07)
  registered     BLOB NOT NULL,            -- hash of the party's name, USCC and type at the last approval
  checked_at     INTEGER NOT NULL,         -- when the public register was looked at
  updated_at     INTEGER NOT NULL,
  PRIMARY KEY (party_id, proposed)
) STRICT;
CREATE INDEX party_identity_handler ON party_identity(handler_hash);

CREATE TABLE licence (
  id          INTEGER PRIMARY KEY,
  party_id    INTEGER NOT NULL REFERENCES party(id),
  number      TEXT NOT NULL,
  uscc        TEXT NOT NULL,
  scope       TEXT NOT NULL,               -- comma-separated business codes, e.g. B25
  provinces   TEXT NOT NULL,               -- comma-separated codes or names, '*' is nationwide
  capital     INTEGER NOT NULL DEFAULT 0,  -- registered capital of its holder in yuan, 0 is not known
  valid_from  INTEGER NOT NULL,
  valid_to    INTEGER NOT NULL,
  state       TEXT NOT NULL,               -- pending | active | revoked
  document_id INTEGER,
  created_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX licence_party ON licence(party_id);

-- Permits of trades that not everybody may offer (CNT-09).
CREATE TABLE permit (
  id          INTEGER PRIMARY KEY,
  party_id    INTEGER NOT NULL REFERENCES party(id),
  trade       TEXT NOT NULL,               -- industry of a lexicon of the rule packs
  kind        TEXT NOT NULL,               -- what it is called
  number      TEXT NOT NULL,
  holder      TEXT NOT NULL,
  valid_from  INTEGER NOT NULL,
  valid_to    INTEGER NOT NULL,
  state       TEXT NOT NULL,               -- pending | active | revoked
  document_id INTEGER,
  created_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX permit_party ON permit(party_id);

-- Names of rivals: marketing that names one of them is looked at by a person.
CREATE TABLE rival (
  id         INTEGER PRIMARY KEY,
  party_id   INTEGER NOT NULL REFERENCES party(id), -- whose rival it is; of the operator: everybody's
  name       TEXT NOT NULL,
  state      TEXT NOT NULL,               -- active | retired
  created_at INTEGER NOT NULL
) STRICT;

-- The table of number segments and provinces that an operator imported, if any.
CREATE TABLE segment_table (
  id   INTEGER PRIMARY KEY,
  at   INTEGER NOT NULL,
  data BLOB NOT NULL                       -- compressed, see internal/routing
) STRICT;

CREATE TABLE access_code (
  id          INTEGER PRIMARY KEY,
  party_id    INTEGER NOT NULL REFERENCES party(id),
  carrier     TEXT NOT NULL,
  code        TEXT NOT NULL,               -- 106…
  approval    TEXT NOT NULL,               -- number resource approval
  max_length  INTEGER NOT NULL DEFAULT 0,  -- digits of a whole source number that it approves
  approved_use TEXT NOT NULL DEFAULT '',   -- '' | platform | own | public
  valid_from  INTEGER NOT NULL,
  valid_to    INTEGER NOT NULL,
  state       TEXT NOT NULL,               -- pending | active | rejected | frozen | revoked
  document_id INTEGER
) STRICT;
-- An application for somebody else's number is not kept out, only its approval.
CREATE UNIQUE INDEX access_code_key ON access_code(carrier, code) WHERE state IN ('active', 'frozen');

CREATE TABLE contract (
  id                INTEGER PRIMARY KEY,
  party_id          INTEGER NOT NULL REFERENCES party(id),
  counterparty_id   INTEGER NOT NULL REFERENCES party(id),
  number            TEXT NOT NULL,
  valid_from        INTEGER NOT NULL,
  valid_to          INTEGER NOT NULL,
  charge_on         TEXT NOT NULL,         -- submission | delivery
  report_timeout_ms INTEGER NOT NULL,
  state             TEXT NOT NULL,         -- pending | active | rejected | revoked | closed
  document_id       INTEGER,
  subprocessors     TEXT NOT NULL DEFAULT '' -- to whom the processing may be passed on, ids
) STRICT;
CREATE INDEX contract_party ON contract(party_id);

CREATE TABLE signature (
  id               INTEGER PRIMARY KEY,
  party_id         INTEGER NOT NULL REFERENCES party(id),
  text             TEXT NOT NULL,          -- without 【】
  source           TEXT NOT NULL,          -- company_full | company_short | trademark | app | site
  mark             TEXT NOT NULL,          -- name of the trademark or app, as registered
  registration     TEXT NOT NULL,          -- its number
  holder           TEXT NOT NULL,          -- whom it is registered to, '' is the party
  qualification_id INTEGER NOT NULL,
  unique_name      INTEGER NOT NULL DEFAULT 0, -- nobody else is called so
  state            TEXT NOT NULL,          -- draft | review | approved | rejected | frozen | retired
  created_at       INTEGER NOT NULL,
  updated_at       INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX signature_key ON signature(party_id, text);

-- When a signature was last used, by days (SIG-09): a row is written once a day.
CREATE TABLE signature_use (
  signature_id INTEGER PRIMARY KEY REFERENCES signature(id),
  day          INTEGER NOT NULL            -- since 1970-01-01 in Asia/Shanghai
) STRICT;

CREATE TABLE authorisation (
  id           INTEGER PRIMARY KEY,
  signature_id INTEGER NOT NULL REFERENCES signature(id),
  grantor      TEXT NOT NULL,
  valid_from   INTEGER NOT NULL,
  valid_to     INTEGER NOT NULL,
  state        TEXT NOT NULL,              -- pending | active | rejected | revoked
  document_id  INTEGER
) STRICT;
CREATE INDEX authorisation_signature ON authorisation(signature_id);

CREATE TABLE signature_filing (
  signature_id INTEGER NOT NULL REFERENCES signature(id),
  carrier      TEXT NOT NULL,
  state        TEXT NOT NULL,              -- draft | submitted | approved | rejected | revoked
  reference    TEXT NOT NULL,
  reason       TEXT NOT NULL,              -- code, of a refusal or a revocation
  note         TEXT NOT NULL,
  valid_from   INTEGER NOT NULL,
  valid_to     INTEGER NOT NULL,
  batch        INTEGER NOT NULL,           -- the sheet by which it was submitted
  submitted_by INTEGER NOT NULL,           -- staff
  submitted_at INTEGER NOT NULL,
  answered_by  INTEGER NOT NULL,           -- staff, who wrote the carrier's answer down
  updated_at   INTEGER NOT NULL,
  PRIMARY KEY (signature_id, carrier)
) STRICT;

CREATE TABLE subcode (
  id               INTEGER PRIMARY KEY,
  access_code_id   INTEGER NOT NULL REFERENCES access_code(id),
  digits           TEXT NOT NULL,
  party_id         INTEGER NOT NULL REFERENCES party(id),
  signature_id     INTEGER NOT NULL REFERENCES signature(id),
  qualification_id INTEGER NOT NULL,
  contract_id      INTEGER NOT NULL REFERENCES contract(id),
  state            TEXT NOT NULL,          -- pending | active | rejected | released
  bound_at         INTEGER NOT NULL,
  released_at      INTEGER
) STRICT;
CREATE UNIQUE INDEX subcode_key ON subcode(access_code_id, digits) WHERE state = 'active';
CREATE INDEX subcode_signature ON subcode(signature_id);

CREATE TABLE template (
  id         INTEGER PRIMARY KEY,
  party_id   INTEGER NOT NULL REFERENCES party(id),
  category   TEXT NOT NULL,
  name       TEXT NOT NULL,
  urgent     INTEGER NOT NULL DEFAULT 0,   -- a notice that can't wait for the morning
  kind       TEXT NOT NULL DEFAULT '',     -- of marketing: the kind of content, '' is promotion
  state      TEXT NOT NULL,                -- active | frozen | closed
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX template_party ON template(party_id);

CREATE TABLE template_version (
  template_id INTEGER NOT NULL REFERENCES template(id),
  version     INTEGER NOT NULL,
  body        TEXT NOT NULL,               -- with ${name:type} variables
  sensitive   TEXT NOT NULL DEFAULT '',    -- classes of sensitive personal information, comma-separated
  basis       TEXT NOT NULL DEFAULT '',    -- what they rest on: separate_consent | contract | statutory | emergency
  state       TEXT NOT NULL,               -- review | approved | rejected | retired
  reviewed_by TEXT NOT NULL DEFAULT '',
  reviewed_at INTEGER,
  valid_from  INTEGER NOT NULL,
  valid_to    INTEGER NOT NULL,
  PRIMARY KEY (template_id, version)
) STRICT;

-- What is done about a party whose traffic shows what is not suffered.
CREATE TABLE measure (
  id         INTEGER PRIMARY KEY,
  party_id   INTEGER NOT NULL REFERENCES party(id),
  object     TEXT NOT NULL,                -- '' is the party | signature | template | channel
  object_id  INTEGER NOT NULL,
  kind       TEXT NOT NULL,                -- remind | slow | hold | suspend | close
  pace       INTEGER NOT NULL,             -- of slow: marketing messages in a minute
  strike     TEXT NOT NULL,                -- '' | general | serious | major
  period     TEXT NOT NULL,                -- of a reminder: its month
  rule       TEXT NOT NULL,                -- that asked for it, '' is a person
  reason_zh  TEXT NOT NULL,
  reason_en  TEXT NOT NULL,
  figures    TEXT NOT NULL,                -- JSON of what was counted
  imposed_by INTEGER NOT NULL,             -- of the staff, 0 is the platform
  imposed_at INTEGER NOT NULL,
  appeal     TEXT NOT NULL,
  appeal_at  INTEGER NOT NULL,
  lifted_by  INTEGER NOT NULL,
  lifted_at  INTEGER NOT NULL,             -- 0 while it stands
  lifted_why TEXT NOT NULL,
  unfounded  INTEGER NOT NULL              -- it should not have been imposed: no strike
) STRICT;
CREATE UNIQUE INDEX measure_standing ON measure(party_id, object, object_id, rule, kind, period) WHERE lifted_at = 0 AND rule <> '';

CREATE TABLE template_filing (
  template_id INTEGER NOT NULL REFERENCES template(id),
  version     INTEGER NOT NULL,
  carrier     TEXT NOT NULL,
  state       TEXT NOT NULL,               -- draft | submitted | approved | rejected | revoked
  reference   TEXT NOT NULL,
  reason      TEXT NOT NULL DEFAULT '',
  valid_from  INTEGER NOT NULL,
  valid_to    INTEGER NOT NULL,
  updated_at  INTEGER NOT NULL,
  PRIMARY KEY (template_id, version, carrier)
) STRICT;

-- Links and telephones of a party's texts, as filed with a carrier (TPL-12).
CREATE TABLE contact_filing (
  id           INTEGER PRIMARY KEY,
  party_id     INTEGER NOT NULL REFERENCES party(id),
  carrier      TEXT NOT NULL,
  kind         TEXT NOT NULL,              -- link | telephone
  value        TEXT NOT NULL,              -- host, or host and beginning of a path; digits
  state        TEXT NOT NULL,              -- draft | submitted | approved | rejected | revoked
  reference    TEXT NOT NULL,
  reason       TEXT NOT NULL,              -- code, of a refusal or a revocation
  note         TEXT NOT NULL,
  valid_from   INTEGER NOT NULL,
  valid_to     INTEGER NOT NULL,
  batch        INTEGER NOT NULL,           -- the sheet by which it was submitted
  submitted_by INTEGER NOT NULL,           -- staff
  submitted_at INTEGER NOT NULL,
  answered_by  INTEGER NOT NULL,           -- staff, who wrote the carrier's answer down
  updated_at   INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX contact_filing_key ON contact_filing(party_id, carrier, kind, value);

-- Scans of papers. Their content is sealed, in pieces, and never in clear on disk.
CREATE TABLE document (
  id          INTEGER PRIMARY KEY,
  party_id    INTEGER NOT NULL REFERENCES party(id),
  kind        TEXT NOT NULL,               -- business_licence | representative_id | handler_id | contract | …
  media       TEXT NOT NULL,               -- application/pdf | image/png | image/jpeg
  size        INTEGER NOT NULL,
  sha256      BLOB NOT NULL,               -- of the content
  valid_to    INTEGER NOT NULL,            -- 0 is no end
  state       TEXT NOT NULL,               -- uploading | held | stored
  key_id      INTEGER NOT NULL,            -- by what key it came
  staff_id    INTEGER NOT NULL,            -- and whose that is, 0 is the customer's
  created_at  INTEGER NOT NULL,
  name        TEXT NOT NULL                -- of what came before the application that says what it is, else ''
) STRICT;
CREATE INDEX document_party ON document(party_id, kind, id);
CREATE INDEX document_expiry ON document(valid_to) WHERE valid_to > 0;
CREATE INDEX document_uploading ON document(created_at) WHERE state <> 'stored';
CREATE INDEX document_name ON document(party_id, name, id) WHERE name <> '';

CREATE TABLE document_chunk (
  document_id INTEGER NOT NULL REFERENCES document(id),
  no          INTEGER NOT NULL,            -- from 0
  data        BLOB NOT NULL,               -- sealed
  PRIMARY KEY (document_id, no)
) STRICT;

CREATE TABLE document_view (
  id          INTEGER PRIMARY KEY,
  document_id INTEGER NOT NULL REFERENCES document(id),
  staff_id    INTEGER NOT NULL,
  key_id      INTEGER NOT NULL,
  reason      TEXT NOT NULL,
  at          INTEGER NOT NULL
) STRICT;
CREATE INDEX document_view_document ON document_view(document_id, id);

-- Trademarks and recorded apps that a party told of before it applied for signatures of their names.
CREATE TABLE mark (
  id           INTEGER PRIMARY KEY,
  party_id     INTEGER NOT NULL REFERENCES party(id),
  source       TEXT NOT NULL,              -- trademark | app
  name         TEXT NOT NULL,
  registration TEXT NOT NULL,              -- number of the trademark, or of the app's ICP record
  holder       TEXT NOT NULL,              -- whom it is registered to
  address      TEXT NOT NULL,              -- of the app in a store
  valid_from   INTEGER NOT NULL,           -- of an app: when it was recorded
  valid_to     INTEGER NOT NULL,           -- 0 is no end
  document_id  INTEGER NOT NULL REFERENCES document(id),
  created_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX mark_party ON mark(party_id, id);

-- What waits for a second person before it is used, and what came of it.
CREATE TABLE review (
  id           INTEGER PRIMARY KEY,
  kind         TEXT NOT NULL,              -- signature | template | licence | permit | party | access_code | contract | authorisation | subcode
  object_id    INTEGER NOT NULL,
  version      INTEGER NOT NULL,           -- of a template, else 0
  party_id     INTEGER NOT NULL REFERENCES party(id),
  proposal     TEXT NOT NULL,              -- JSON: the object as it would be
  findings     TEXT NOT NULL,              -- JSON: what stood against it when it was submitted, or judged
  state        TEXT NOT NULL,              -- waiting | approved | rejected | replaced | withdrawn
  key_id       INTEGER NOT NULL,           -- by what key it was submitted
  staff_id     INTEGER NOT NULL,           -- and whose that is, 0 is the customer's
  submitted_at INTEGER NOT NULL,
  due_at       INTEGER NOT NULL,
  first_id     INTEGER NOT NULL,           -- the first of two reviewers, where a rule asks for two; 0 before
  reviewer_id  INTEGER NOT NULL,           -- staff
  reviewed_at  INTEGER NOT NULL,
  reason       TEXT NOT NULL,
  confirmed    TEXT NOT NULL               -- comma-separated rules that the reviewer confirmed
) STRICT;
CREATE UNIQUE INDEX review_waiting ON review(kind, object_id, version) WHERE state = 'waiting';
CREATE INDEX review_object ON review(kind, object_id, version, id);
CREATE INDEX review_party ON review(party_id, kind, id);
CREATE INDEX review_queue ON review(kind, due_at, id) WHERE state = 'waiting';
-- Channels, accounts, access ------------------------------------------------

CREATE TABLE channel (
  id             INTEGER PRIMARY KEY,
  name           TEXT NOT NULL,
  carrier        TEXT NOT NULL,            -- whose network it reaches
  protocol       TEXT NOT NULL,            -- cmpp20 | cmpp30 | …
  access_code_id INTEGER NOT NULL REFERENCES access_code(id),
  upstream_id    INTEGER REFERENCES party(id), -- whose channel it is; NULL is the carrier itself
  address        TEXT NOT NULL,            -- host:port
  login          TEXT NOT NULL,
  secret         BLOB NOT NULL,            -- sealed
  service_id     TEXT NOT NULL,
  sessions       INTEGER NOT NULL,
  window_size    INTEGER NOT NULL,
  tps            INTEGER NOT NULL,         -- segments per second, 0 is unlimited
  deduplicates   INTEGER NOT NULL DEFAULT 0,
  cost           INTEGER NOT NULL,         -- micro-yuan per segment
  priority       INTEGER NOT NULL,         -- same carrier, same priority: one group; a lower one goes first
  weight         INTEGER NOT NULL DEFAULT 0,  -- share of its group's messages
  categories     TEXT NOT NULL DEFAULT '', -- what it may carry, '' is everything
  provinces      TEXT NOT NULL DEFAULT '', -- codes of those whose numbers it takes, '' is all
  state          TEXT NOT NULL,            -- active | paused | frozen
  back_secret    BLOB NOT NULL,            -- sealed: SGIP's gateway logs in to us by it
  options        TEXT NOT NULL             -- JSON: what only some protocols or carriers ask for
) STRICT;

CREATE TABLE channel_lease (
  channel_id INTEGER NOT NULL REFERENCES channel(id),
  slot       INTEGER NOT NULL,
  node       INTEGER NOT NULL,
  epoch      INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (channel_id, slot)
) STRICT;

-- Whether a channel is used, as its owner judged; no row is a channel that was never taken out.
CREATE TABLE channel_breaker (
  channel_id INTEGER PRIMARY KEY REFERENCES channel(id),
  state      TEXT NOT NULL,                -- closed | open | half_open
  cause      TEXT NOT NULL,                -- of the last opening: down | throttled | reports
  trips      INTEGER NOT NULL,             -- openings in a row
  since      INTEGER NOT NULL
) STRICT;

CREATE TABLE account (
  id         INTEGER PRIMARY KEY,
  party_id   INTEGER NOT NULL REFERENCES party(id),
  payer_id   INTEGER REFERENCES account(id), -- next account up the chain
  currency   TEXT NOT NULL DEFAULT 'CNY',
  floor      INTEGER NOT NULL,
  balance    INTEGER NOT NULL DEFAULT 0,     -- cache: sum of entries but holds
  held       INTEGER NOT NULL DEFAULT 0,     -- cache: sum of open holds
  state      TEXT NOT NULL
) STRICT;

CREATE TABLE price (
  account_id INTEGER NOT NULL REFERENCES account(id),
  category   TEXT NOT NULL,
  carrier    TEXT NOT NULL,
  unit_price INTEGER NOT NULL,
  valid_from INTEGER NOT NULL,
  PRIMARY KEY (account_id, category, carrier, valid_from)
) STRICT;

CREATE TABLE ledger_entry (
  id         INTEGER PRIMARY KEY,
  tx_id      INTEGER NOT NULL,             -- entries of one transaction
  account_id INTEGER NOT NULL REFERENCES account(id),
  contra_id  INTEGER NOT NULL,             -- the other side of the double entry, 0 is the outside
  kind       TEXT NOT NULL,                -- topup | hold | capture | release | adjustment
  unit_price INTEGER NOT NULL,
  count      INTEGER NOT NULL,             -- units
  amount     INTEGER NOT NULL,             -- signed sum, micro-yuan
  reference  TEXT NOT NULL DEFAULT '',
  at         INTEGER NOT NULL
) STRICT;
CREATE INDEX ledger_entry_account ON ledger_entry(account_id, id);

CREATE TABLE application (
  id               INTEGER PRIMARY KEY,
  party_id         INTEGER NOT NULL REFERENCES party(id),
  account_id       INTEGER NOT NULL REFERENCES account(id),
  name             TEXT NOT NULL,
  state            TEXT NOT NULL,
  ref_once         INTEGER NOT NULL,       -- a cloud's reference is the key of its request
  created_at       INTEGER NOT NULL
) STRICT;

-- People who act for the operator.
CREATE TABLE staff (
  id         INTEGER PRIMARY KEY,
  name       TEXT NOT NULL,
  roles      TEXT NOT NULL,                -- comma-separated: reviewer, compliance, finance
  state      TEXT NOT NULL,                -- active | closed
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE api_key (
  id             INTEGER PRIMARY KEY,
  application_id INTEGER NOT NULL REFERENCES application(id),
  staff_id       INTEGER REFERENCES staff(id),
  hash           BLOB NOT NULL,            -- of the bearer key, or of the id of one that signs
  access_id      TEXT NOT NULL,            -- of a key that signs, '' of a bearer key
  secret         BLOB NOT NULL,            -- sealed, of a key that signs
  scopes         TEXT NOT NULL,
  allow          TEXT NOT NULL,            -- CIDR list, '' is any
  expires_at     INTEGER,
  revoked_at     INTEGER,
  created_at     INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX api_key_hash ON api_key(hash);

CREATE TABLE sp_account (
  id             INTEGER PRIMARY KEY,
  application_id INTEGER NOT NULL REFERENCES application(id),
  protocol       TEXT NOT NULL,
  login          TEXT NOT NULL,
  secret         BLOB NOT NULL,            -- sealed
  version        INTEGER NOT NULL,
  max_sessions   INTEGER NOT NULL,
  window_size    INTEGER NOT NULL,
  tps            INTEGER NOT NULL,
  allow          TEXT NOT NULL,
  category       TEXT NOT NULL,            -- of messages whose template does not say
  state          TEXT NOT NULL,
  back_address   TEXT NOT NULL,            -- SGIP: where reports and replies are brought to
  back_login     TEXT NOT NULL,
  back_secret    BLOB NOT NULL             -- sealed
) STRICT;
CREATE UNIQUE INDEX sp_account_login ON sp_account(protocol, login);

-- Rule packs that people have proposed. Text, cases and who proposed it never change.
CREATE TABLE rule_pack (
  id          INTEGER PRIMARY KEY,
  name        TEXT NOT NULL,
  version     TEXT NOT NULL,
  layer       TEXT NOT NULL,               -- law | channel | house
  text        TEXT NOT NULL,               -- the exact YAML
  cases       TEXT NOT NULL,               -- YAML of its scenarios, or nothing
  hash        BLOB NOT NULL,               -- SHA-256 of text
  cases_hash  BLOB NOT NULL,
  note        TEXT NOT NULL,               -- why
  state       TEXT NOT NULL,               -- proposed | active | retired | rejected
  proposed_by INTEGER NOT NULL REFERENCES staff(id),
  proposed_at INTEGER NOT NULL,
  decided_by  INTEGER REFERENCES staff(id), -- who activated or rejected it
  decided_at  INTEGER NOT NULL DEFAULT 0,
  retired_at  INTEGER NOT NULL DEFAULT 0   -- when another version came in its place
) STRICT;
CREATE UNIQUE INDEX rule_pack_active ON rule_pack(name) WHERE state = 'active';

-- People: consent, refusal, frequency ---------------------------------------

CREATE TABLE person (
  phone_id   BLOB PRIMARY KEY,
  number     BLOB NOT NULL,                -- sealed E.164
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE person_secret (
  phone_id BLOB NOT NULL,
  group_id INTEGER NOT NULL,
  secret   BLOB NOT NULL,                  -- sealed
  PRIMARY KEY (phone_id, group_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE portability (
  phone_id   BLOB PRIMARY KEY,
  carrier    TEXT NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What people are asked to agree to. It is never changed once somebody has.
CREATE TABLE consent_wording (
  id             INTEGER PRIMARY KEY,
  group_id       INTEGER NOT NULL,
  party_id       INTEGER NOT NULL REFERENCES party(id),
  body           TEXT NOT NULL,            -- exactly what is shown
  purpose        TEXT NOT NULL,            -- MKT
  kinds          TEXT NOT NULL,            -- what kinds of messages
  types          TEXT NOT NULL,            -- the same by the platform's own names, comma-separated
  per_week       INTEGER NOT NULL,         -- messages in 7 days at most
  days           INTEGER NOT NULL,         -- for which a consent holds
  notice         TEXT NOT NULL,            -- address of the privacy notice
  notice_version TEXT NOT NULL,
  since          INTEGER NOT NULL,         -- when it came into use
  created_at     INTEGER NOT NULL,
  used_at        INTEGER NOT NULL,         -- by the first consent, or page that showed it, 0 before
  page           INTEGER NOT NULL          -- 1 while the platform serves its page
) STRICT;
CREATE INDEX consent_wording_group ON consent_wording(group_id, id);

CREATE TABLE consent (
  phone_id     BLOB NOT NULL,
  group_id     INTEGER NOT NULL,
  id           INTEGER NOT NULL,
  purpose      TEXT NOT NULL,              -- MKT …
  grade        INTEGER NOT NULL,           -- 1 import, 2 signed event, 3 hosted page, 4 double opt-in
  method       TEXT NOT NULL,
  wording      TEXT NOT NULL,              -- id of a registered wording, or the customer's own name of one
  text_hash    BLOB NOT NULL,              -- SHA-256 of a registered wording, zeros of another
  source       TEXT NOT NULL,
  claims       TEXT NOT NULL,              -- what was stated besides, comma-separated
  proof_hash   BLOB NOT NULL,
  per_week     INTEGER NOT NULL DEFAULT 0, -- agreed messages in 7 days, 0 is unsaid
  valid_from   INTEGER NOT NULL,
  valid_to     INTEGER NOT NULL,
  withdrawn_at INTEGER,
  suspended_at INTEGER,                    -- the number did not exist then: who has it now did not consent (CNS-16)
  leaf_id      INTEGER,
  leaf_pos     INTEGER,
  former       BLOB,                       -- sealed: the phone_id that its evidence names, if another index key came since
  PRIMARY KEY (phone_id, group_id, id)
) STRICT, WITHOUT ROWID;

-- By what customers' servers sign consent events; the private halves are theirs.
CREATE TABLE consent_key (
  id             INTEGER PRIMARY KEY,
  application_id INTEGER NOT NULL REFERENCES application(id),
  public_key     BLOB NOT NULL,            -- Ed25519
  created_at     INTEGER NOT NULL,
  revoked_at     INTEGER NOT NULL          -- 0 while it is good
) STRICT;
CREATE INDEX consent_key_application ON consent_key(application_id, id);

-- Signed consent events: the proof of a consent of grade 2, or of a refusal.
CREATE TABLE consent_event (
  id             INTEGER PRIMARY KEY,      -- of the consent or the suppression
  application_id INTEGER NOT NULL,
  event          TEXT NOT NULL,            -- the customer's own id of it, a UUID
  digest         BLOB NOT NULL,            -- keyed hash of what was signed
  key_id         INTEGER NOT NULL,
  sealed         BLOB NOT NULL,            -- signature and statement, under the person's secret
  at             INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX consent_event_once ON consent_event(application_id, event);

-- Lists of consents that customers hand over. Their rows become consents only once a
-- reviewer has judged a sample of them (CNS-03).
CREATE TABLE consent_import (
  id            INTEGER PRIMARY KEY,
  group_id      INTEGER NOT NULL,
  party_id      INTEGER NOT NULL REFERENCES party(id),
  wording_id    INTEGER NOT NULL REFERENCES consent_wording(id),
  method        TEXT NOT NULL,
  source        TEXT NOT NULL,
  claims        TEXT NOT NULL,
  declarant     TEXT NOT NULL,             -- who declares that the list is true (CNS-04)
  declaration   TEXT NOT NULL,
  key_id        INTEGER NOT NULL,          -- by what key it was declared
  staff_id      INTEGER NOT NULL,          -- and whose that is, 0 is the customer's
  seed          BLOB NOT NULL,             -- of the sample
  state         TEXT NOT NULL,             -- open | receiving | checking | selecting | review | activating | active | rejected | stopped
  columns       TEXT NOT NULL,
  file_hash     BLOB NOT NULL,
  lines         INTEGER NOT NULL,
  good          INTEGER NOT NULL,
  bad           INTEGER NOT NULL,
  activated     INTEGER NOT NULL,
  repeated      INTEGER NOT NULL,
  chunks        INTEGER NOT NULL,
  done          INTEGER NOT NULL,          -- chunks of the present phase
  whole         INTEGER NOT NULL,          -- every row is reviewed
  why           TEXT NOT NULL,             -- of a rejection
  claim         INTEGER NOT NULL,          -- of the node that works on it
  claimed_until INTEGER NOT NULL,
  phase_at      INTEGER NOT NULL,
  created_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX consent_import_group ON consent_import(group_id, id);
CREATE INDEX consent_import_work ON consent_import(claimed_until) WHERE state IN ('checking', 'selecting', 'activating');

CREATE INDEX consent_import_empty ON consent_import(id) WHERE state IN ('rejected', 'stopped') AND done < chunks;
CREATE INDEX consent_import_review ON consent_import(state, id);

CREATE TABLE consent_import_chunk (
  import_id  INTEGER NOT NULL REFERENCES consent_import(id),
  no         INTEGER NOT NULL,
  first_line INTEGER NOT NULL,
  good       INTEGER NOT NULL,
  content    BLOB NOT NULL,                -- sealed lines, emptied at the end
  PRIMARY KEY (import_id, no)
) STRICT;

CREATE TABLE consent_import_fault (
  import_id INTEGER NOT NULL,
  line      INTEGER NOT NULL,
  code      TEXT NOT NULL,
  number    TEXT NOT NULL,                 -- masked, '' when it is none
  PRIMARY KEY (import_id, line)
) STRICT, WITHOUT ROWID;

CREATE TABLE consent_import_sample (
  import_id INTEGER NOT NULL,
  line      INTEGER NOT NULL,
  state     TEXT NOT NULL,                 -- '' | ok | failed
  reason    TEXT NOT NULL,
  by_staff  INTEGER NOT NULL,
  at        INTEGER NOT NULL,
  PRIMARY KEY (import_id, line)
) STRICT, WITHOUT ROWID;

-- The last message of category CONSENT that left, or is about to leave, to a person (CNS-07).
CREATE TABLE consent_request (
  phone_id     BLOB NOT NULL,
  group_id     INTEGER NOT NULL,
  message_id   INTEGER NOT NULL,
  signature_id INTEGER NOT NULL,
  asked_at     INTEGER NOT NULL,
  confirmed_at INTEGER,
  PRIMARY KEY (phone_id, group_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX consent_request_message ON consent_request(message_id);

-- Codes by which people prove to a page that they hold a number, for an hour.
CREATE TABLE possession (
  id         INTEGER PRIMARY KEY,
  token      BLOB NOT NULL,                -- keyed hash of what the page holds
  phone_id   BLOB NOT NULL,
  group_id   INTEGER NOT NULL,             -- whose application sent the code
  wording_id INTEGER NOT NULL,             -- 0 is the person's own page
  code       BLOB NOT NULL,                -- keyed hash of token and code
  address    BLOB NOT NULL,                -- keyed hash of where the request came from
  message_id INTEGER NOT NULL DEFAULT 0,   -- that brought the code
  attempts   INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  proved_at  INTEGER
) STRICT;
CREATE UNIQUE INDEX possession_token ON possession(token);
CREATE INDEX possession_phone ON possession(phone_id, created_at);
CREATE INDEX possession_address ON possession(address, created_at);
CREATE INDEX possession_group ON possession(group_id, created_at);
CREATE INDEX possession_age ON possession(created_at);

CREATE TABLE suppression (
  phone_id   BLOB NOT NULL,
  group_id   INTEGER NOT NULL,             -- 0 is platform-wide
  scope      TEXT NOT NULL,                -- MKT | NOTICE | ALL …
  id         INTEGER NOT NULL,
  source     TEXT NOT NULL,                -- mo | api | event | page | complaint | staff
  reference  TEXT NOT NULL,                -- MO id, request id …
  in_flight  TEXT NOT NULL DEFAULT '',     -- messages that were already being submitted
  created_at INTEGER NOT NULL,
  lifted_at  INTEGER,
  leaf_id    INTEGER,
  leaf_pos   INTEGER,
  former     BLOB,                         -- as in consent
  PRIMARY KEY (phone_id, group_id, scope)
) STRICT, WITHOUT ROWID;

-- Numbers that a carrier said do not exist: consents given before count no more (CNS-16).
CREATE TABLE vacant_number (
  phone_id BLOB PRIMARY KEY,
  at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The rows stand in the order of time; only the index is spread over all people, and
-- spares the rows that lie before every window. On SQLite it lags behind: see store's
-- recent.go.
CREATE TABLE recipient_event (
  message_id   INTEGER PRIMARY KEY,
  phone_id     BLOB NOT NULL,
  at           INTEGER NOT NULL,
  group_id     INTEGER NOT NULL,
  signature_id INTEGER NOT NULL,
  template_id  INTEGER NOT NULL,
  content_hash BLOB NOT NULL,
  category     TEXT NOT NULL,
  channel_id   INTEGER NOT NULL
) STRICT;

CREATE TABLE recipient_index (
  phone_id   BLOB NOT NULL,
  at         INTEGER NOT NULL,
  message_id INTEGER NOT NULL,
  PRIMARY KEY (phone_id, at, message_id)
) STRICT, WITHOUT ROWID;

-- Where verification codes were asked for, as far as customers say, for an hour (FRQ-07).
CREATE TABLE origin_event (
  origin     BLOB NOT NULL,                -- keyed hash of an address, a device or an account
  at         INTEGER NOT NULL,
  message_id INTEGER NOT NULL,
  number     BLOB NOT NULL,                -- keyed hash of origin and number: it tells them apart here only
  PRIMARY KEY (origin, at, message_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX origin_event_age ON origin_event(at);

-- Keyed ids that a change of the index key still has to replace; empty otherwise.
CREATE TABLE phone_reindex (
  old_id BLOB PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- Commit-ordered journal of revocations (design 2). The counter row is locked
-- last and held until commit, so that numbers are in commit order.
CREATE TABLE counter (
  name  TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO counter(name, value) VALUES ('revocation', 0), ('facts', 1);

CREATE TABLE revocation (
  n         INTEGER PRIMARY KEY,
  kind      TEXT NOT NULL,                 -- optout | withdrawal | suspension | freeze | licence | filing | template | pack | portability
  phone_id  BLOB,
  group_id  INTEGER,
  object_id INTEGER,
  scope     TEXT NOT NULL DEFAULT '',
  at        INTEGER NOT NULL
) STRICT;

-- Campaigns: one wording to many people --------------------------------------

CREATE TABLE campaign (
  id             INTEGER PRIMARY KEY,
  application_id INTEGER NOT NULL REFERENCES application(id),
  party_id       INTEGER NOT NULL REFERENCES party(id),
  staff_id       INTEGER,                  -- of the staff who made it, NULL is a customer
  key_id         INTEGER NOT NULL,         -- by what key
  state          TEXT NOT NULL,            -- draft | checking | ready | review | scheduled | running | paused | done | cancelled | stopped
  terms          TEXT NOT NULL,            -- JSON: wording, hours, declaration, evidence; never changed
  list_hash      BLOB NOT NULL,            -- keyed, over the hashes of its parts
  parts          INTEGER NOT NULL,
  chunks         INTEGER NOT NULL,
  row_count      INTEGER NOT NULL,
  good           INTEGER NOT NULL,         -- rows without a fault
  done           INTEGER NOT NULL,         -- chunks that were decided, or checked
  estimate       TEXT NOT NULL,            -- JSON: what it costs, and what a sample of it would get
  ruling         TEXT NOT NULL,            -- JSON: what stands against it, and what a reviewer confirmed
  tally          TEXT NOT NULL,            -- JSON: how many rows got which verdict
  asked_at       INTEGER NOT NULL,         -- when its start was asked for, 0 before
  wait_until     INTEGER NOT NULL,         -- nothing is to be done before
  claim          INTEGER NOT NULL,         -- of the node that works on it, or of the upload
  claimed_until  INTEGER NOT NULL,
  emptied        INTEGER NOT NULL,         -- 1: it has ended and no row of it is left
  phase_at       INTEGER NOT NULL,         -- since when it is in its state, or sends without a break
  phase_done     INTEGER NOT NULL,         -- chunks that were done then
  created_at     INTEGER NOT NULL
) STRICT;
CREATE INDEX campaign_application ON campaign(application_id, id);
CREATE INDEX campaign_party ON campaign(party_id, state);
CREATE INDEX campaign_work ON campaign(wait_until) WHERE state IN ('checking', 'scheduled', 'running');
CREATE INDEX campaign_open ON campaign(state, phase_at) WHERE emptied = 0;

CREATE TABLE campaign_part (
  campaign_id INTEGER NOT NULL REFERENCES campaign(id),
  no          INTEGER NOT NULL,            -- from 1
  hash        BLOB NOT NULL,               -- keyed, of the file
  row_count   INTEGER NOT NULL,
  good        INTEGER NOT NULL,
  PRIMARY KEY (campaign_id, no)
) STRICT;

CREATE TABLE campaign_chunk (
  campaign_id INTEGER NOT NULL REFERENCES campaign(id),
  no          INTEGER NOT NULL,            -- from 0
  part        INTEGER NOT NULL,
  first_line  INTEGER NOT NULL,            -- of the part
  row_count   INTEGER NOT NULL,
  faults      BLOB NOT NULL,               -- rows that can't be sent: line, code, variable
  content     BLOB NOT NULL,               -- sealed: the others; emptied once they are decided
  messages    BLOB NOT NULL,               -- ids of what became of them, in their order
  PRIMARY KEY (campaign_id, no)
) STRICT;

-- Messages ------------------------------------------------------------------

CREATE TABLE idempotency (
  account_id   INTEGER NOT NULL,
  key          TEXT NOT NULL,
  payload_hash BLOB NOT NULL,
  answer       BLOB NOT NULL,              -- sealed
  expires_at   INTEGER NOT NULL,
  PRIMARY KEY (account_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_expiry ON idempotency(expires_at);

-- What the messages of one submission have in common: facts, rules, permit.
CREATE TABLE decision (
  id             INTEGER PRIMARY KEY,
  application_id INTEGER NOT NULL,
  at             INTEGER NOT NULL,
  packs          TEXT NOT NULL,            -- pack@version, …
  facts          TEXT NOT NULL,            -- JSON of the shared facts, no personal data
  findings       TEXT NOT NULL,            -- JSON of what stood against it, or warned
  permit         TEXT NOT NULL,            -- JSON: ordered channels with source, segments, prices of the chain
  verdicts       TEXT NOT NULL,            -- JSON: how many messages got which verdict
  journal        INTEGER NOT NULL,
  valid_until    INTEGER NOT NULL
) STRICT;

CREATE TABLE message (
  id             INTEGER PRIMARY KEY,
  decision_id    INTEGER NOT NULL,
  account_id     INTEGER NOT NULL,
  application_id INTEGER NOT NULL,
  group_id       INTEGER NOT NULL,
  signature_id   INTEGER NOT NULL,
  template_id    INTEGER NOT NULL,
  phone_id       BLOB NOT NULL,
  carrier        TEXT NOT NULL,
  category       TEXT NOT NULL,
  class          INTEGER NOT NULL,
  state          TEXT NOT NULL,
  decided        TEXT NOT NULL,            -- state that the decision gave
  code           TEXT NOT NULL,            -- catalogue code of the decision, '' when permitted
  rule           TEXT NOT NULL,            -- first rule against it
  reason         TEXT NOT NULL DEFAULT '', -- catalogue code or carrier's status that ended it later
  text           BLOB NOT NULL,            -- sealed under the message's own key
  text_commit    BLOB NOT NULL,
  phone_commit   BLOB NOT NULL,
  units          INTEGER NOT NULL,
  segments       INTEGER NOT NULL,
  held           INTEGER NOT NULL,         -- units held along the chain; 0 when captured or released
  captured       INTEGER NOT NULL DEFAULT 0, -- units captured
  ref            TEXT NOT NULL DEFAULT '', -- the customer's own reference
  extension      TEXT NOT NULL DEFAULT '', -- the customer's own digits after the sub-code
  via            INTEGER NOT NULL DEFAULT 0, -- sp_account that it came by, 0 is HTTP
  pdu            INTEGER NOT NULL DEFAULT 0, -- id that its PDU was answered with, when it is not the message's
  channel_id     INTEGER NOT NULL,
  consent_id     INTEGER NOT NULL,
  release_at     INTEGER NOT NULL,         -- of deferred and scheduled, 0 otherwise
  not_after      INTEGER NOT NULL,
  journal        INTEGER NOT NULL,
  valid_until    INTEGER NOT NULL,
  created_at     INTEGER NOT NULL,
  updated_at     INTEGER NOT NULL,
  leaf_id        INTEGER NOT NULL,
  leaf_pos       INTEGER NOT NULL
) STRICT;
CREATE INDEX message_queue ON message(channel_id, class, account_id, id) WHERE state = 'queued';
CREATE INDEX message_release ON message(state, release_at) WHERE state IN ('deferred', 'scheduled');
-- By OR: a longer IN makes SQLite build its list as a table, twice for each row that changes.
CREATE INDEX message_open ON message(state, updated_at) WHERE state = 'submitting' OR state = 'in_doubt' OR state = 'held' OR state = 'submitted';
CREATE INDEX message_doubt ON message(phone_id) WHERE state = 'in_doubt';
CREATE INDEX message_account ON message(account_id, id);

-- Hosts of parties' own filed domains, under which short links stand (TPL-10).
CREATE TABLE link_host (
  id       INTEGER PRIMARY KEY,
  party_id INTEGER NOT NULL REFERENCES party(id),
  host     TEXT NOT NULL UNIQUE,
  domain   TEXT NOT NULL,
  record   TEXT NOT NULL,
  filer    TEXT NOT NULL,
  state    TEXT NOT NULL
) STRICT;

CREATE TABLE short_link (
  id             INTEGER PRIMARY KEY,
  application_id INTEGER NOT NULL,
  host           TEXT NOT NULL,
  path           TEXT NOT NULL,
  name           TEXT NOT NULL,
  target         TEXT NOT NULL,
  created_at     INTEGER NOT NULL,
  expires_at     INTEGER NOT NULL,
  removed_at     INTEGER NOT NULL,         -- 0 while it lasts
  views          INTEGER NOT NULL,
  sketch         BLOB NOT NULL,            -- of its visitors, see internal/shortlink
  UNIQUE (host, path)
) STRICT;
CREATE INDEX short_link_application ON short_link(application_id, id);

-- Codes that were entered, by their senders' word.
CREATE TABLE conversion (
  message_id INTEGER PRIMARY KEY,
  at         INTEGER NOT NULL
) STRICT;

-- What was sent in each hour, counted from the messages in the background, so that nobody reads
-- them again to know rates and mixes. A message belongs to the hour in which it came.
CREATE TABLE traffic_count (
  hour         INTEGER NOT NULL,           -- hours since 1970
  account_id   INTEGER NOT NULL,
  application_id INTEGER NOT NULL,
  signature_id INTEGER NOT NULL,
  template_id  INTEGER NOT NULL,
  channel_id   INTEGER NOT NULL,
  category     TEXT NOT NULL,
  abroad       INTEGER NOT NULL,           -- 1 outside the mainland
  messages     INTEGER NOT NULL,
  refused      INTEGER NOT NULL,
  delivered    INTEGER NOT NULL,
  failed       INTEGER NOT NULL,
  ended        INTEGER NOT NULL,           -- with no carrier's report: expired, cancelled, unknown
  units        INTEGER NOT NULL,           -- charged, or held to be charged
  bad_number   INTEGER NOT NULL,           -- of the failed: the number is the reason,
  passing      INTEGER NOT NULL,           -- it may go well later,
  of_carrier   INTEGER NOT NULL,           -- the carrier has another reason,
  blocked      INTEGER NOT NULL,           -- the carrier's blacklist,
  too_often    INTEGER NOT NULL,           -- the carrier's limit
  PRIMARY KEY (hour, account_id, application_id, signature_id, template_id, channel_id, category, abroad)
) STRICT, WITHOUT ROWID;
CREATE INDEX traffic_count_account ON traffic_count(account_id, hour);

-- How often an hour was counted: reports come late, so that it is counted again.
CREATE TABLE traffic_hour (
  hour INTEGER PRIMARY KEY,
  pass INTEGER NOT NULL
) STRICT;
CREATE INDEX traffic_hour_open ON traffic_hour(hour) WHERE pass < 3;

-- Recipients of an account's marketing in an hour who were looked up, and those of them to
-- whom it had sent nothing lately.
CREATE TABLE traffic_sample (
  account_id INTEGER NOT NULL,
  hour       INTEGER NOT NULL,
  sampled    INTEGER NOT NULL,
  fresh      INTEGER NOT NULL,
  PRIMARY KEY (account_id, hour)
) STRICT, WITHOUT ROWID;

-- Decisions that a later one replaced (release, new look): their evidence stays provable.
CREATE TABLE decision_past (
  message_id  INTEGER NOT NULL,
  decision_id INTEGER NOT NULL,
  decided     TEXT NOT NULL,
  code        TEXT NOT NULL,
  rule        TEXT NOT NULL,
  carrier     TEXT NOT NULL,
  category    TEXT NOT NULL,
  signature_id INTEGER NOT NULL,
  template_id INTEGER NOT NULL,
  units       INTEGER NOT NULL,
  segments    INTEGER NOT NULL,
  consent_id  INTEGER NOT NULL,
  leaf_id     INTEGER NOT NULL,
  leaf_pos    INTEGER NOT NULL,
  PRIMARY KEY (message_id, decision_id)
) STRICT, WITHOUT ROWID;

-- How messages ended that no carrier ended: cancelled, expired, without report.
CREATE TABLE ending (
  message_id INTEGER NOT NULL,
  at         INTEGER NOT NULL,
  state      TEXT NOT NULL,
  code       TEXT NOT NULL,
  rule       TEXT NOT NULL,
  leaf_id    INTEGER NOT NULL,
  leaf_pos   INTEGER NOT NULL,
  PRIMARY KEY (message_id, at)
) STRICT, WITHOUT ROWID;

CREATE TABLE segment (
  message_id  INTEGER NOT NULL,
  no          INTEGER NOT NULL,            -- from 1
  channel_id  INTEGER NOT NULL,
  state       TEXT NOT NULL,               -- submitting | accepted | refused | in_doubt | delivered | failed
  upstream_id TEXT NOT NULL DEFAULT '',
  source      TEXT NOT NULL,
  result      INTEGER NOT NULL DEFAULT 0,
  stat        TEXT NOT NULL DEFAULT '',   -- the report's status, or an upstream's refusal in words, raw
  attempt     INTEGER NOT NULL,
  epoch       INTEGER NOT NULL,
  submit_at   INTEGER NOT NULL,
  answer_at   INTEGER NOT NULL DEFAULT 0,
  report_at   INTEGER NOT NULL DEFAULT 0,
  submit_leaf INTEGER NOT NULL DEFAULT 0,
  submit_pos  INTEGER NOT NULL DEFAULT 0,
  report_leaf INTEGER NOT NULL DEFAULT 0,
  report_pos  INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (message_id, no)
) STRICT, WITHOUT ROWID;
CREATE INDEX segment_upstream ON segment(channel_id, upstream_id) WHERE upstream_id <> '';

-- Attempts that the carrier certainly refused and that were made again: what it
-- answered to them stays provable.
CREATE TABLE segment_past (
  message_id  INTEGER NOT NULL,
  no          INTEGER NOT NULL,
  attempt     INTEGER NOT NULL,
  channel_id  INTEGER NOT NULL,
  state       TEXT NOT NULL,
  source      TEXT NOT NULL,
  result      INTEGER NOT NULL,
  stat        TEXT NOT NULL,
  epoch       INTEGER NOT NULL,
  submit_at   INTEGER NOT NULL,
  answer_at   INTEGER NOT NULL,
  submit_leaf INTEGER NOT NULL,
  submit_pos  INTEGER NOT NULL,
  PRIMARY KEY (message_id, no, attempt)
) STRICT, WITHOUT ROWID;

-- Reports that match nothing yet, kept and matched later, and those that came again.
CREATE TABLE orphan_report (
  id          INTEGER PRIMARY KEY,
  channel_id  INTEGER NOT NULL,
  upstream_id TEXT NOT NULL,
  message_id  INTEGER NOT NULL,            -- of ours, if the report names it, else 0
  phone_id    BLOB NOT NULL,
  stat        TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  matched_at  INTEGER,
  again       INTEGER NOT NULL,
  vacant      INTEGER NOT NULL             -- it says that the number does not exist
) STRICT;
CREATE INDEX orphan_report_key ON orphan_report(channel_id, upstream_id) WHERE matched_at IS NULL;
CREATE INDEX orphan_report_message ON orphan_report(message_id) WHERE matched_at IS NULL AND message_id > 0;
CREATE INDEX orphan_report_phone ON orphan_report(phone_id, received_at);

CREATE TABLE mo (
  id             INTEGER PRIMARY KEY,
  channel_id     INTEGER NOT NULL,
  upstream_id    TEXT NOT NULL,
  phone_id       BLOB NOT NULL,
  group_id       INTEGER NOT NULL,
  application_id INTEGER NOT NULL,         -- 0 when the sub-code names none
  dest           TEXT NOT NULL,
  text           BLOB NOT NULL,            -- sealed
  opt_out        TEXT NOT NULL DEFAULT '', -- the word that acted
  received_at    INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX mo_key ON mo(channel_id, upstream_id, phone_id, received_at);
CREATE INDEX mo_phone ON mo(phone_id, received_at);
CREATE INDEX mo_refused ON mo(channel_id, received_at) WHERE opt_out <> '';

-- Parts of long messages that customers sent as PDUs of their own. Each was
-- answered with its own id; the message is decided when the last part is there.
CREATE TABLE sp_part (
  id          INTEGER PRIMARY KEY,
  via         INTEGER NOT NULL REFERENCES sp_account(id),
  set_key     BLOB NOT NULL,               -- keyed hash of source, recipients, reference and total
  total       INTEGER NOT NULL,
  number      INTEGER NOT NULL,
  content     BLOB NOT NULL,               -- sealed
  message_pdu INTEGER NOT NULL DEFAULT 0,  -- first part's id, once decided
  received_at INTEGER NOT NULL
) STRICT;
CREATE INDEX sp_part_open ON sp_part(via, set_key) WHERE message_pdu = 0;
CREATE INDEX sp_part_late ON sp_part(received_at) WHERE message_pdu = 0;
CREATE INDEX sp_part_pdu ON sp_part(message_pdu) WHERE message_pdu <> 0;

-- Parts of long messages from handsets, until the last is there or did not come in time.
CREATE TABLE mo_part (
  id          INTEGER PRIMARY KEY,
  set_key     BLOB NOT NULL,               -- keyed hash of channel, numbers, reference and total
  total       INTEGER NOT NULL,
  number      INTEGER NOT NULL,
  content     BLOB NOT NULL,               -- sealed
  received_at INTEGER NOT NULL
) STRICT;
CREATE INDEX mo_part_set ON mo_part(set_key);
CREATE INDEX mo_part_late ON mo_part(received_at);

-- Back office: complaints, requests of persons, duties -------------------------

-- Words of the staff in these tables are refused when they hold a number.
CREATE TABLE complaint (
  id           INTEGER PRIMARY KEY,
  source       TEXT NOT NULL,              -- 12321 | carrier | direct
  about        TEXT NOT NULL,              -- marketing | content | personal | service
  reference    TEXT NOT NULL,              -- the sender's own number of the case
  phone_id     BLOB NOT NULL,
  shown        TEXT NOT NULL,              -- the number, masked
  port         TEXT NOT NULL,              -- source number that the complainant saw
  said_at      INTEGER NOT NULL,           -- when the message came, as they say
  forwarded_at INTEGER NOT NULL,
  received_at  INTEGER NOT NULL,
  message_id   INTEGER NOT NULL,           -- 0 when none was found
  party_id     INTEGER NOT NULL,
  group_id     INTEGER NOT NULL,
  signature_id INTEGER NOT NULL,
  template_id  INTEGER NOT NULL,
  channel_id   INTEGER NOT NULL,
  category     TEXT NOT NULL,
  state        TEXT NOT NULL,              -- open | verified | answered | closed
  verdict      TEXT NOT NULL,              -- '' | confirmed | unfounded
  cause        TEXT NOT NULL,              -- no_consent | content | …
  verified_at  INTEGER NOT NULL,
  note         TEXT NOT NULL,
  updated_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX complaint_received ON complaint(received_at);
CREATE INDEX complaint_phone ON complaint(phone_id);
CREATE INDEX complaint_valid ON complaint(verified_at) WHERE verdict = 'confirmed';

-- Case files: all that proves what became of the message, as it was assembled.
CREATE TABLE complaint_file (
  complaint_id INTEGER NOT NULL,
  at           INTEGER NOT NULL,
  hash         BLOB NOT NULL,
  content      BLOB NOT NULL,              -- sealed
  PRIMARY KEY (complaint_id, at)
) STRICT;

CREATE TABLE person_request (
  id          INTEGER PRIMARY KEY,
  kind        TEXT NOT NULL,               -- access | copy | correct | delete
  reference   TEXT NOT NULL,
  claim       TEXT NOT NULL,               -- of a correction: what is said to be wrong or missing
  phone_id    BLOB NOT NULL,
  shown       TEXT NOT NULL,
  group_id    INTEGER NOT NULL,
  state       TEXT NOT NULL,               -- open | locked | answered | refused
  received_at INTEGER NOT NULL,
  keep_until  INTEGER NOT NULL,            -- of locked: before it nothing may be erased
  note        TEXT NOT NULL,
  by_staff    INTEGER NOT NULL,
  content     BLOB NOT NULL,               -- sealed: the copy that is handed over
  copy_until  INTEGER NOT NULL,            -- until when the copy is kept
  updated_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX person_request_phone ON person_request(phone_id);

-- Nothing of what a hold names is erased (LOG-07).
CREATE TABLE legal_hold (
  id             INTEGER PRIMARY KEY,
  kind           TEXT NOT NULL,            -- person | message | party
  phone_id       BLOB NOT NULL,            -- empty for a party
  group_id       INTEGER NOT NULL,         -- 0: towards everybody
  object_id      INTEGER NOT NULL,         -- message or party
  reference      TEXT NOT NULL,
  reason         TEXT NOT NULL,
  by_staff       INTEGER NOT NULL,
  at             INTEGER NOT NULL,
  released_at    INTEGER NOT NULL,
  released_by    INTEGER NOT NULL,
  release_reason TEXT NOT NULL
) STRICT;
CREATE INDEX legal_hold_open ON legal_hold(phone_id) WHERE released_at = 0;

-- Leaks, changes and losses of personal information (PRV-10).
CREATE TABLE incident (
  id            INTEGER PRIMARY KEY,
  found_at      INTEGER NOT NULL,
  kinds         TEXT NOT NULL,             -- what the notices tell: PIPL Art. 57 …
  cause         TEXT NOT NULL,
  harm          TEXT NOT NULL,
  measures      TEXT NOT NULL,
  advice        TEXT NOT NULL,
  contact       TEXT NOT NULL,             -- the operator's own
  persons       INTEGER NOT NULL,          -- 0 is not known
  parties       TEXT NOT NULL,             -- … ids with commas between them
  personal      INTEGER NOT NULL,
  large         INTEGER NOT NULL,
  public        INTEGER NOT NULL,          -- it may harm state security or the public interest
  state         TEXT NOT NULL,             -- open | closed
  opened_by     INTEGER NOT NULL,          -- staff
  contained_at  INTEGER NOT NULL,
  contained     TEXT NOT NULL,             -- what shows it
  reported_at   INTEGER NOT NULL,          -- to the authority
  reported      TEXT NOT NULL,
  people_at     INTEGER NOT NULL,
  people_told   TEXT NOT NULL,
  closed_at     INTEGER NOT NULL,
  closed_reason TEXT NOT NULL,
  updated_at    INTEGER NOT NULL
) STRICT;

-- What agents answered about how they protect users' information (PRV-14).
CREATE TABLE agent_answers (
  id       INTEGER PRIMARY KEY,
  party_id INTEGER NOT NULL REFERENCES party(id),
  answers  TEXT NOT NULL,                  -- JSON, no personal data
  said_by  TEXT NOT NULL,                  -- role of who answered
  at       INTEGER NOT NULL,
  by_staff INTEGER NOT NULL
) STRICT;
CREATE INDEX agent_answers_party ON agent_answers(party_id, id);

-- What a person of the staff tells of: a planned change, a request of an authority, a lead,
-- illegal content. Registers of LOG-06 and FRD-03.
CREATE TABLE occurrence (
  id        INTEGER PRIMARY KEY,
  event     TEXT NOT NULL,
  at        INTEGER NOT NULL,
  reference TEXT NOT NULL,
  facts     TEXT NOT NULL,                 -- JSON, no personal data
  note      TEXT NOT NULL,
  by_staff  INTEGER NOT NULL,
  recorded  INTEGER NOT NULL
) STRICT;

CREATE TABLE duty (
  id         INTEGER PRIMARY KEY,
  rule       TEXT NOT NULL,
  event      TEXT NOT NULL,
  object_id  INTEGER NOT NULL,             -- complaint, request, licence …; 0 is the operator
  period     TEXT NOT NULL,                -- of what comes again: 2026 …
  owner      TEXT NOT NULL,                -- role
  created_at INTEGER NOT NULL,
  due_at     INTEGER NOT NULL,
  remind_at  INTEGER NOT NULL,             -- next reminder, 0 when none is left
  done_at    INTEGER NOT NULL,
  done_by    INTEGER NOT NULL,             -- of the staff, 0 is the program
  note       TEXT NOT NULL,
  evidence   TEXT NOT NULL                 -- what shows it: number of a receipt, hash of a file
) STRICT;
CREATE UNIQUE INDEX duty_key ON duty(rule, object_id, period);
CREATE INDEX duty_object ON duty(object_id);
CREATE INDEX duty_open ON duty(due_at) WHERE done_at = 0;
CREATE INDEX duty_remind ON duty(remind_at) WHERE remind_at <> 0;

-- Who saw a number, a text or somebody's evidence, and why (PRV-16).
CREATE TABLE access (
  id        INTEGER PRIMARY KEY,
  at        INTEGER NOT NULL,
  by_key    INTEGER NOT NULL,
  by_staff  INTEGER NOT NULL,
  what      TEXT NOT NULL,                 -- reveal | evidence | case_file | copy
  object_id INTEGER NOT NULL,
  reason    TEXT NOT NULL
) STRICT;

-- What customers are told ---------------------------------------------------

CREATE TABLE event (
  id             INTEGER PRIMARY KEY,
  application_id INTEGER NOT NULL,
  kind           TEXT NOT NULL,            -- report | mo | optout | signature | template | measure | campaign | part | duty
  object_id      INTEGER NOT NULL,         -- message, MO, signature …
  body           TEXT NOT NULL,            -- JSON, numbers masked
  at             INTEGER NOT NULL,
  via            INTEGER NOT NULL DEFAULT 0, -- sp_account that is to be told by its own protocol
  told_at        INTEGER                   -- when it acknowledged that
) STRICT;
CREATE INDEX event_untold ON event(via, id) WHERE via <> 0 AND told_at IS NULL;
CREATE INDEX event_application ON event(application_id, id);

-- How far an application has pulled its events by a cloud's dialect, which consumes them.
CREATE TABLE pull_cursor (
  application_id INTEGER NOT NULL REFERENCES application(id),
  kind           TEXT NOT NULL,            -- report | mo
  after          INTEGER NOT NULL,         -- id of the last event that was pulled
  PRIMARY KEY (application_id, kind)
) STRICT, WITHOUT ROWID;

-- A webhook is a cursor over its application's events.
CREATE TABLE webhook (
  id             INTEGER PRIMARY KEY,
  application_id INTEGER NOT NULL REFERENCES application(id),
  url            TEXT NOT NULL,
  secret         BLOB NOT NULL,            -- sealed
  format         TEXT NOT NULL,            -- '' is our own, else aliyun | tencent | twilio
  key_id         INTEGER NOT NULL,         -- of twilio: the key whose secret signs, else 0
  named          INTEGER NOT NULL,         -- 1: only messages that name it as their StatusCallback
  kinds          TEXT NOT NULL,            -- comma-separated, '' is all
  state          TEXT NOT NULL,            -- active | paused
  sent_to        INTEGER NOT NULL,         -- id of the last event that was delivered or given up
  replay_from    INTEGER NOT NULL DEFAULT 0, -- events above it are sent again …
  replay_to      INTEGER NOT NULL DEFAULT 0, -- … up to this one
  failing_since  INTEGER NOT NULL DEFAULT 0,
  attempts       INTEGER NOT NULL DEFAULT 0,
  next_at        INTEGER NOT NULL DEFAULT 0,
  claimed_until  INTEGER NOT NULL DEFAULT 0,
  created_at     INTEGER NOT NULL
) STRICT;
CREATE INDEX webhook_application ON webhook(application_id);

CREATE TABLE webhook_delivery (
  id         INTEGER PRIMARY KEY,
  webhook_id INTEGER NOT NULL,
  first_id   INTEGER NOT NULL,             -- events of the batch
  last_id    INTEGER NOT NULL,
  count      INTEGER NOT NULL,
  attempt    INTEGER NOT NULL,
  state      TEXT NOT NULL,                -- delivered | failed | dead
  status     INTEGER NOT NULL,             -- of HTTP, 0 when there was none
  millis     INTEGER NOT NULL,
  error      TEXT NOT NULL,
  at         INTEGER NOT NULL
) STRICT;
CREATE INDEX webhook_delivery_log ON webhook_delivery(webhook_id, id);

-- Evidence ------------------------------------------------------------------

CREATE TABLE evidence_leaf (
  id            INTEGER PRIMARY KEY,
  kind          TEXT NOT NULL,
  at            INTEGER NOT NULL,
  leaf          BLOB NOT NULL,
  record_hashes BLOB NOT NULL,
  origin        TEXT,
  tree_index    INTEGER
) STRICT;
CREATE INDEX evidence_leaf_pending ON evidence_leaf(id) WHERE tree_index IS NULL;
CREATE UNIQUE INDEX evidence_leaf_index ON evidence_leaf(origin, tree_index) WHERE tree_index IS NOT NULL;

CREATE TABLE evidence_tile (
  origin TEXT NOT NULL,
  path   TEXT NOT NULL,
  data   BLOB NOT NULL,
  PRIMARY KEY (origin, path)
) STRICT;

CREATE TABLE evidence_checkpoint (
  origin TEXT NOT NULL,
  size   INTEGER NOT NULL,
  note   TEXT NOT NULL,
  at     INTEGER NOT NULL,
  epoch  INTEGER NOT NULL,
  PRIMARY KEY (origin, size)
) STRICT;

-- Records that no other table holds: what administrators did, new origins.
CREATE TABLE evidence_record (
  leaf_id  INTEGER NOT NULL,
  leaf_pos INTEGER NOT NULL,
  kind     TEXT NOT NULL,
  object_id INTEGER NOT NULL,
  record   TEXT NOT NULL,                  -- JSON; no number, no text in clear
  PRIMARY KEY (leaf_id, leaf_pos)
) STRICT, WITHOUT ROWID;
CREATE INDEX evidence_record_object ON evidence_record(object_id);

-- Cosignatures of witnesses under published checkpoints.
CREATE TABLE evidence_cosignature (
  origin  TEXT NOT NULL,
  size    INTEGER NOT NULL,
  witness TEXT NOT NULL,
  line    TEXT NOT NULL,                   -- the signature line of the note
  at      INTEGER NOT NULL,
  PRIMARY KEY (origin, size, witness)
) STRICT, WITHOUT ROWID;

CREATE TABLE setting (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
