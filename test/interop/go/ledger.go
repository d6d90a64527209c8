package main

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/apache/rocketmq-client-go/v2/primitive"
)

// ledger books what was sent and what came back. A body is "id#number#" and then bytes that follow from the number.
type ledger struct {
	mu         sync.Mutex
	id         string
	next       int
	sizes      map[int]int
	seen       map[int]int
	last       map[string]int64
	duplicates int
	disorder   int
	damaged    int
}

func newLedger(id string) *ledger {
	return &ledger{id: id, sizes: map[int]int{}, seen: map[int]int{}, last: map[string]int64{}}
}

func (l *ledger) body(number, size int) []byte {
	body := []byte(fmt.Sprintf("%s#%d#", l.id, number))
	state := uint32(number)*2654435761 + 1
	for len(body) < size {
		state = state*1664525 + 1013904223
		if len(body)>>6&3 == 0 {
			body = append(body, byte(state>>24))
		} else {
			body = append(body, byte('a'+len(body)%26))
		}
	}
	return body
}

func (l *ledger) message(topic string, size int) *primitive.Message {
	l.mu.Lock()
	defer l.mu.Unlock()
	number := l.next
	l.next++
	body := l.body(number, size)
	l.sizes[number] = len(body)
	return primitive.NewMessage(topic, body)
}

func (l *ledger) numberOf(body []byte) int {
	text := string(body[:min(len(body), 96)])
	parts := strings.SplitN(text, "#", 3)
	if len(parts) < 3 || parts[0] != l.id {
		return -1
	}
	number, err := strconv.Atoi(parts[1])
	if err != nil {
		return -1
	}
	return number
}

func (l *ledger) receive(body []byte) int {
	number := l.numberOf(body)
	if number < 0 {
		return number
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	size, known := l.sizes[number]
	if !known || size != len(body) || !bytes.Equal(body, l.body(number, size)) {
		l.damaged++
	}
	l.seen[number]++
	if l.seen[number] > 1 {
		l.duplicates++
	}
	return number
}

// inOrder wants the values of one key to grow.
func (l *ledger) inOrder(key string, value int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if before, known := l.last[key]; known && value <= before {
		l.disorder++
	}
	l.last[key] = value
}

func (l *ledger) sent() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.sizes)
}

func (l *ledger) received() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	known := 0
	for number := range l.sizes {
		if l.seen[number] > 0 {
			known++
		}
	}
	return known
}

func (l *ledger) complete() bool { return l.received() == l.sent() }
