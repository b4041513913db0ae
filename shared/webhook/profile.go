package webhook

import (
	"fmt"
	"strings"
)

// Profile names a shape of body. Its name is also that of its signature scheme.
type Profile string

// The profiles.
const (
	Standard Profile = "standard" // {"type","timestamp","data"}
	SharpAPI Profile = "sharpapi" // {"id","status","type"[,"result"]}
	Unitary  Profile = "unitary"  // {"job_id","callback_url","is_error","result"}
	Antinium Profile = "antinium" // {"event","timestamp","data"}
)

// Profiles lists all profiles, the default first.
func Profiles() []Profile { return []Profile{Standard, SharpAPI, Unitary, Antinium} }

// ParseProfile returns the profile of a name; its error lists the names there are.
func ParseProfile(name string) (Profile, error) {
	var names []string
	for _, p := range Profiles() {
		if name == string(p) {
			return p, nil
		}
		names = append(names, string(p))
	}
	return "", fmt.Errorf("unknown profile: one of %s is needed", strings.Join(names, ", "))
}
