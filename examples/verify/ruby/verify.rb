require 'openssl'

# Standard Webhooks. headers: by lower-case names; body: the raw bytes
# (request.raw_post in Rails, request.body.read in Rack), never to_json of them.
def verify_webhook(secret, headers, body, now = Time.now.to_i)
  id = headers['webhook-id'].to_s
  timestamp = headers['webhook-timestamp'].to_s
  return false if id.empty? || !timestamp.match?(/\A[0-9]{1,12}\z/) || (now - timestamp.to_i).abs > 300

  key = secret.start_with?('whsec_') ? secret.delete_prefix('whsec_').unpack1('m0') : secret
  want = [OpenSSL::HMAC.digest('SHA256', key, "#{id}.#{timestamp}.".b + body.b)].pack('m0')
  headers['webhook-signature'].to_s.split(' ').any? do |part|
    version, value = part.split(',', 2)
    version == 'v1' && OpenSSL.secure_compare(value.to_s, want)
  end
end

# The older profiles sign the body alone: encoding is :hex (SharpAPI's
# X-Signature, X-Antinium-Signature) or :base64 (Unitary's X-Hub-Signature-256).
def verify_body(secret, signature, body, encoding = :hex)
  digest = OpenSSL::HMAC.digest('SHA256', secret, body)
  want = encoding == :hex ? digest.unpack1('H*') : [digest].pack('m0')
  OpenSSL.secure_compare(encoding == :hex ? signature.to_s.downcase : signature.to_s, want)
end
