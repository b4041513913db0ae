package emulators_test

import (
	"os"
	"testing"

	"github.com/jobhook/jobhook/internal/emulators"
)

func TestMain(m *testing.M) {
	if os.Getenv(childRole) != "" {
		beKilled()
	}
	code := m.Run()
	emulators.Stop()
	os.Exit(code)
}
