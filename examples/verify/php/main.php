<?php
// How examples_test.go runs verify.php.
require __DIR__ . '/verify.php';

[, $kind, $secret] = $argv;
$body = stream_get_contents(STDIN);
if ($kind === 'standard') {
    $headers = ['webhook-id' => $argv[3], 'webhook-timestamp' => $argv[4], 'webhook-signature' => $argv[5]];
    $ok = verify_webhook($secret, $headers, $body, (int) $argv[6]);
} else {
    $ok = verify_body($secret, $argv[3], $body, $argv[4]);
}
echo $ok ? "true\n" : "false\n";
