// Scenarios on the stock Go client, against the name server in NAMESRV_ADDR. Prints one JSON line for each.
// Arguments: names of scenarios, or none for all.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
	"github.com/apache/rocketmq-client-go/v2/rlog"
)

var stamp = strconv.FormatInt(time.Now().UnixMilli(), 36)
var instances atomic.Int64

type run struct {
	*ledger
	name    string
	namesrv []string
	count   int
	born    time.Time
	mu      sync.Mutex
	wrong   []string
	notes   []string
	closers []func()
	// What the scenario counts, where the ledger's figures do not say it.
	sentAs, receivedAs int
}

func (r *run) topic() string              { return "it_go_" + r.name + "_" + stamp }
func (r *run) group(suffix string) string { return "ig_go_" + r.name + suffix + "_" + stamp }

func (r *run) check(holds bool, format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !holds && len(r.wrong) < 8 {
		r.wrong = append(r.wrong, fmt.Sprintf(format, args...))
	}
}

func (r *run) same(expected, actual any, what string) {
	r.check(fmt.Sprint(expected) == fmt.Sprint(actual), "%s: expected %v, was %v", what, expected, actual)
}

func (r *run) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

func await(limit time.Duration, holds func() bool) bool {
	for until := time.Now().Add(limit); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		if holds() {
			return true
		}
	}
	return holds()
}

func (r *run) awaitAll(limit time.Duration) {
	await(limit, r.complete)
	time.Sleep(400 * time.Millisecond)
}

func (r *run) exact() {
	r.check(r.complete(), "received %d of %d", r.received(), r.sent())
	r.same(0, r.duplicates, "duplicates")
	r.same(0, r.damaged, "damaged bodies")
	r.same(0, r.disorder, "order violations")
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func (r *run) producer(options ...producer.Option) rocketmq.Producer {
	all := append([]producer.Option{
		producer.WithNameServer(r.namesrv),
		producer.WithGroupName(r.group("_p")),
		producer.WithInstanceName(fmt.Sprintf("i%s-%d", stamp, instances.Add(1))),
		producer.WithSendMsgTimeout(10 * time.Second),
	}, options...)
	p := must(rocketmq.NewProducer(all...))
	if err := p.Start(); err != nil {
		panic(err)
	}
	r.closers = append(r.closers, func() { _ = p.Shutdown() })
	return p
}

func (r *run) consumerOptions(group string, options ...consumer.Option) []consumer.Option {
	return append([]consumer.Option{
		consumer.WithNameServer(r.namesrv),
		consumer.WithGroupName(group),
		consumer.WithInstance(fmt.Sprintf("i%s-%d", stamp, instances.Add(1))),
		consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset),
	}, options...)
}

type listener func(message *primitive.MessageExt, context *primitive.ConsumeConcurrentlyContext) consumer.ConsumeResult

// push starts a push consumer; the listener gets one message at a time.
func (r *run) push(group, topic, tags string, take listener, options ...consumer.Option) rocketmq.PushConsumer {
	c := must(rocketmq.NewPushConsumer(r.consumerOptions(group, options...)...))
	err := c.Subscribe(topic, consumer.MessageSelector{Type: consumer.TAG, Expression: tags}, each(take))
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		panic(err)
	}
	r.closers = append(r.closers, func() { _ = c.Shutdown() })
	return c
}

func (r *run) json() string {
	sent, received := r.sentAs, r.receivedAs
	if sent == 0 {
		sent, received = r.sent(), r.received()
	}
	line, _ := json.Marshal(map[string]any{
		"scenario": r.name, "sent": sent, "received": received, "duplicates": r.duplicates, "order": r.disorder,
		"seconds": float64(time.Since(r.born).Milliseconds()) / 1000, "ok": len(r.wrong) == 0,
		"wrong": strings.Join(r.wrong, "; "), "notes": strings.Join(r.notes, "; "),
	})
	return string(line)
}

func (r *run) play(scenario func(*run)) bool {
	func() {
		defer func() {
			if failure := recover(); failure != nil {
				r.check(false, "%v", failure)
			}
		}()
		scenario(r)
	}()
	for i := len(r.closers) - 1; i >= 0; i-- {
		r.closers[i]()
	}
	fmt.Println(r.json())
	return len(r.wrong) == 0
}

func main() {
	level := os.Getenv("CLIENT_LOG_LEVEL")
	if level == "" {
		level = "fatal"
	}
	rlog.SetLogLevel(level)
	scenarios := []struct {
		name string
		play func(*run)
	}{
		{"retry", retry}, {"dead-letter", deadLetter}, {"sync", sync1}, {"async", async}, {"oneway", oneway}, {"batch", batch},
		{"properties", properties}, {"big-body", bigBody}, {"clustering", clustering}, {"broadcasting", broadcasting},
		{"tag-filter", tagFilter}, {"ordered", ordered}, {"pull", pull}, {"poll", poll},
	}
	count, err := strconv.Atoi(os.Getenv("COUNT"))
	if err != nil {
		count = 1000
	}
	namesrv := must(primitive.NewNamesrvAddr(strings.Split(os.Getenv("NAMESRV_ADDR"), ";")...))
	var failed, played atomic.Int64
	var group sync.WaitGroup
	window := make(chan struct{}, 6)
	for _, s := range scenarios {
		if len(os.Args) > 1 && !strings.Contains(" "+strings.Join(os.Args[1:], " ")+" ", " "+s.name+" ") {
			continue
		}
		group.Add(1)
		played.Add(1)
		go func() {
			defer group.Done()
			window <- struct{}{}
			defer func() { <-window }()
			r := &run{ledger: newLedger(stamp + "-" + s.name), name: s.name, namesrv: namesrv, count: count, born: time.Now()}
			if !r.play(s.play) {
				failed.Add(1)
			}
		}()
	}
	group.Wait()
	if failed.Load() > 0 || played.Load() == 0 {
		os.Exit(1)
	}
}
