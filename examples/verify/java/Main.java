import java.util.Map;

// How examples_test.go runs Verify.java.
public class Main {
    public static void main(String[] args) throws Exception {
        byte[] body = System.in.readAllBytes();
        if (args[0].equals("standard")) {
            Map<String, String> headers = Map.of("webhook-id", args[2], "webhook-timestamp", args[3], "webhook-signature", args[4]);
            System.out.println(Verify.verifyWebhook(args[1], headers, body, Long.parseLong(args[5])));
        } else {
            System.out.println(Verify.verifyBody(args[1], args[2], body, args[3].equals("base64")));
        }
    }
}
