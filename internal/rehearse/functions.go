package rehearse

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jobhook/jobhook/internal/rehearse/cloudformation"
	"github.com/jobhook/jobhook/internal/rehearse/gate"
	"github.com/jobhook/jobhook/internal/rehearse/iam"
	"github.com/jobhook/jobhook/internal/runtimeapi"
)

// Function is a deployed function: its real binary under its role.
type Function struct {
	Name, Logical, Role string
	Timeout             time.Duration

	cloud *Cloud

	mu       sync.Mutex
	version  *version
	policy   []iam.Document // who may invoke it, from outside
	authType string         // of its URL; empty: it has none
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

func makeFunction(_ context.Context, r *resource) (cloudformation.Made, error) {
	cloud, made := r.stack.cloud, r.physical
	if !r.exists {
		name := r.name()
		made = cloudformation.Made{Ref: name, Attributes: map[string]string{"Arn": gate.ARN("lambda", "function:"+name)}}
	}
	fresh, role, err := r.version(made.Ref)
	if err != nil {
		return made, err
	}
	cloud.mu.Lock()
	f := cloud.functions[made.Ref]
	if f == nil {
		f = &Function{Name: made.Ref, Logical: r.logical, cloud: cloud}
		cloud.functions[made.Ref] = f
		cloud.resources["FunctionName"][made.Ref] = true
	}
	cloud.mu.Unlock()
	f.mu.Lock()
	old := f.version
	f.version, f.Role, f.Timeout = fresh, role, time.Duration(r.number("Timeout", 3))*time.Second
	f.mu.Unlock()
	if old != nil {
		go func() { old.busy.Wait(); old.runtime.Close() }()
	}
	return made, nil
}

// version checks what Lambda checks and starts nothing yet.
func (r *resource) version(name string) (*version, string, error) {
	cloud := r.stack.cloud
	if r.text("Runtime") != "provided.al2023" || r.text("Handler") != "bootstrap" {
		return nil, "", fmt.Errorf("runtime %s, handler %s", r.text("Runtime"), r.text("Handler"))
	}
	role, isRole := strings.CutPrefix(r.text("Role"), gate.RoleARN(""))
	if !isRole || !cloud.Gate.HasRole(role) {
		return nil, "", fmt.Errorf("%s is no role's ARN", r.text("Role"))
	}
	variables, err := r.variables()
	if err != nil {
		return nil, "", err
	}
	binary := r.stack.source.Binaries[r.logical]
	if binary == "" {
		return nil, "", errors.New("no binary was built for it")
	}
	group := "/aws/lambda/" + name
	if own := r.at("LoggingConfig", "LogGroup"); own != nil {
		group = cloudformation.Text(own)
	}
	runtime := runtimeapi.New(cloud.tb, runtimeapi.Options{
		Bootstrap: binary, Name: name, Env: append(variables, cloud.environment(role)...),
		Timeout: time.Duration(r.number("Timeout", 3)) * time.Second,
	})
	return &version{runtime: runtime, logGroup: group}, role, nil
}

// variables are the function's own, as KEY=value; Lambda takes 4 KB of them.
func (r *resource) variables() ([]string, error) {
	given, _ := r.at("Environment", "Variables").(map[string]any)
	var list []string
	size := 0
	for _, name := range slices.Sorted(maps.Keys(given)) {
		switch given[name].(type) {
		case map[string]any, []any:
			return nil, fmt.Errorf("variable %s is no text", name)
		}
		value := cloudformation.Text(given[name])
		if name == "AWS_SAM_LOCAL" {
			return nil, fmt.Errorf("variable %s is for SAM's emulator alone: it opens addresses that are not public", name)
		}
		if name == "LOCAL_ADDRESSES" || strings.HasPrefix(name, "AWS_ENDPOINT_URL") {
			if value != "" {
				return nil, fmt.Errorf("variable %s must be empty on AWS", name)
			}
			continue
		}
		list = append(list, name+"="+value)
		size += len(name) + len(value)
	}
	if size > 4096 {
		return nil, fmt.Errorf("variables of %d bytes: Lambda takes 4096", size)
	}
	return list, nil
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

// Crash kills the function's process in the middle of what it does.
func (f *Function) Crash() {
	f.mu.Lock()
	v := f.version
	f.mu.Unlock()
	v.runtime.Crash()
}

func (f *Function) flush() {
	f.mu.Lock()
	v := f.version
	f.mu.Unlock()
	f.ship(v)
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

// Function is a deployed function by its logical name.
func (s *Stack) Function(logical string) *Function {
	s.cloud.mu.Lock()
	defer s.cloud.mu.Unlock()
	return s.cloud.functions[s.Physical(logical)]
}

// Starts is how many processes of its present binary there have been.
func (f *Function) Starts() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.version.runtime.Starts()
}
