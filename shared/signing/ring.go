package signing

import "time"

// MaxValid is how many secrets of one endpoint can be valid at once: each adds
// a signature to the header, and receivers bound how many they read.
const MaxValid = 8

// Version is a secret with the end of its validity.
type Version struct {
	Secret Secret
	Until  time.Time // no longer valid from here on; zero: no end is set
}

// Ring holds an endpoint's secrets, newest first.
type Ring []Version

// At returns the secrets that are valid at now, newest first.
func (r Ring) At(now time.Time) []Secret {
	valid := make([]Secret, 0, len(r))
	for _, v := range r {
		if v.validAt(now) {
			valid = append(valid, v.Secret)
		}
	}
	return valid
}

// Rotate returns a ring that begins with next. The older secrets hold until
// now+overlap, or their own end where that is sooner; what has ended is
// dropped, and so are the oldest beyond MaxValid. An overlap of 0 ends the
// older ones at once.
func (r Ring) Rotate(next Secret, now time.Time, overlap time.Duration) Ring {
	end := now.Add(max(overlap, 0))
	rotated := append(make(Ring, 0, len(r)+1), Version{Secret: next})
	for _, v := range r {
		if v.Until.IsZero() || v.Until.After(end) {
			v.Until = end
		}
		if v.validAt(now) && len(rotated) < MaxValid {
			rotated = append(rotated, v)
		}
	}
	return rotated
}

func (v Version) validAt(now time.Time) bool {
	return v.Until.IsZero() || now.Before(v.Until)
}
