package interop;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageQueue;

/** Every way to send, read back with a push consumer. */
final class Sends {
    private Sends() {
    }

    static void sync(Run run) throws Exception {
        DefaultMQProducer producer = run.producer();
        Map<MessageQueue, Long> next = new HashMap<>();
        for (int i = 0; i < run.count; i++) {
            Message message = run.ledger.message(run.topic(), null, 1 + i % 1500);
            SendResult result = run.send(producer, message);
            run.same(next.getOrDefault(result.getMessageQueue(), 0L), result.getQueueOffset(), "queue offset in " + result.getMessageQueue());
            next.put(result.getMessageQueue(), result.getQueueOffset() + 1);
            run.check(result.getMsgId() != null && result.getMsgId().length() >= 32, "message id " + result.getMsgId());
            run.check(result.getOffsetMsgId() != null && result.getOffsetMsgId().length() == 32, "offset id " + result.getOffsetMsgId());
            run.same(result.getMsgId(), message.getProperty("UNIQ_KEY"), "unique key");
            run.same("DefaultRegion", result.getRegionId(), "region");
        }
        run.same(4, next.size(), "queues of a topic made by the first send");
        run.readBack(producer, run.topic());
    }

    static void async(Run run) throws Exception {
        DefaultMQProducer producer = run.producer();
        run.send(producer, run.ledger.message(run.topic(), null, 100));
        CountDownLatch answered = new CountDownLatch(run.count);
        Semaphore window = new Semaphore(256);
        for (int i = 0; i < run.count; i++) {
            Message message = run.ledger.message(run.topic(), "async", 200);
            window.acquire();
            producer.send(message, new SendCallback() {
                @Override public void onSuccess(SendResult result) {
                    run.same(SendStatus.SEND_OK, result.getSendStatus(), "status");
                    window.release();
                    answered.countDown();
                }

                @Override public void onException(Throwable e) {
                    run.check(false, "async send: " + e);
                    window.release();
                    answered.countDown();
                }
            });
        }
        run.check(answered.await(30, TimeUnit.SECONDS), answered.getCount() + " async sends without an answer");
        run.readBack(producer, run.topic());
    }

    static void oneway(Run run) throws Exception {
        DefaultMQProducer producer = run.producer();
        run.send(producer, run.ledger.message(run.topic(), null, 100));
        run.awaitRoute(producer, run.topic());
        for (int i = 0; i < run.count; i++) {
            producer.sendOneway(run.ledger.message(run.topic(), null, 300));
        }
        run.readBack(producer, run.topic());
    }

    static void batch(Run run) throws Exception {
        DefaultMQProducer producer = run.producer();
        run.send(producer, run.ledger.message(run.topic(), null, 100));
        int batches = Math.max(2, run.count / 20);
        for (int b = 0; b < batches; b++) {
            List<Message> list = new ArrayList<>();
            for (int i = 0; i < 1 + b % 32; i++) {
                Message message = run.ledger.message(run.topic(), "batch", 10 + 37 * i);
                message.setKeys("batch-" + b + "-" + i);
                message.putUserProperty("place", b + "/" + i);
                list.add(message);
            }
            SendResult result = producer.send(list);
            run.same(SendStatus.SEND_OK, result.getSendStatus(), "status of a batch");
            run.same(list.size(), result.getMsgId().split(",").length, "unique ids of a batch");
            run.same(list.size(), result.getOffsetMsgId().split(",").length, "offset ids of a batch");
        }
        Map<String, Long> places = new ConcurrentHashMap<>();
        run.awaitRoute(producer, run.topic());
        DefaultMQPushConsumer consumer = run.pushConsumer(run.group(""), run.topic(), "*");
        consumer.registerMessageListener(run.each(message -> {
            run.ledger.receive(message);
            if ("batch".equals(message.getTags())) {
                places.put(message.getUserProperty("place"), message.getQueueOffset());
                run.check(message.getKeys().startsWith("batch-"), "keys of a batch member: " + message.getKeys());
            }
        }));
        consumer.start();
        run.awaitAll(60);
        run.exact();
        for (int b = 0; b < batches; b++) {
            for (int i = 1; i < 1 + b % 32; i++) {
                Long first = places.get(b + "/0");
                Long here = places.get(b + "/" + i);
                run.check(first != null && here != null && here - first == i, "member " + i + " of batch " + b + " at " + here + ", first at " + first);
            }
        }
    }

    static void properties(Run run) throws Exception {
        DefaultMQProducer producer = run.producer();
        int n = Math.max(10, run.count / 5);
        long from = System.currentTimeMillis();
        Map<Integer, SendResult> results = new ConcurrentHashMap<>();
        for (int i = 0; i < n; i++) {
            Message message = run.ledger.message(run.topic(), "tag" + i % 7, 64);
            message.setKeys(List.of("key-" + i, "other-" + i, "\u4e2d\u6587-" + i));
            message.setFlag(i - 3);
            message.putUserProperty("plain", "value " + i);
            message.putUserProperty("unicode", "\u6d88\u606f \ud83d\ude80 " + i);
            message.putUserProperty("long", "x".repeat(i * 20 % 5000 + 1));
            message.setBuyerId("buyer-" + i);
            results.put(i, run.send(producer, message));
        }
        run.awaitRoute(producer, run.topic());
        DefaultMQPushConsumer consumer = run.pushConsumer(run.group(""), run.topic(), "*");
        consumer.registerMessageListener(run.each(message -> {
            int i = run.ledger.receive(message);
            SendResult result = results.get(i);
            run.same("tag" + i % 7, message.getTags(), "tags");
            run.same("key-" + i + " other-" + i + " \u4e2d\u6587-" + i, message.getKeys(), "keys");
            run.same(i - 3, message.getFlag(), "flag");
            run.same("value " + i, message.getUserProperty("plain"), "plain property");
            run.same("\u6d88\u606f \ud83d\ude80 " + i, message.getUserProperty("unicode"), "unicode property");
            run.same("x".repeat(i * 20 % 5000 + 1), message.getUserProperty("long"), "long property");
            run.same("buyer-" + i, message.getBuyerId(), "buyer id");
            run.same(run.topic(), message.getTopic(), "topic");
            run.same(result.getMsgId(), message.getMsgId(), "unique id");
            run.same(result.getQueueOffset(), message.getQueueOffset(), "queue offset");
            run.same(result.getMessageQueue().getQueueId(), message.getQueueId(), "queue id");
            run.same(0, message.getReconsumeTimes(), "reconsume times");
            run.check(message.getBornTimestamp() >= from - 1 && message.getStoreTimestamp() >= from - 1
                && message.getStoreTimestamp() <= System.currentTimeMillis() + 1, "times " + message.getBornTimestamp() + " " + message.getStoreTimestamp());
            run.same("127.0.0.1", message.getBornHostString(), "born host");
            run.check(message.getStoreHost() != null && message.getStoreSize() > 64, "store host and size");
            run.same("DefaultRegion", message.getProperty("MSG_REGION"), "MSG_REGION");
            run.same("true", message.getProperty("TRACE_ON"), "TRACE_ON");
            run.check(message.getProperty("CLUSTER") != null, "no CLUSTER property");
            run.same(0L, message.getProperty("MIN_OFFSET"), "MIN_OFFSET");
        }));
        consumer.start();
        run.awaitAll(30);
        run.exact();
    }

    static void compressed(Run run) throws Exception {
        DefaultMQProducer producer = run.producer();
        int n = Math.max(8, run.count / 20);
        for (int i = 0; i < n; i++) {
            run.send(producer, run.ledger.message(run.topic(), null, 4090 + i * 4099));
        }
        run.awaitRoute(producer, run.topic());
        DefaultMQPushConsumer consumer = run.pushConsumer(run.group(""), run.topic(), "*");
        consumer.registerMessageListener(run.each(message -> {
            run.ledger.receive(message);
            boolean isSmaller = message.getStoreSize() < message.getBody().length;
            run.same(message.getBody().length >= 4096, isSmaller, "stored smaller at " + message.getBody().length + " bytes");
        }));
        consumer.start();
        run.awaitAll(30);
        run.exact();
    }

    static void bigBody(Run run) throws Exception {
        DefaultMQProducer producer = run.producer();
        producer.setCompressMsgBodyOverHowmuch(Integer.MAX_VALUE);
        for (int i = 0; i < 4; i++) {
            run.send(producer, run.ledger.message(run.topic(), null, 3_900_000 + i * 50_000));
        }
        run.readBack(producer, run.topic());
    }

    /** What a broker does not take, and the code it answers. */
    static void refusals(Run run) throws Exception {
        DefaultMQProducer producer = run.producer();
        producer.setMaxMessageSize(6 << 20);
        producer.setCompressMsgBodyOverHowmuch(Integer.MAX_VALUE);
        producer.setRetryTimesWhenSendFailed(0);
        run.send(producer, run.ledger.message(run.topic(), null, 100));
        byte[] huge = new byte[(4 << 20) + 1];
        new Random(1).nextBytes(huge);
        run.same(13, codeOf(producer, new Message(run.topic(), huge)), "body of 4 MiB + 1");
        Message wide = new Message(run.topic(), new byte[10]);
        wide.putUserProperty("wide", "y".repeat(33_000));
        run.same(13, codeOf(producer, wide), "properties of 33,000 bytes");
        run.readBack(producer, run.topic());
    }

    private static int codeOf(DefaultMQProducer producer, Message message) throws Exception {
        try {
            SendResult result = producer.send(message);
            return -result.getSendStatus().ordinal();
        } catch (MQBrokerException e) {
            return e.getResponseCode();
        }
    }
}
