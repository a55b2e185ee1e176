<?php
declare(strict_types=1);
namespace usdtcnpay;

const ANSWER = [200, 'success']; // 200 acknowledges, with any text
const NAMES = ['amount', 'chargeNo', 'orderNo', 'timestamp', 'zt']; // in byte order

/** The event, or an exception. One function for both URLs: zt says which it is. */
function verify(array $headers, string $raw, array $secrets, float $now): array
{
    $told = json_decode($raw, true, 2, JSON_THROW_ON_ERROR);
    if (!is_array($told) || count($told) !== 6 || count(array_filter($told, 'is_string')) !== 6
        || array_diff([...NAMES, 'sign'], array_keys($told))
        || !preg_match('/^[0-9]+(\.[0-9]+)?$/D', $told['amount']) || !preg_match('/^[0-9]{10}$/D', $told['timestamp'])) {
        throw new \UnexpectedValueException('fields');
    }
    $text = implode('&', array_map(fn ($name) => "$name=$told[$name]", NAMES));
    if (substr_count($text, '&') !== 4) { // or values could be cut differently
        throw new \UnexpectedValueException('fields');
    }
    $isSigned = false;
    foreach ($secrets as $secret) {
        $isSigned = hash_equals(hash_hmac('sha256', $text, $secret), $told['sign']) || $isSigned;
    }
    if (!$isSigned) {
        throw new \UnexpectedValueException('sign');
    }
    if (abs($now - (int) $told['timestamp']) > 300) {
        throw new \UnexpectedValueException('time');
    }
    return ['key' => $told['chargeNo'], 'state' => $told['zt'], 'at' => (int) $told['timestamp'], 'told' => $told];
}
