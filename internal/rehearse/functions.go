package rehearse

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jobhook/jobhook/internal/rehearse/gate"
	"github.com/jobhook/jobhook/internal/runtimeapi"
)

// Function is a deployed function: its real binary under its role.
type Function struct {
	Name, Role string
	Timeout    time.Duration

	cloud *Cloud

	mu       sync.Mutex
	version  *version
	policy   []gate.Document // who may invoke it, from outside
	authType string          // of its URL; empty: it has none
}

// version is a function's code with its settings. One that an update has
// replaced ends when its last invocation has.
type version struct {
	runtime  *runtimeapi.Function
	logGroup string
	busy     sync.WaitGroup
	shipped  int
	shipping sync.Mutex
}

type functionProperties struct {
	Handler, Runtime, Role string
	Timeout                number
	Environment            struct{ Variables map[string]scalar }
	LoggingConfig          map[string]string

	Architectures, Code, Description, MemorySize, RecursiveLoop, ReservedConcurrentExecutions, Tags, TracingConfig, VpcConfig any
}

// makeFunction checks what Lambda checks and starts nothing yet.
func makeFunction(_ context.Context, r *resource, p functionProperties) error {
	cloud := r.stack.cloud
	if p.Runtime != "provided.al2023" || p.Handler != "bootstrap" {
		return fmt.Errorf("runtime %s, handler %s", p.Runtime, p.Handler)
	}
	role := strings.TrimPrefix(p.Role, gate.RoleARN(""))
	if _, isRole := cloud.Gate.Role(role); !isRole {
		return fmt.Errorf("%s is no role's ARN", p.Role)
	}
	given, err := variables(p.Environment.Variables)
	if err != nil {
		return err
	}
	binary := r.stack.source.Binaries[r.Logical]
	if binary == "" {
		return errors.New("no binary was built for it")
	}
	timeout := time.Duration(cmp.Or(p.Timeout, 3)) * time.Second
	fresh := &version{logGroup: cmp.Or(p.LoggingConfig["LogGroup"], "/aws/lambda/"+r.Ref), runtime: runtimeapi.New(cloud.tb, runtimeapi.Options{
		Bootstrap: binary, Name: r.Ref, Env: append(given, cloud.environment(role)...), Timeout: timeout,
	})}
	cloud.add("FunctionName", r.Ref)
	cloud.mu.Lock()
	f := cloud.functions[r.Ref]
	if f == nil {
		f = &Function{Name: r.Ref, cloud: cloud}
		cloud.functions[r.Ref] = f
	}
	cloud.mu.Unlock()
	f.mu.Lock()
	old := f.version
	f.version, f.Role, f.Timeout = fresh, role, timeout
	f.mu.Unlock()
	if old != nil {
		go func() { old.busy.Wait(); old.runtime.Close() }()
	}
	return nil
}

// variables are a function's own, as KEY=value; Lambda takes 4 KB of them.
func variables(given map[string]scalar) (list []string, err error) {
	size := 0
	for _, name := range slices.Sorted(maps.Keys(given)) {
		switch local := name == "LOCAL_ADDRESSES" || strings.HasPrefix(name, "AWS_ENDPOINT_URL"); {
		case name == "AWS_SAM_LOCAL":
			return nil, fmt.Errorf("variable %s is for SAM's emulator alone: it opens addresses that are not public", name)
		case local && given[name] != "":
			return nil, fmt.Errorf("variable %s must be empty on AWS", name)
		case !local:
			list = append(list, name+"="+string(given[name]))
			size += len(name) + len(given[name])
		}
	}
	if size > 4096 {
		return nil, fmt.Errorf("variables of %d bytes: Lambda takes 4096", size)
	}
	return list, nil
}

// current is the version that is invoked now.
func (f *Function) current() *version {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.version
}

// Invoke runs the function once and ships what it wrote to its log group, if
// its role lets Lambda do that.
func (f *Function) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	f.mu.Lock()
	v := f.version
	v.busy.Add(1)
	f.mu.Unlock()
	defer v.busy.Done()
	answer, err := v.runtime.Invoke(ctx, payload)
	f.ship(v)
	return answer, err
}

func (f *Function) ship(v *version) {
	v.shipping.Lock()
	defer v.shipping.Unlock()
	lines := v.runtime.Logs().Lines()
	fresh := lines[v.shipped:]
	if v.shipped = len(lines); len(fresh) == 0 {
		return
	}
	stream := gate.ARN("logs", "log-group:"+v.logGroup+":log-stream:rehearsal")
	for _, action := range []string{"logs:CreateLogStream", "logs:PutLogEvents"} {
		if !f.cloud.Gate.Decide(f.Role, action, stream, nil).Allowed {
			return
		}
	}
	f.cloud.mu.Lock()
	defer f.cloud.mu.Unlock()
	if group := f.cloud.logs[v.logGroup]; group != nil {
		*group = append(*group, fresh...)
	}
}

// Starts is how many processes of its present binary there have been.
func (f *Function) Starts() int { return f.current().runtime.Starts() }
