import sqlite3


def open_store(path):
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE IF NOT EXISTS told (key TEXT PRIMARY KEY, state TEXT NOT NULL, at INTEGER NOT NULL)")
    return db


def is_news(db, event):
    """False for a repeat, and for what is older than what is known. Book the event in the same transaction."""
    upsert = """INSERT INTO told VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET state = excluded.state, at = excluded.at
                WHERE told.state <> excluded.state AND told.at <= excluded.at"""
    return db.execute(upsert, (event["key"], event["state"], event["at"])).rowcount == 1
