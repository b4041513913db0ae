package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/jobhook/jobhook/internal/emulators"
)

// deploy runs sam deploy and sam delete with samconfig.toml as it is, against
// tools/sam_moto.py: the package is made and uploaded, the change set created,
// translated and executed, the outputs read. What CloudFormation refuses on AWS
// moto may not; internal/rehearse judges the stack itself.
func (c *checker) deploy(ctx context.Context) error {
	began := time.Now()
	url, stop, err := startMoto(ctx)
	if err != nil {
		return err
	}
	defer stop()
	c.ok(began, "moto, with SAM's translator for CloudFormation", "")
	config, err := filepath.Abs("samconfig.toml")
	if err != nil {
		return err
	}
	c.aws = url
	shared := []string{"deploy", "--template-file", c.template(), "--config-file", config, "--no-progressbar"}
	for _, step := range []struct {
		also []string
		says string
	}{
		{nil, "Successfully created/updated stack - jobhook"},
		{nil, "No changes to deploy"},
		{[]string{"--parameter-overrides", "Schedule=1m,5m Receive=enabled"}, "Successfully created/updated stack - jobhook"},
	} {
		if err := c.verb(ctx, append(shared, step.also...), "sam deploy "+strings.Join(step.also, " "), step.says); err != nil {
			return err
		}
	}
	return c.remove(ctx, config)
}

// remove deletes the stack and sees that it is gone.
func (c *checker) remove(ctx context.Context, config string) error {
	if err := c.verb(ctx, []string{"delete", "--config-file", config, "--no-prompts", "--region", "us-east-1"}, "sam delete --no-prompts", "Deleted successfully"); err != nil {
		return err
	}
	if _, all, err := c.sam(ctx, nil, "list", "resources", "--stack-name", "jobhook", "--region", "us-east-1", "--output", "json"); err == nil {
		return fmt.Errorf("after sam delete the stack is still there: %s", all)
	} else if !strings.Contains(err.Error(), "does not exist") {
		return err
	}
	return c.left(ctx)
}

// left sees that the tables are kept, as the template says, and no queue is.
func (c *checker) left(ctx context.Context) error {
	tables, err := dynamodb.NewFromConfig(emulators.Config(c.aws)).ListTables(ctx, &dynamodb.ListTablesInput{})
	if err != nil {
		return err
	}
	queues, err := sqs.NewFromConfig(emulators.Config(c.aws)).ListQueues(ctx, &sqs.ListQueuesInput{})
	if err != nil {
		return err
	}
	if len(tables.TableNames) != 3 || len(queues.QueueUrls) != 0 {
		return fmt.Errorf("sam delete leaves the tables %s and the queues %s; want three and none", tables.TableNames, queues.QueueUrls)
	}
	fmt.Fprintf(c.out, "            kept: %s\n", strings.Join(tables.TableNames, ", "))
	return nil
}

func (c *checker) verb(ctx context.Context, args []string, did, says string) error {
	began := time.Now()
	_, all, err := c.sam(ctx, nil, args...)
	if err != nil {
		return err
	}
	if !strings.Contains(all, says) {
		return fmt.Errorf("%s does not say %q:\n%s", did, says, all)
	}
	came := says
	if args[0] == "deploy" {
		resources, err := c.resources(ctx)
		if err != nil {
			return err
		}
		came = fmt.Sprintf("%s: %d resources", says, resources)
	}
	c.ok(began, strings.TrimSpace(did), came)
	return nil
}

// resources counts the stack's, as sam list tells them.
func (c *checker) resources(ctx context.Context) (int, error) {
	stdout, _, err := c.sam(ctx, nil, "list", "resources", "--stack-name", "jobhook", "--region", "us-east-1", "--output", "json")
	if err != nil {
		return 0, err
	}
	var list []struct{ LogicalResourceID, PhysicalResourceID string }
	if err := json.Unmarshal([]byte(stdout), &list); err != nil {
		return 0, fmt.Errorf("sam list resources says %q: %w", stdout, err)
	}
	return len(list), nil
}

// startMoto runs tools/sam_moto.py; closing its standard input ends it, however
// this process ends.
func startMoto(ctx context.Context) (url string, stop func(), err error) {
	const log = ".bin/sam-moto.log"
	said, err := os.Create(log)
	if err != nil {
		return "", nil, fmt.Errorf("moto: %w", err)
	}
	defer said.Close()
	process := exec.Command(".venv/bin/python", "tools/sam_moto.py")
	process.Stderr = said
	input, err := process.StdinPipe()
	if err != nil {
		return "", nil, fmt.Errorf("moto: %w", err)
	}
	output, err := process.StdoutPipe()
	if err != nil {
		return "", nil, fmt.Errorf("moto: %w", err)
	}
	if err := process.Start(); err != nil {
		return "", nil, fmt.Errorf("moto: %w", err)
	}
	stop = func() {
		_ = input.Close()
		_ = process.Wait()
	}
	defer context.AfterFunc(ctx, func() { _ = input.Close() })()
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		stop()
		return "", nil, fmt.Errorf("moto did not start (%s says why): %w", log, err)
	}
	return strings.TrimSpace(strings.TrimPrefix(line, "listening on ")), stop, nil
}
