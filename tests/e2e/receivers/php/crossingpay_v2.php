<?php
declare(strict_types=1);
namespace crossingpay_v2;

const ANSWER = [200, 'success']; // exactly this acknowledges
const NAMES = ['amount', 'appid', 'localusermark', 'orderid', 'sign', 't'];

/** The event, or an exception. $orders: order id to [username, address] as registered, for option A; none: option B. */
function verify(array $headers, string $raw, array $secrets, float $now, ?array $orders = null): array
{
    $told = json_decode($raw, true, 2, JSON_THROW_ON_ERROR);
    if (!is_array($told) || count($told) !== 6 || count(array_filter($told, 'is_string')) !== 6
        || array_diff(NAMES, array_keys($told))
        || !preg_match('/^[0-9]+$/D', $told['amount']) || !preg_match('/^[0-9]{10}$/D', $told['t'])) {
        throw new \UnexpectedValueException('fields');
    }
    $values = [$told['appid'], $told['localusermark'], $told['orderid'], $told['amount'], $told['t']];
    if ($orders !== null) {
        [$username, $address] = $orders[$told['orderid']] ?? throw new \UnexpectedValueException('order');
        array_splice($values, 1, 1, [$username, $told['localusermark'], $address]);
    }
    if (str_contains(implode('', $values), '|')) { // or values could be cut differently
        throw new \UnexpectedValueException('fields');
    }
    $isSigned = false;
    foreach ($secrets as $secret) {
        $isSigned = hash_equals(md5(implode('|', [...$values, $secret])), $told['sign']) || $isSigned;
    }
    if (!$isSigned) {
        throw new \UnexpectedValueException('sign');
    }
    if (abs($now - (int) $told['t']) > 300) {
        throw new \UnexpectedValueException('time');
    }
    return ['key' => "$told[appid] $told[orderid]", 'state' => '', 'at' => (int) $told['t'], 'told' => $told];
}
