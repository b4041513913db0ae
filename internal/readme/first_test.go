package readme_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait: reached only when something is broken.
const patience = time.Minute

// terminal is a program that is read line by line, and written to.
type terminal struct {
	t     *testing.T
	in    io.Writer
	lines chan string
	said  []string
}

func open(t *testing.T, dir string, env []string, name string, args ...string) *terminal {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	term := &terminal{t: t, in: in, lines: make(chan string, 1000)}
	go func() {
		defer close(term.lines)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			term.lines <- scan.Text()
		}
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // with what a shell has left running
		_ = cmd.Wait()
		_ = w.Close()
	})
	return term
}

func (term *terminal) paste(text string) {
	if _, err := io.WriteString(term.in, text+"\n"); err != nil {
		term.t.Fatal(err)
	}
}

// await returns what follows a line's beginning.
func (term *terminal) await(begin string) string {
	term.t.Helper()
	late := time.After(patience)
	for {
		select {
		case line, more := <-term.lines:
			if rest, ok := strings.CutPrefix(line, begin); ok {
				return rest
			}
			if term.said = append(term.said, line); !more {
				term.t.Fatalf("it ended without a line that begins %q:\n%s", begin, strings.Join(term.said, "\n"))
			}
		case <-late:
			term.t.Fatalf("no line begins %q:\n%s", begin, strings.Join(term.said, "\n"))
		}
	}
}

// freePort is one that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// The commands of "Your own endpoint, on your own machine", pasted: the first
// delivery verifies with the secret that the API printed, in Node and by
// openssl, and a job's own URL with the one that jobhook secret prints.
func TestYourOwnEndpoint(t *testing.T) {
	for _, name := range []string{"bash", "curl", "openssl"} {
		need(t, name, false)
	}
	need(t, "node", true)
	_, section, _ := strings.Cut(page(t, "README.md"), "\n## Your own endpoint, on your own machine\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var blocks []string
	for _, part := range strings.Split(section, "\n```sh\n")[1:] {
		block, _, _ := strings.Cut(part, "\n```")
		blocks = append(blocks, block)
	}
	if len(blocks) != 4 {
		t.Fatalf("the section has %d blocks of commands; this test knows what to wait for after each of 4", len(blocks))
	}

	dir := t.TempDir()
	api, hook := freePort(t), freePort(t)
	build, serve, _ := strings.Cut(blocks[0], "\n")
	if build != "go build -o .bin/ ./cmd/jobhook" || serve != ".bin/jobhook local --allow-loopback" {
		t.Fatalf("the first block is %q", blocks[0])
	}
	bin := filepath.Join(dir, ".bin") + "/"
	command(t, top, "", []string{"go", "build", "-o", bin, "./cmd/jobhook"})
	examples, err := filepath.Abs(top + "examples")
	if err == nil {
		err = os.Symlink(examples, filepath.Join(dir, "examples"))
	}
	if err != nil {
		t.Fatal(err)
	}
	// What curl tells of its progress, where it writes to no terminal, would end
	// up in the middle of the receiver's lines.
	if err := os.WriteFile(filepath.Join(dir, ".curlrc"), []byte("silent\nshow-error\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	open(t, dir, []string{"JOBHOOK_API_KEY="}, bin+"jobhook", "local", "--allow-loopback", "--listen", "127.0.0.1:"+api).await("jobhook serves ")

	own := strings.NewReplacer("127.0.0.1:8787", "127.0.0.1:"+api, "127.0.0.1:9000", "127.0.0.1:"+hook)
	shell := open(t, dir, []string{"PORT=" + hook, "CURL_HOME=" + dir}, "bash", "--norc")
	shell.paste(own.Replace(blocks[1]))
	shell.await("listening")
	shell.paste(own.Replace(blocks[2]))
	signature := "v1," + strings.Fields(shell.await("verified v1,"))[0]
	digest := func(secret string) string {
		shell.paste(secret + "\necho \"openssl: v1,$(" + blocks[3] + ")\"")
		return shell.await("openssl: ")
	}
	if got := digest(""); got != signature {
		t.Errorf("openssl says %s of the first delivery, signed %s", got, signature)
	}

	shell.paste(own.Replace(fmt.Sprintf(`curl -s http://127.0.0.1:8787/v1/accounts/acme/events -H 'Content-Type: application/json' -d '%s'`,
		`{"id":"job-2","status":"success","type":"summarize","callback_url":"http://127.0.0.1:9000/webhooks?job=2"}`)))
	signature = strings.Fields(shell.await("NOT verified "))[0]
	if got := digest(""); got == signature {
		t.Error("the job's own URL is signed with the endpoint's secret")
	}
	const secretOf = ".bin/jobhook secret --account acme --data .jobhook"
	if !strings.Contains(section, "`"+secretOf+"`") {
		t.Errorf("the section does not say %s", secretOf)
	}
	if got := digest("WEBHOOK_SECRET=$(" + secretOf + ")"); got != signature {
		t.Errorf("openssl says %s of the job's own URL, signed %s", got, signature)
	}
}
