// How examples_test.go runs Webhooks.cs.
public static class Program
{
    public static void Main(string[] args)
    {
        using var input = new MemoryStream();
        Console.OpenStandardInput().CopyTo(input);
        var body = input.ToArray();
        var ok = args[0] == "standard"
            ? Webhooks.VerifyWebhook(args[1], new Dictionary<string, string>
                { ["webhook-id"] = args[2], ["webhook-timestamp"] = args[3], ["webhook-signature"] = args[4] }, body, long.Parse(args[5]))
            : Webhooks.VerifyBody(args[1], args[2], body, args[3] == "hex" ? Convert.FromHexString : Convert.FromBase64String);
        Console.WriteLine(ok ? "true" : "false");
    }
}
