package embedded

import "container/heap"

// sorted keeps what it holds by an order; each of them knows where it is.
type sorted[T any] struct {
	items []*T
	less  func(a, b *T) bool
	order func(*T) *order[T]
}

// order is where one is sorted in: in one sorted at a time, or in none.
type order[T any] struct {
	in    *sorted[T]
	index int
}

// first is nil when there is none.
func (s *sorted[T]) first() *T {
	if len(s.items) == 0 {
		return nil
	}
	return s.items[0]
}

// put moves one here, or to its new place here.
func (s *sorted[T]) put(one *T) {
	at := s.order(one)
	if at.in == s {
		heap.Fix(s, at.index)
		return
	}
	at.leave()
	heap.Push(s, one)
}

// leave takes one out of where it is sorted in.
func (o *order[T]) leave() {
	if o.in != nil {
		heap.Remove(o.in, o.index)
	}
}

func (s *sorted[T]) Len() int { return len(s.items) }

func (s *sorted[T]) Less(i, j int) bool { return s.less(s.items[i], s.items[j]) }

func (s *sorted[T]) Swap(i, j int) {
	s.items[i], s.items[j] = s.items[j], s.items[i]
	s.order(s.items[i]).index, s.order(s.items[j]).index = i, j
}

// Push is for package heap.
func (s *sorted[T]) Push(one any) {
	added := one.(*T) //nolint:forcetypeassert // nothing else is pushed
	*s.order(added) = order[T]{s, len(s.items)}
	s.items = append(s.items, added)
}

// Pop is for package heap.
func (s *sorted[T]) Pop() any {
	last := s.items[len(s.items)-1]
	s.items[len(s.items)-1] = nil
	s.items = s.items[:len(s.items)-1]
	*s.order(last) = order[T]{}
	return last
}
