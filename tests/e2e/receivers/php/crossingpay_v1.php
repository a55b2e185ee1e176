<?php
declare(strict_types=1);
namespace crossingpay_v1;

const ANSWER = [200, 'success']; // exactly this acknowledges
const NAMES = ['amount', 'appid', 'localusermark', 'orderid', 't']; // in byte order

function sign(array $told, string $secret, string $scheme): string
{
    if ($scheme === 'sha1_kv_upper') {
        $text = implode('', array_map(fn ($name) => $name . $told[$name], NAMES));
        foreach (array_slice(NAMES, 1, 3) as $name) {
            if (substr_count($text, $name) !== 1) { // or values could be cut differently
                throw new \UnexpectedValueException('fields');
            }
        }
        return strtoupper(sha1($text . $secret));
    }
    $text = implode('&', array_map(fn ($name) => "$name=$told[$name]", NAMES));
    if (substr_count($text, '&') !== 4) { // likewise
        throw new \UnexpectedValueException('fields');
    }
    return strtoupper(hash_hmac('sha256', $text, $secret));
}

/** The event, or an exception. $scheme is your app's; never choose it by the length of a sign. */
function verify(array $headers, string $raw, array $secrets, float $now, string $scheme = 'hmac_sha256_sorted'): array
{
    if (str_starts_with($headers['content-type'] ?? '', 'application/json')) {
        $told = json_decode($raw, true, 2, JSON_THROW_ON_ERROR);
    } else {
        parse_str($raw, $told);
    }
    if (!is_array($told) || count($told) !== 6 || count(array_filter($told, 'is_string')) !== 6
        || array_diff([...NAMES, 'sign'], array_keys($told))
        || !preg_match('/^[0-9]+$/D', $told['amount']) || !preg_match('/^[0-9]{10}$/D', $told['t'])) {
        throw new \UnexpectedValueException('fields');
    }
    $isSigned = false;
    foreach ($secrets as $secret) {
        $isSigned = hash_equals(sign($told, $secret, $scheme), $told['sign']) || $isSigned;
    }
    if (!$isSigned) {
        throw new \UnexpectedValueException('sign');
    }
    if (abs($now - (int) $told['t']) > 300) {
        throw new \UnexpectedValueException('time');
    }
    return ['key' => "$told[appid] $told[orderid]", 'state' => '', 'at' => (int) $told['t'], 'told' => $told];
}
