<?php
declare(strict_types=1);
// Under PHP-FPM, or for a try: PROTOCOL=udun SECRETS=secrets.txt STORE=told.db php -S 127.0.0.1:8080 receive.php
require __DIR__ . '/store.php';
$protocol = getenv('PROTOCOL');
require __DIR__ . "/$protocol.php";

$raw = file_get_contents('php://input', length: 65536);
$headers = ['content-type' => $_SERVER['CONTENT_TYPE'] ?? ''];
foreach (['webhook-id', 'webhook-timestamp', 'webhook-signature'] as $name) {
    $headers[$name] = $_SERVER['HTTP_' . strtr(strtoupper($name), '-', '_')] ?? '';
}
// One a line; two during a rotation.
$secrets = file(getenv('SECRETS'), FILE_IGNORE_NEW_LINES | FILE_SKIP_EMPTY_LINES);
$options = json_decode(getenv('OPTIONS') ?: '{}', true, 8, JSON_THROW_ON_ERROR);
if ($secrets === false) {
    throw new RuntimeException('no secrets'); // answers 500: it will come again
}
try {
    $event = "$protocol\\verify"($headers, $raw, $secrets, microtime(true), ...$options);
    [$status, $text] = constant("$protocol\\ANSWER");
    $db = open_store(getenv('STORE'));
    $db->beginTransaction();
    if (is_news($db, $event)) {
        error_log(json_encode($event, JSON_THROW_ON_ERROR | JSON_UNESCAPED_UNICODE)); // book it here
    }
    $db->commit();
} catch (UnexpectedValueException | JsonException $refused) {
    [$status, $text] = [401, $refused->getMessage()];
}
http_response_code($status);
echo $text;
