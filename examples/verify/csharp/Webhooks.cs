using System;
using System.Collections.Generic;
using System.Linq;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

public static class Webhooks
{
    // Standard Webhooks. headers: by lower-case names; body: the raw bytes of
    // Request.Body, never a deserialized object serialized anew.
    public static bool VerifyWebhook(string secret, IReadOnlyDictionary<string, string> headers, byte[] body, long nowSeconds)
    {
        var id = headers.GetValueOrDefault("webhook-id", "");
        var timestamp = headers.GetValueOrDefault("webhook-timestamp", "");
        if (id == "" || !Regex.IsMatch(timestamp, "^[0-9]{1,12}\\z") || Math.Abs(nowSeconds - long.Parse(timestamp)) > 300)
            return false;
        var key = secret.StartsWith("whsec_") ? Convert.FromBase64String(secret[6..]) : Encoding.UTF8.GetBytes(secret);
        var signed = Encoding.UTF8.GetBytes($"{id}.{timestamp}.").Concat(body).ToArray();
        var want = HMACSHA256.HashData(key, signed);
        var found = false;
        foreach (var part in headers.GetValueOrDefault("webhook-signature", "").Split(' '))
            if (part.StartsWith("v1,"))
                found |= Same(part[3..], want, Convert.FromBase64String);
        return found;
    }

    // The older profiles sign the body alone: decode is Convert.FromHexString (SharpAPI's
    // X-Signature, X-Antinium-Signature) or Convert.FromBase64String (Unitary's X-Hub-Signature-256).
    public static bool VerifyBody(string secret, string signature, byte[] body, Func<string, byte[]> decode) =>
        Same(signature, HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), body), decode);

    private static bool Same(string signature, byte[] want, Func<string, byte[]> decode)
    {
        try { return CryptographicOperations.FixedTimeEquals(decode(signature), want); }
        catch (FormatException) { return false; }
    }
}
