package interop;

import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/** Messages that come later: delayed ones, and those whose consumer failed. */
final class Retries {
    private static final int N = 20;

    private Retries() {
    }

    /** A delivery that failed or succeeded. */
    private static final class Delivery {
        final long atMs = System.currentTimeMillis();
        final int times;

        Delivery(MessageExt message) {
            times = message.getReconsumeTimes();
        }
    }

    private static void sendSome(Run run, DefaultMQProducer producer, Map<Integer, SendResult> results) throws Exception {
        for (int i = 0; i < N; i++) {
            Message message = run.ledger.message(run.topic(), "t", 200);
            message.setKeys("k" + i);
            message.putUserProperty("mine", "m" + i);
            results.put(Ledger.number(message), run.send(producer, message));
        }
        run.awaitRoute(producer, run.topic());
        run.makeGroup(producer, run.group(""));
    }

    /** Fails twice and then succeeds, with the broker's own steps: 10 s, then 30 s. */
    static void backOff(Run run) throws Exception {
        retry(run, 2, 0, new long[] {10_000, 30_000});
    }

    /** The listener chooses the level itself: one second, three times. */
    static void retryLevel(Run run) throws Exception {
        retry(run, 3, 1, new long[] {1000, 1000, 1000});
    }

    private static void retry(Run run, int failures, int level, long[] gapsMs) throws Exception {
        DefaultMQProducer producer = run.producer();
        Map<Integer, SendResult> results = new ConcurrentHashMap<>();
        sendSome(run, producer, results);
        Map<Integer, List<Delivery>> deliveries = new ConcurrentHashMap<>();
        DefaultMQPushConsumer consumer = run.pushConsumer(run.group(""), run.topic(), "t");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            MessageExt message = messages.get(0);
            int number = Ledger.number(message);
            List<Delivery> list = deliveries.computeIfAbsent(number, n -> new CopyOnWriteArrayList<>());
            list.add(new Delivery(message));
            run.same(list.size() - 1, message.getReconsumeTimes(), "reconsume times of a delivery");
            run.same(run.topic(), message.getTopic(), "topic shown");
            run.same("m" + number, message.getUserProperty("mine"), "property of a retried message");
            run.same("t", message.getTags(), "tag of a retried message");
            run.same(results.get(number).getMsgId(), message.getMsgId(), "unique id of a retried message");
            if (message.getReconsumeTimes() < failures) {
                if (level > 0) {
                    context.setDelayLevelWhenNextConsume(level);
                }
                return ConsumeConcurrentlyStatus.RECONSUME_LATER;
            }
            run.ledger.receive(message);
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        long sum = 0;
        for (long gap : gapsMs) {
            sum += gap;
        }
        run.awaitAll((int) (sum / 1000) + 30);
        run.exact();
        long latest = 0;
        for (List<Delivery> list : deliveries.values()) {
            run.same(failures + 1, list.size(), "deliveries of one message");
            for (int i = 1; i < list.size(); i++) {
                long gap = list.get(i).atMs - list.get(i - 1).atMs;
                latest = Math.max(latest, gap - gapsMs[i - 1]);
                run.check(gap >= gapsMs[i - 1] - 150 && gap < gapsMs[i - 1] + 4000, "gap " + i + " was " + gap + " ms, expected about " + gapsMs[i - 1]);
            }
        }
        run.note("latest retry " + latest + " ms after its time");
    }

    static void deadLetter(Run run) throws Exception {
        DefaultMQProducer producer = run.producer();
        Map<Integer, SendResult> results = new ConcurrentHashMap<>();
        sendSome(run, producer, results);
        AtomicInteger deliveries = new AtomicInteger();
        DefaultMQPushConsumer consumer = run.pushConsumer(run.group(""), run.topic(), "*");
        consumer.setMaxReconsumeTimes(2);
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            deliveries.incrementAndGet();
            context.setDelayLevelWhenNextConsume(1);
            return ConsumeConcurrentlyStatus.RECONSUME_LATER;
        });
        consumer.start();
        readDeadLetters(run, producer, results);
        run.same(3 * N, deliveries, "deliveries before the dead letter");
    }

    /** An ordered consumer retries on the spot; past its limit the message goes the same way. */
    static void orderedDeadLetter(Run run) throws Exception {
        DefaultMQProducer producer = run.producer();
        Map<Integer, SendResult> results = new ConcurrentHashMap<>();
        sendSome(run, producer, results);
        DefaultMQPushConsumer consumer = run.pushConsumer(run.group(""), run.topic(), "*");
        consumer.setMaxReconsumeTimes(2);
        consumer.setSuspendCurrentQueueTimeMillis(20);
        consumer.registerMessageListener((MessageListenerOrderly) (messages, context) -> ConsumeOrderlyStatus.SUSPEND_CURRENT_QUEUE_A_MOMENT);
        consumer.start();
        readDeadLetters(run, producer, results);
    }

    private static void readDeadLetters(Run run, DefaultMQProducer producer, Map<Integer, SendResult> results) throws Exception {
        String dead = "%DLQ%" + run.group("");
        run.check(run.await(40, () -> {
            try {
                return !producer.fetchPublishMessageQueues(dead).isEmpty();
            } catch (Exception e) {
                return false;
            }
        }), "no dead letter topic");
        DefaultMQPushConsumer reader = run.pushConsumer(run.group("_dead"), dead, "*");
        reader.registerMessageListener(run.each(message -> {
            int number = run.ledger.receive(message);
            run.same(dead, message.getTopic(), "topic of a dead letter");
            run.same(0, message.getQueueId(), "queue of a dead letter");
            run.same("m" + number, message.getUserProperty("mine"), "property of a dead letter");
            run.same("k" + number, message.getKeys(), "keys of a dead letter");
            run.same(run.topic(), message.getProperty("RETRY_TOPIC"), "RETRY_TOPIC of a dead letter");
            run.same(results.get(number).getMsgId(), message.getMsgId(), "unique id of a dead letter");
        }));
        reader.start();
        run.awaitAll(40);
        run.exact();
    }

    /** Delay levels of a producer: 1 s and 5 s, and one without. */
    static void delay(Run run) throws Exception {
        DefaultMQProducer producer = run.producer();
        run.send(producer, run.ledger.message(run.topic(), null, 50));
        run.awaitRoute(producer, run.topic());
        long[] delayMs = {0, 1000, 5000};
        Map<Integer, Long> due = new ConcurrentHashMap<>();
        DefaultMQPushConsumer consumer = run.pushConsumer(run.group(""), run.topic(), "*");
        AtomicInteger latest = new AtomicInteger();
        consumer.registerMessageListener(run.each(message -> {
            long late = System.currentTimeMillis() - due.getOrDefault(Ledger.number(message), 0L);
            int number = run.ledger.receive(message);
            if (number > 0) {
                run.check(late >= -20 && late < 4000, "delivered " + late + " ms after its time");
                latest.accumulateAndGet((int) late, Math::max);
                run.same(number % 3 == 0 ? 0 : number % 3, message.getDelayTimeLevel(), "level shown");
            }
        }));
        consumer.start();
        for (int i = 1; i <= 60; i++) {
            Message message = run.ledger.message(run.topic(), "d", 100);
            int number = Ledger.number(message);
            message.setDelayTimeLevel(number % 3);
            due.put(number, System.currentTimeMillis() + delayMs[number % 3]);
            run.send(producer, message);
        }
        run.awaitAll(20);
        run.exact();
        run.note("latest delivery " + latest + " ms after its time");
    }
}
