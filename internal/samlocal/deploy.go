package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/jobhook/jobhook/internal/emulators"
)

// deploy runs sam deploy and sam delete with samconfig.toml as it is, against
// tools/sam_moto.py: the package is made and uploaded, the change set created,
// translated and executed, the outputs read. What CloudFormation refuses on AWS
// moto may not; internal/rehearse judges the stack itself.
func (c *checker) deploy(ctx context.Context) error {
	stop := func() {}
	defer func() { stop() }()
	err := c.step("moto, with SAM's translator for CloudFormation", func() (_ string, err error) {
		c.aws, stop, err = startMoto(ctx)
		return "", err
	})
	config, noPath := filepath.Abs("samconfig.toml")
	if err := errors.Join(err, noPath); err != nil {
		return err
	}
	const made, overrides = "Successfully created/updated stack - jobhook", "Schedule=1m,5m Receive=enabled"
	shared := []string{"deploy", "--template-file", c.template(), "--config-file", config, "--no-progressbar"}
	remove := []string{"delete", "--config-file", config, "--no-prompts", "--region", "us-east-1"}
	for _, verb := range []struct {
		did, says string
		args      []string
	}{
		{"sam deploy", made, shared},
		{"sam deploy", "No changes to deploy", shared},
		{"sam deploy --parameter-overrides " + overrides, made, append(slices.Clip(shared), "--parameter-overrides", overrides)},
		{"sam delete --no-prompts", "Deleted successfully", remove},
	} {
		err := c.step(verb.did, func() (string, error) {
			_, all, err := c.sam(ctx, nil, verb.args...)
			if err == nil && !strings.Contains(all, verb.says) {
				err = fmt.Errorf("it does not say %q:\n%s", verb.says, all)
			}
			if err != nil {
				return "", err
			}
			left, err := c.left(ctx, verb.args[0] == "delete")
			return verb.says + ": " + left, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// left counts the stack's resources, as sam list tells them. Of a deleted stack
// it sees that it is gone, that the tables are kept, as the template says, and no
// queue is.
func (c *checker) left(ctx context.Context, deleted bool) (string, error) {
	stdout, all, err := c.sam(ctx, nil, "list", "resources", "--stack-name", "jobhook", "--region", "us-east-1", "--output", "json")
	switch {
	case deleted && err == nil:
		return "", fmt.Errorf("the stack is still there: %s", all)
	case err != nil && (!deleted || !strings.Contains(err.Error(), "does not exist")):
		return "", err
	case !deleted:
		var list []struct{ LogicalResourceID, PhysicalResourceID string }
		if err := json.Unmarshal([]byte(stdout), &list); err != nil {
			return "", fmt.Errorf("sam list resources says %q: %w", stdout, err)
		}
		return fmt.Sprintf("%d resources", len(list)), nil
	}
	tables, noTables := dynamodb.NewFromConfig(emulators.Config(c.aws)).ListTables(ctx, &dynamodb.ListTablesInput{})
	queues, noQueues := sqs.NewFromConfig(emulators.Config(c.aws)).ListQueues(ctx, &sqs.ListQueuesInput{})
	if err := errors.Join(noTables, noQueues); err != nil {
		return "", err
	}
	if len(tables.TableNames) != 3 || len(queues.QueueUrls) != 0 {
		return "", fmt.Errorf("it leaves the tables %s and the queues %s; want three and none", tables.TableNames, queues.QueueUrls)
	}
	return "kept are " + strings.Join(tables.TableNames, ", "), nil
}

// startMoto runs tools/sam_moto.py; closing its standard input ends it, however
// this process ends.
func startMoto(ctx context.Context) (url string, stop func(), err error) {
	const log = ".bin/sam-moto.log"
	stop = func() {}
	said, err := os.Create(log)
	if err != nil {
		return "", stop, err
	}
	defer said.Close()
	process := exec.CommandContext(ctx, ".venv/bin/python", "tools/sam_moto.py")
	process.Stderr = said
	input, noInput := process.StdinPipe()
	output, noOutput := process.StdoutPipe()
	process.Cancel = func() error { return input.Close() }
	if err := errors.Join(noInput, noOutput, process.Start()); err != nil {
		return "", stop, err
	}
	stop = func() {
		_ = input.Close()
		_ = process.Wait()
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		return "", stop, fmt.Errorf("it did not start (%s says why): %w", log, err)
	}
	return strings.TrimSpace(strings.TrimPrefix(line, "listening on ")), stop, nil
}
