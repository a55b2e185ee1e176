<?php
declare(strict_types=1);
namespace udun;

const ANSWER = [200, 'success']; // 200 acknowledges, with any text

/** The event, or an exception. */
function verify(array $headers, string $raw, array $secrets, float $now): array
{
    parse_str($raw, $form);
    ksort($form);
    if (array_keys($form) !== ['body', 'nonce', 'sign', 'timestamp'] || count(array_filter($form, 'is_string')) !== 4) {
        throw new \UnexpectedValueException('fields');
    }
    ['body' => $body, 'nonce' => $nonce, 'timestamp' => $at] = $form;
    // Their lengths are fixed, or the text could be cut differently.
    if (!preg_match('/^[A-Za-z0-9]{6}$/D', $nonce) || !preg_match('/^[0-9]{13}$/D', $at)) {
        throw new \UnexpectedValueException('fields');
    }
    $isSigned = false;
    foreach ($secrets as $key) {
        $isSigned = hash_equals(md5($body . $key . $nonce . $at), $form['sign']) || $isSigned;
    }
    if (!$isSigned) {
        throw new \UnexpectedValueException('sign');
    }
    if (abs($now * 1000 - (int) $at) > 300_000) {
        throw new \UnexpectedValueException('time');
    }
    $told = json_decode($body, true, 2, JSON_THROW_ON_ERROR);
    if (!is_string($told['tradeId'] ?? null) || !isset($told['status'])) {
        throw new \UnexpectedValueException('fields');
    }
    return ['key' => $told['tradeId'], 'state' => (string) $told['status'], 'at' => (int) $at, 'told' => $told];
}
