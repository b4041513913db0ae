package secrets

import "sync"

// memo keeps what was made for a key. When it is full it forgets everything:
// making it again costs microseconds, and its size stays bounded.
type memo[K comparable, V any] struct {
	limit int

	mu   sync.RWMutex
	made map[K]V
}

func (m *memo[K, V]) get(key K, produce func() (V, error)) (V, error) {
	m.mu.RLock()
	value, ok := m.made[key]
	m.mu.RUnlock()
	if ok {
		return value, nil
	}
	value, err := produce()
	if err != nil {
		return value, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.made == nil || len(m.made) >= m.limit {
		m.made = map[K]V{}
	}
	m.made[key] = value
	return value, nil
}
