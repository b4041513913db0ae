import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.HexFormat;
import java.util.Map;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

public class Verify {
    // Standard Webhooks. headers: by lower-case names; body: the raw bytes
    // (request.getInputStream().readAllBytes()), never a parsed object written anew.
    static boolean verifyWebhook(String secret, Map<String, String> headers, byte[] body, long nowSeconds)
            throws GeneralSecurityException {
        String id = headers.getOrDefault("webhook-id", "");
        String timestamp = headers.getOrDefault("webhook-timestamp", "");
        if (id.isEmpty() || !timestamp.matches("[0-9]{1,12}") || Math.abs(nowSeconds - Long.parseLong(timestamp)) > 300) {
            return false;
        }
        byte[] key = secret.startsWith("whsec_")
                ? Base64.getDecoder().decode(secret.substring(6))
                : secret.getBytes(StandardCharsets.UTF_8);
        byte[] want = hmac(key, (id + "." + timestamp + ".").getBytes(StandardCharsets.UTF_8), body);
        boolean found = false;
        for (String part : headers.getOrDefault("webhook-signature", "").split(" ")) {
            if (part.startsWith("v1,")) {
                found |= equal(part.substring(3), want, true);
            }
        }
        return found;
    }

    // The older profiles sign the body alone: in hex (SharpAPI's X-Signature,
    // X-Antinium-Signature) or in base64 (Unitary's X-Hub-Signature-256).
    static boolean verifyBody(String secret, String signature, byte[] body, boolean base64) throws GeneralSecurityException {
        return equal(signature, hmac(secret.getBytes(StandardCharsets.UTF_8), new byte[0], body), base64);
    }

    private static byte[] hmac(byte[] key, byte[] before, byte[] body) throws GeneralSecurityException {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key, "HmacSHA256"));
        mac.update(before);
        return mac.doFinal(body);
    }

    private static boolean equal(String signature, byte[] want, boolean base64) {
        try {
            byte[] got = base64 ? Base64.getDecoder().decode(signature) : HexFormat.of().parseHex(signature);
            return MessageDigest.isEqual(got, want); // constant time
        } catch (IllegalArgumentException e) {
            return false;
        }
    }
}
