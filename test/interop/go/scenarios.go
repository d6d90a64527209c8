package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
)

var background = context.Background()

func each(take listener) func(context.Context, ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
	return func(ctx context.Context, messages ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
		concurrently, _ := primitive.GetConcurrentlyCtx(ctx)
		for _, message := range messages {
			if result := take(message, concurrently); result != consumer.ConsumeSuccess {
				return result, nil
			}
		}
		return consumer.ConsumeSuccess, nil
	}
}

func (r *run) receiveAll(message *primitive.MessageExt, _ *primitive.ConsumeConcurrentlyContext) consumer.ConsumeResult {
	r.receive(message.Body)
	return consumer.ConsumeSuccess
}

func (r *run) send(p rocketmq.Producer, messages ...*primitive.Message) *primitive.SendResult {
	result := must(p.SendSync(background, messages...))
	r.same(primitive.SendOK, result.Status, "status of a send")
	return result
}

func (r *run) readBack() {
	r.push(r.group(""), r.topic(), "*", r.receiveAll)
	r.awaitAll(45 * time.Second)
	r.exact()
}

func sync1(r *run) {
	p := r.producer()
	next := map[string]int64{}
	for i := 0; i < r.count; i++ {
		result := r.send(p, r.message(r.topic(), 1+i%1500))
		queue := result.MessageQueue.String()
		r.same(next[queue], result.QueueOffset, "queue offset")
		next[queue] = result.QueueOffset + 1
		r.check(len(result.MsgID) == 32 && len(result.OffsetMsgID) == 32, "ids %q %q", result.MsgID, result.OffsetMsgID)
	}
	r.same(4, len(next), "queues of a topic made by the first send")
	r.readBack()
}

func async(r *run) {
	p := r.producer()
	r.send(p, r.message(r.topic(), 100))
	var answered sync.WaitGroup
	window := make(chan struct{}, 256)
	for i := 0; i < r.count; i++ {
		answered.Add(1)
		window <- struct{}{}
		err := p.SendAsync(background, func(_ context.Context, result *primitive.SendResult, err error) {
			r.check(err == nil && result.Status == primitive.SendOK, "async send: %v %v", result, err)
			<-window
			answered.Done()
		}, r.message(r.topic(), 200))
		if err != nil {
			panic(err)
		}
	}
	answered.Wait()
	r.readBack()
}

func oneway(r *run) {
	p := r.producer()
	r.send(p, r.message(r.topic(), 100))
	for i := 0; i < r.count; i++ {
		if err := p.SendOneWay(background, r.message(r.topic(), 300)); err != nil {
			panic(err)
		}
	}
	r.readBack()
}

func batch(r *run) {
	p := r.producer()
	r.send(p, r.message(r.topic(), 100))
	for b := 0; b < max(2, r.count/20); b++ {
		var list []*primitive.Message
		for i := 0; i < 1+b%32; i++ {
			list = append(list, r.message(r.topic(), 10+37*i).WithTag("batch"))
		}
		result := r.send(p, list...)
		// This client sends a list of one as a plain message.
		r.same(len(list), len(strings.Split(result.OffsetMsgID, ",")), "offset ids of a batch")
	}
	r.readBack()
}

func properties(r *run) {
	p := r.producer()
	results := sync.Map{}
	for i := 0; i < max(10, r.count/5); i++ {
		message := r.message(r.topic(), 64+i*50).WithTag("tag" + strconv.Itoa(i%7))
		message.WithKeys([]string{fmt.Sprint("key-", i), fmt.Sprint("other-", i)})
		message.WithProperty("unicode", fmt.Sprint("消息 🚀 ", i))
		results.Store(i, r.send(p, message))
	}
	r.push(r.group(""), r.topic(), "*", func(message *primitive.MessageExt, _ *primitive.ConsumeConcurrentlyContext) consumer.ConsumeResult {
		i := r.receive(message.Body)
		stored, _ := results.Load(i)
		result := stored.(*primitive.SendResult)
		r.same("tag"+strconv.Itoa(i%7), message.GetTags(), "tags")
		r.same(fmt.Sprint("key-", i, " other-", i), message.GetKeys(), "keys")
		r.same(fmt.Sprint("消息 🚀 ", i), message.GetProperty("unicode"), "unicode property")
		r.same(result.MsgID, message.MsgId, "unique id")
		r.same(result.OffsetMsgID, message.OffsetMsgId, "offset id")
		r.same(result.QueueOffset, message.QueueOffset, "queue offset")
		r.same(result.MessageQueue.QueueId, message.Queue.QueueId, "queue id")
		r.same("DefaultRegion", message.GetRegionID(), "region")
		return consumer.ConsumeSuccess
	})
	r.awaitAll(30 * time.Second)
	r.exact()
}

func bigBody(r *run) {
	p := r.producer(producer.WithCompressMsgBodyOverHowmuch(1 << 30))
	r.send(p, r.message(r.topic(), 3_900_000))
	r.send(p, r.message(r.topic(), 4_000_000))
	compressing := r.producer(producer.WithCompressMsgBodyOverHowmuch(4096))
	for i := 0; i < 10; i++ {
		r.send(compressing, r.message(r.topic(), 4090+i*20_011))
	}
	r.readBack()
}

func clustering(r *run) {
	p := r.producer()
	r.send(p, r.message(r.topic(), 50))
	var shares [2]atomic.Int64
	for c := range shares {
		r.push(r.group(""), r.topic(), "*", func(message *primitive.MessageExt, _ *primitive.ConsumeConcurrentlyContext) consumer.ConsumeResult {
			shares[c].Add(1)
			r.receive(message.Body)
			return consumer.ConsumeSuccess
		})
	}
	// This client looks at its share every 20 s and on notice; wait for both to have one.
	shared := await(30*time.Second, func() bool {
		r.send(p, r.message(r.topic(), 50))
		time.Sleep(200 * time.Millisecond)
		return shares[0].Load() > 0 && shares[1].Load() > 0
	})
	r.check(shared, "one consumer got all: %d and %d", shares[0].Load(), shares[1].Load())
	time.Sleep(2 * time.Second)
	settled := r.duplicates
	for i := 0; i < r.count; i++ {
		r.send(p, r.message(r.topic(), 500))
	}
	r.awaitAll(30 * time.Second)
	r.note("%d and %d messages; %d duplicates while the queues moved", shares[0].Load(), shares[1].Load(), settled)
	r.duplicates -= settled
	r.exact()
}

func broadcasting(r *run) {
	p := r.producer()
	r.send(p, primitive.NewMessage(r.topic(), []byte("first")))
	other := newLedger(r.id)
	for c := 0; c < 2; c++ {
		r.push(r.group(""), r.topic(), "*", func(message *primitive.MessageExt, _ *primitive.ConsumeConcurrentlyContext) consumer.ConsumeResult {
			if c == 0 {
				r.receive(message.Body)
			} else {
				other.receive(message.Body)
			}
			return consumer.ConsumeSuccess
		}, consumer.WithConsumerModel(consumer.BroadCasting))
	}
	for i := 0; i < r.count; i++ {
		r.send(p, r.message(r.topic(), 120))
	}
	otherCount := func() int {
		other.mu.Lock()
		defer other.mu.Unlock()
		return len(other.seen)
	}
	await(30*time.Second, func() bool { return otherCount() >= r.count })
	r.awaitAll(30 * time.Second)
	r.exact()
	r.same(r.count, otherCount(), "received by the second consumer")
	r.same(0, other.duplicates, "duplicates at the second consumer")
	r.sentAs, r.receivedAs = 2*r.count, r.received()+otherCount()
}

func tagFilter(r *run) {
	p := r.producer()
	tags := []string{"red", "green", "AaAa", "BBBB"}
	wanted := 0
	for i := 0; i < r.count; i++ {
		tag := tags[i%len(tags)]
		r.send(p, r.message(r.topic(), 100).WithTag(tag))
		if tag == "red" || tag == "AaAa" {
			wanted++
		}
	}
	r.push(r.group(""), r.topic(), "red || AaAa", func(message *primitive.MessageExt, _ *primitive.ConsumeConcurrentlyContext) consumer.ConsumeResult {
		r.receive(message.Body)
		r.check(message.GetTags() == "red" || message.GetTags() == "AaAa", "tag %s", message.GetTags())
		return consumer.ConsumeSuccess
	})
	await(30*time.Second, func() bool { return r.received() >= wanted })
	time.Sleep(400 * time.Millisecond)
	r.sentAs, r.receivedAs = wanted, r.received()
	r.same(wanted, r.received(), "received")
	r.same(0, r.duplicates, "duplicates")
	r.same(0, r.damaged, "damaged bodies")
}

func ordered(r *run) {
	p := r.producer(producer.WithQueueSelector(producer.NewHashQueueSelector()))
	r.send(p, primitive.NewMessage(r.topic(), []byte("start")).WithShardingKey("0"))
	r.push(r.group(""), r.topic(), "*", func(message *primitive.MessageExt, _ *primitive.ConsumeConcurrentlyContext) consumer.ConsumeResult {
		if number := r.receive(message.Body); number >= 0 {
			r.inOrder("order "+message.GetProperty("order"), int64(number))
			r.inOrder("queue "+strconv.Itoa(message.Queue.QueueId), message.QueueOffset)
		}
		return consumer.ConsumeSuccess
	}, consumer.WithConsumerOrder(true))
	for i := 0; i < r.count; i++ {
		message := r.message(r.topic(), 100)
		order := strconv.Itoa(i % 23)
		message.WithProperty("order", order)
		r.send(p, message.WithShardingKey(order))
	}
	r.awaitAll(45 * time.Second)
	r.exact()
}

func retry(r *run) {
	p := r.producer()
	const n = 20
	for i := 0; i < n; i++ {
		r.send(p, r.message(r.topic(), 200).WithTag("t"))
	}
	// The group's retry topic has to be there when the consumer starts: it looks for new routes only every 30 s.
	once := r.push(r.group(""), "TBW102", "none", r.receiveAll)
	_ = once.Shutdown()
	var mu sync.Mutex
	deliveries := map[int]int{}
	first := map[int]time.Time{}
	var least, most time.Duration = time.Hour, 0
	r.push(r.group(""), r.topic(), "t", func(message *primitive.MessageExt, _ *primitive.ConsumeConcurrentlyContext) consumer.ConsumeResult {
		number := r.numberOf(message.Body)
		mu.Lock()
		defer mu.Unlock()
		deliveries[number]++
		r.same(deliveries[number]-1, message.ReconsumeTimes, "reconsume times")
		r.same(r.topic(), message.Topic, "topic shown")
		if deliveries[number] == 1 {
			first[number] = time.Now()
			return consumer.ConsumeRetryLater
		}
		gap := time.Since(first[number])
		least, most = min(least, gap), max(most, gap)
		r.receive(message.Body)
		return consumer.ConsumeSuccess
	})
	r.awaitAll(45 * time.Second)
	r.exact()
	mu.Lock()
	defer mu.Unlock()
	r.note("retried after %.1f to %.1f s", least.Seconds(), most.Seconds())
	r.check(least > 9800*time.Millisecond && most < 15*time.Second, "retried after %v to %v, expected 10 s", least, most)
}

func deadLetter(r *run) {
	p := r.producer()
	for i := 0; i < 10; i++ {
		r.send(p, r.message(r.topic(), 200))
	}
	dead := "%DLQ%" + r.group("")
	var deliveries atomic.Int64
	r.push(r.group(""), r.topic(), "*", func(*primitive.MessageExt, *primitive.ConsumeConcurrentlyContext) consumer.ConsumeResult {
		deliveries.Add(1)
		return consumer.ConsumeRetryLater
	}, consumer.WithMaxReconsumeTimes(0))
	// The topic is made by the first dead letter, and a consumer that starts before has no route.
	time.Sleep(5 * time.Second)
	r.push(r.group("_dead"), dead, "*", func(message *primitive.MessageExt, _ *primitive.ConsumeConcurrentlyContext) consumer.ConsumeResult {
		r.receive(message.Body)
		r.same(r.topic(), message.GetProperty("RETRY_TOPIC"), "RETRY_TOPIC")
		return consumer.ConsumeSuccess
	})
	r.awaitAll(45 * time.Second)
	r.exact()
	r.same(10, deliveries.Load(), "deliveries before the dead letter")
}

// pull reads queue by queue from offsets of its own.
func pull(r *run) {
	p := r.producer()
	for i := 0; i < r.count; i++ {
		r.send(p, r.message(r.topic(), 100))
	}
	c := must(rocketmq.NewPullConsumer(r.consumerOptions(r.group(""))...))
	if err := c.Subscribe(r.topic(), consumer.MessageSelector{Type: consumer.TAG, Expression: "*"}); err != nil {
		panic(err)
	}
	if err := c.Start(); err != nil {
		panic(err)
	}
	r.closers = append(r.closers, func() { _ = c.Shutdown() })
	queues := must(c.GetTopicRouteInfo(r.topic()))
	r.same(4, len(queues), "queues")
	for _, queue := range queues {
		offset := int64(0)
		await(20*time.Second, func() bool {
			result := must(c.PullFrom(background, queue, offset, 32))
			for _, message := range result.GetMessageExts() {
				r.receive(message.Body)
				r.same(offset, message.QueueOffset, "queue offset")
				offset++
			}
			return result.Status != primitive.PullFound || offset >= result.MaxOffset
		})
	}
	r.exact()
}

// poll gets its queues by rebalance and acknowledges what it was given.
func poll(r *run) {
	p := r.producer()
	for i := 0; i < r.count; i++ {
		r.send(p, r.message(r.topic(), 100))
	}
	c := must(rocketmq.NewPullConsumer(r.consumerOptions(r.group(""))...))
	if err := c.Subscribe(r.topic(), consumer.MessageSelector{Type: consumer.TAG, Expression: "*"}); err != nil {
		panic(err)
	}
	if err := c.Start(); err != nil {
		panic(err)
	}
	r.closers = append(r.closers, func() { _ = c.Shutdown() })
	await(40*time.Second, func() bool {
		request, err := c.Poll(background, time.Second)
		if consumer.IsNoNewMsgError(err) {
			return r.complete()
		}
		if err != nil {
			panic(err)
		}
		for _, message := range request.GetMsgList() {
			r.receive(message.Body)
			r.inOrder(request.GetMQ().String(), message.QueueOffset)
		}
		c.ACK(background, request, consumer.ConsumeSuccess)
		return r.complete()
	})
	r.exact()
}
