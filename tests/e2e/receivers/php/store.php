<?php
declare(strict_types=1);

function open_store(string $path): PDO
{
    $db = new PDO("sqlite:$path", options: [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]);
    $db->exec('CREATE TABLE IF NOT EXISTS told (key TEXT PRIMARY KEY, state TEXT NOT NULL, at INTEGER NOT NULL)');
    return $db;
}

/** False for a repeat, and for what is older than what is known. Book the event in the same transaction. */
function is_news(PDO $db, array $event): bool
{
    $upsert = $db->prepare('INSERT INTO told VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE
        SET state = excluded.state, at = excluded.at WHERE told.state <> excluded.state AND told.at <= excluded.at');
    $upsert->execute([$event['key'], $event['state'], $event['at']]);
    return $upsert->rowCount() === 1;
}
