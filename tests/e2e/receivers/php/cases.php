<?php
declare(strict_types=1);
// Judges cases for the tests: one JSON object a line in, one out. A case with a store is also looked up there.
require __DIR__ . '/store.php';
$stores = [];
foreach (file(getenv('CASES'), FILE_IGNORE_NEW_LINES) as $line) {
    $case = json_decode($line, true, 32, JSON_THROW_ON_ERROR);
    require_once __DIR__ . "/{$case['module']}.php";
    $raw = base64_decode($case['raw'], true);
    try {
        $verify = "{$case['module']}\\verify";
        $verdict = $verify($case['headers'], $raw, $case['secrets'], $case['now'], ...($case['options'] ?? []));
        if (isset($case['store'])) {
            $stores[$case['store']] ??= open_store(':memory:');
            $verdict['news'] = is_news($stores[$case['store']], $verdict);
        }
    } catch (UnexpectedValueException | JsonException $refused) {
        $verdict = ['refused' => $refused->getMessage()];
    }
    echo json_encode($verdict, JSON_THROW_ON_ERROR | JSON_UNESCAPED_UNICODE), "\n";
}
