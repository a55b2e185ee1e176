<?php
declare(strict_types=1);
namespace standard_webhooks;

const ANSWER = [204, '']; // any 2xx acknowledges

/** The event, or an UnexpectedValueException. $secrets: texts that begin with whsec_. */
function verify(array $headers, string $raw, array $secrets, float $now): array
{
    $id = $headers['webhook-id'] ?? '';
    $at = $headers['webhook-timestamp'] ?? '';
    if (!preg_match('/^[A-Za-z0-9_-]+$/D', $id) || !preg_match('/^[0-9]{10}$/D', $at)) {
        throw new \UnexpectedValueException('fields');
    }
    $isSigned = false;
    foreach ($secrets as $secret) {
        $key = base64_decode(preg_replace('/^whsec_/', '', $secret), true);
        if ($key === false) {
            throw new \RuntimeException('a secret is no base64');
        }
        $good = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$at.$raw", $key, true));
        foreach (explode(' ', $headers['webhook-signature'] ?? '') as $sent) {
            $isSigned = hash_equals($good, $sent) || $isSigned;
        }
    }
    if (!$isSigned) {
        throw new \UnexpectedValueException('sign');
    }
    if (abs($now - (int) $at) > 300) {
        throw new \UnexpectedValueException('time');
    }
    $told = json_decode($raw, true, 16, JSON_THROW_ON_ERROR | JSON_BIGINT_AS_STRING);
    return ['key' => $id, 'state' => '', 'at' => (int) $at, 'told' => $told];
}
