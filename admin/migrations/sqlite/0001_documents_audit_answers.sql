-- Documents with compare-and-set, the hash-chained audit log, and answers kept for Idempotency-Key.

-- The one row that every commit advances: a writer that looked at an older world fails here.
CREATE TABLE world (
    only_row   INTEGER PRIMARY KEY CHECK (only_row = 1),
    generation INTEGER NOT NULL,
    audit_seq  INTEGER NOT NULL,
    audit_hash BLOB    NOT NULL
) STRICT;
INSERT INTO world VALUES (1, 0, 0, zeroblob(32));

CREATE TABLE resource (
    kind       TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    generation INTEGER NOT NULL,
    body       TEXT    NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    seq           INTEGER PRIMARY KEY,
    generation    INTEGER NOT NULL,
    at_unix_ms    INTEGER NOT NULL,
    actor         TEXT    NOT NULL,
    action        TEXT    NOT NULL,
    subject       TEXT    NOT NULL,
    detail        TEXT    NOT NULL,
    traceparent   TEXT,
    previous_hash BLOB    NOT NULL,
    hash          BLOB    NOT NULL
) STRICT;
CREATE INDEX audit_by_actor ON audit (actor, seq);
CREATE INDEX audit_by_subject ON audit (subject, seq);

CREATE TABLE answer (
    actor              TEXT    NOT NULL,
    idempotency_key    TEXT    NOT NULL,
    request_sha256     BLOB    NOT NULL,
    status             INTEGER NOT NULL,
    body               TEXT    NOT NULL,
    created_at_unix_ms INTEGER NOT NULL,
    PRIMARY KEY (actor, idempotency_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX answer_by_age ON answer (created_at_unix_ms);
