package rehearse

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
)

// request asks tools/rehearse/moto_deploy.py to deploy a stack, or to update it.
type request struct {
	Stack      string            `json:"stack"`
	Directory  string            `json:"directory"`
	Parameters map[string]string `json:"parameters"`
	Settings   bool              `json:"settings"` // check the parameters and deploy nothing
}

// deployment is a stack as moto's CloudFormation made it: conditions applied,
// functions resolved, its resources in order.
type deployment struct {
	Parameters map[string]string
	Resources  []*resource
	Error      string
}

// resource is one resource of a stack.
type resource struct {
	Logical, Type string
	Properties    json.RawMessage
	Ref           string // what Ref gives: a name, a queue's URL, a secret's or a topic's ARN
	ARN           string // empty where GetAtt gives none
	Value         string // of a secret
	Stack         *deployment

	stack  *Stack
	exists bool // before this update
}

// CheckSettings says what CloudFormation would refuse of a template's parameters
// before it makes anything.
func CheckSettings(directory string, parameters map[string]string) error {
	_, err := ask(request{Directory: directory, Parameters: parameters, Settings: true})
	return err
}

// ask has the one moto of this process answer. It takes tenths of a second once
// it runs; starting it takes seconds.
func ask(r request) (*deployment, error) {
	m, err := running()
	if err != nil {
		return nil, err
	}
	if r.Directory, err = filepath.Abs(r.Directory); err != nil {
		return nil, fmt.Errorf("templates: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := json.NewEncoder(m.in).Encode(r); err != nil {
		return nil, fmt.Errorf("moto: %w: %s", err, &m.said)
	}
	line, err := m.out.ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("moto: %w: %s", err, &m.said)
	}
	var d deployment
	if err := json.Unmarshal(line, &d); err != nil {
		return nil, fmt.Errorf("moto's answer: %w", err)
	}
	if d.Error != "" {
		return nil, errors.New(d.Error)
	}
	return &d, nil
}

type moto struct {
	mu   sync.Mutex
	in   io.Writer
	out  *bufio.Reader
	said bytes.Buffer
}

// running is the process, which ends with its input: with this one.
var running = sync.OnceValues(func() (*moto, error) {
	_, here, _, _ := runtime.Caller(0)
	root := filepath.Join(filepath.Dir(here), "../..")
	command := exec.Command(filepath.Join(root, ".venv/bin/python"), filepath.Join(root, "tools/rehearse/moto_deploy.py"))
	m := &moto{}
	command.Stderr = &m.said
	in, err := command.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("moto: %w", err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("moto: %w", err)
	}
	m.in, m.out = in, bufio.NewReader(out)
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("moto: %w; make python installs it", err)
	}
	return m, nil
})
