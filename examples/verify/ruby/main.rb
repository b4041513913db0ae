# How examples_test.go runs verify.rb.
require_relative 'verify'

kind, secret, *rest = ARGV
body = $stdin.binmode.read
if kind == 'standard'
  headers = { 'webhook-id' => rest[0], 'webhook-timestamp' => rest[1], 'webhook-signature' => rest[2] }
  puts verify_webhook(secret, headers, body, rest[3].to_i)
else
  puts verify_body(secret, rest[0], body, rest[1].to_sym)
end
