package readme_test

// What stands around a snippet to make a program of it.

func nodeFiles(snippet string) map[string]string {
	return map[string]string{"main.mjs": snippet + `
import { readFileSync } from 'node:fs';
for (const line of readFileSync(0, 'utf8').trimEnd().split('\n')) {
  const [secret, id, at, signature, body] = line.split('\t');
  const headers = {};
  if (id) headers['webhook-id'] = id;
  if (at) headers['webhook-timestamp'] = at;
  if (signature) headers['webhook-signature'] = signature;
  console.log(verify(secret, headers, Buffer.from(body, 'base64')));
}
`}
}

func pythonFiles(snippet string) map[string]string {
	return map[string]string{"main.py": snippet + `

import sys
for line in sys.stdin.buffer.read().decode().splitlines():
    secret, *values, body = line.split("\t")
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    headers = {name: value for name, value in zip(names, values) if value}
    print("true" if verify(secret, headers, base64.b64decode(body)) else "false")
`}
}

func goFiles(snippet string) map[string]string {
	return map[string]string{
		"verify.go": `package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

` + snippet,
		"main.go": `package main

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"strings"
)

func main() {
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		part := strings.Split(in.Text(), "\t")
		header := http.Header{}
		for i, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
			if part[i+1] != "" {
				header.Set(name, part[i+1])
			}
		}
		body, err := base64.StdEncoding.DecodeString(part[4])
		if err != nil {
			panic(err)
		}
		fmt.Println(Verify(part[0], header, body))
	}
}
`,
	}
}

func javaFiles(snippet string) map[string]string {
	return map[string]string{"Main.java": `import static java.nio.charset.StandardCharsets.UTF_8;

import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

public class Main {
` + snippet + `
    public static void main(String[] args) throws Exception {
        for (String line : new String(System.in.readAllBytes(), UTF_8).split("\n")) {
            String[] part = line.split("\t");
            Map<String, String> headers = new HashMap<>();
            String[] names = {"webhook-id", "webhook-timestamp", "webhook-signature"};
            for (int i = 0; i < names.length; i++)
                if (!part[i + 1].isEmpty()) headers.put(names[i], part[i + 1]);
            System.out.println(verify(part[0], headers, Base64.getDecoder().decode(part[4])));
        }
    }
}
`}
}
