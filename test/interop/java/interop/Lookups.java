package interop;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.apache.rocketmq.client.QueryResult;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.UtilAll;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/** Where a new group starts, finding messages by key and id, and offsets by time. */
@SuppressWarnings("deprecation")
final class Lookups {
    private Lookups() {
    }

    /**
     * A broadcasting group keeps its offsets itself, so consumeFromWhere decides. A clustering group of a young topic
     * is answered offset 0 by the broker, whatever it wanted (rocketmq-broker, ConsumerManageProcessor.queryConsumerOffset).
     */
    static void fromWhere(Run run) throws Exception {
        DefaultMQProducer producer = run.producer();
        int n = Math.max(20, run.count / 10);
        for (int i = 0; i < n; i++) {
            run.send(producer, run.ledger.message(run.topic(), null, 100));
        }
        // Times in messages are whole milliseconds and consumeTimestamp whole seconds.
        Thread.sleep(2100);
        long middle = System.currentTimeMillis() / 1000 * 1000;
        for (int i = 0; i < n; i++) {
            run.send(producer, run.ledger.message(run.topic(), null, 100));
        }
        run.awaitRoute(producer, run.topic());
        Map<String, AtomicInteger> counts = new ConcurrentHashMap<>();
        List<String> kinds = List.of("first", "last", "timestamp", "clustering-last");
        for (String kind : kinds) {
            DefaultMQPushConsumer consumer = run.pushConsumer(run.group(kind), run.topic(), "*");
            if (!kind.startsWith("clustering")) {
                Run.broadcast(consumer);
            }
            consumer.setConsumeFromWhere(kind.endsWith("last") ? ConsumeFromWhere.CONSUME_FROM_LAST_OFFSET
                : kind.equals("timestamp") ? ConsumeFromWhere.CONSUME_FROM_TIMESTAMP : ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
            consumer.setConsumeTimestamp(UtilAll.timeMillisToHumanString3(middle));
            counts.put(kind, new AtomicInteger());
            consumer.registerMessageListener(run.each(message -> {
                counts.get(kind).incrementAndGet();
                if (kind.equals("first")) {
                    run.ledger.receive(message);
                }
            }));
            consumer.start();
        }
        run.await(20, () -> counts.get("first").get() >= 2 * n && counts.get("timestamp").get() >= n && counts.get("clustering-last").get() >= 2 * n);
        // The one that starts at the end has its position only after its first rebalance.
        Thread.sleep(1500);
        for (int i = 0; i < n; i++) {
            run.send(producer, run.ledger.message(run.topic(), null, 100));
        }
        run.await(20, () -> run.ledger.complete() && counts.get("last").get() >= n);
        Thread.sleep(300);
        run.same(3 * n, counts.get("first"), "from first");
        run.same(n, counts.get("last"), "from last");
        run.same(2 * n, counts.get("timestamp"), "from timestamp");
        run.same(3 * n, counts.get("clustering-last"), "from last in a clustering group on a young topic");
        run.exact();
    }

    static void query(Run run) throws Exception {
        DefaultMQProducer producer = run.producer();
        int n = Math.max(40, run.count / 10);
        long from = System.currentTimeMillis() - 1000;
        List<SendResult> results = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            Message message = run.ledger.message(run.topic(), null, 150);
            message.setKeys("one-" + i + " shared-" + i % 4);
            results.add(run.send(producer, message));
        }
        long to = System.currentTimeMillis() + 1000;
        run.awaitRoute(producer, run.topic());
        AtomicInteger tries = new AtomicInteger();
        for (int i = 0; i < n; i++) {
            String key = "one-" + i;
            // The index is built behind the log, so the first answers may be short.
            run.await(10, () -> {
                tries.incrementAndGet();
                return find(producer, run.topic(), key, 8, from, to).size() == 1;
            });
            List<MessageExt> found = find(producer, run.topic(), key, 8, from, to);
            run.same(1, found.size(), "found by key " + key);
            found.forEach(run.ledger::receive);
            MessageExt byUnique = producer.viewMessage(run.topic(), results.get(i).getMsgId());
            run.same(i, Ledger.number(byUnique), "by unique id");
            MessageExt byOffset = producer.viewMessage(run.topic(), results.get(i).getOffsetMsgId());
            run.same(i, Ledger.number(byOffset), "by offset id");
            run.same(results.get(i).getQueueOffset(), byOffset.getQueueOffset(), "queue offset of a viewed message");
        }
        for (int s = 0; s < 4; s++) {
            int shared = s;
            List<MessageExt> found = find(producer, run.topic(), "shared-" + s, 64, from, to);
            Set<Integer> numbers = found.stream().map(Ledger::number).collect(Collectors.toSet());
            run.check(numbers.stream().allMatch(number -> number % 4 == shared), "foreign messages for a shared key");
            run.same(Math.min(64, n / 4 + (shared < n % 4 ? 1 : 0)), numbers.size(), "found by the shared key " + s);
        }
        run.same(5, find(producer, run.topic(), "shared-1", 5, from, to).size(), "found with a limit of 5");
        run.same(0, find(producer, run.topic(), "one-1", 8, from - 3_600_000, from - 1_800_000).size(), "found outside of the time window");
        run.same(0, find(producer, run.topic(), "absent", 8, from, to).size(), "found by an unknown key");
        run.exact();
    }

    private static List<MessageExt> find(DefaultMQProducer producer, String topic, String key, int limit, long from, long to) throws Exception {
        try {
            QueryResult result = producer.queryMessage(topic, key, limit, from, to);
            return result.getMessageList();
        } catch (MQClientException e) {
            if (e.getResponseCode() == 208) {
                return List.of();
            }
            throw e;
        }
    }

    static void offsets(Run run) throws Exception {
        DefaultMQProducer producer = run.producer();
        producer.send(run.ledger.message(run.topic(), null, 100), (queues, message, id) -> queues.get(0), null);
        run.awaitRoute(producer, run.topic());
        DefaultMQPullConsumer consumer = new DefaultMQPullConsumer(run.group(""));
        consumer.setNamesrvAddr(run.namesrv);
        consumer.setInstanceName(run.instance());
        consumer.setHeartbeatBrokerInterval(1000);
        consumer.start();
        run.onClose(consumer::shutdown);
        MessageQueue queue = producer.fetchPublishMessageQueues(run.topic()).get(1);
        List<Long> before = new ArrayList<>();
        for (int i = 0; i < 12; i++) {
            before.add(System.currentTimeMillis());
            run.same(i, producer.send(run.ledger.message(run.topic(), null, 100), queue).getQueueOffset(), "queue offset");
            Thread.sleep(20);
        }
        run.same(0, consumer.minOffset(queue), "lowest offset");
        run.await(5, () -> consumer.maxOffset(queue) == 12);
        run.same(12, consumer.maxOffset(queue), "highest offset");
        for (int i = 0; i < 12; i++) {
            // Nothing was stored between the message before and this moment, so the next message is the answer.
            run.same(i, consumer.searchOffset(queue, before.get(i)), "offset at the time before message " + i);
        }
        run.same(0, consumer.searchOffset(queue, 0), "offset of time 0");
        run.same(12, consumer.searchOffset(queue, System.currentTimeMillis() + 60_000), "offset of a time to come");
        long earliest = consumer.earliestMsgStoreTime(queue);
        run.check(earliest >= before.get(0) - 5 && earliest <= before.get(1), "earliest store time " + earliest + ", sent at " + before.get(0));
        consumer.updateConsumeOffset(queue, 7);
        // The group exists at the broker from the first heartbeat on.
        run.await(5, () -> {
            try {
                consumer.getOffsetStore().updateConsumeOffsetToBroker(queue, 7, false);
                return true;
            } catch (MQBrokerException e) {
                return e.getResponseCode() != 26;
            }
        });
        run.same(7, consumer.fetchConsumeOffset(queue, true), "offset kept by the broker");
        MessageQueue other = producer.fetchPublishMessageQueues(run.topic()).get(2);
        run.same(0, consumer.maxOffset(other), "highest offset of an empty queue");
        run.same(0, consumer.minOffset(other), "lowest offset of an empty queue");
        run.received = run.ledger.sent();
    }
}
