package folder;

import java.io.BufferedWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.apache.rocketmq.client.QueryResult;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/**
 * Fills a broker, and tells what is in it, for comparing what two brokers see in one data folder.
 * The last line of each command is one JSON object.
 *
 * write COUNT TOPIC,TOPIC,...   messages of 1 B to 64 KB and four of 2 MB over the topics, a third of them in batches
 * commit FILE GROUP TOPIC,...   commits offsets of a group in every queue; FILE gets "group topic queue offset" lines
 * pend GROUP TOPIC DELAYED LEVEL  leaves retries in %RETRY%GROUP and, with LEVEL, in the schedule topic; delayed messages too
 * dump FILE LIMITS TOPIC,...    every message of the topics as one line; LIMITS is an earlier dump or "-"
 * find FILE SAMPLES             looks messages of a dump up by key, unique id and offset id
 * deliver GROUP TOPIC RETRIES DELAYED COUNT SECONDS   waits for what pend left
 */
@SuppressWarnings("deprecation")
public final class Folder {
    private static final String NAMESRV = System.getenv("NAMESRV_ADDR");

    public static void main(String[] a) throws Exception {
        switch (a[0]) {
            case "write": write(Integer.parseInt(a[1]), a[2].split(",")); break;
            case "commit": commit(Path.of(a[1]), a[2], a[3].split(",")); break;
            case "pend": pend(a[1], a[2], a[3], Integer.parseInt(a[4])); break;
            case "dump": dump(Path.of(a[1]), a[2], a[3].split(",")); break;
            case "find": find(Path.of(a[1]), Integer.parseInt(a[2])); break;
            case "deliver": deliver(a[1], a[2], Integer.parseInt(a[3]), a[4], Integer.parseInt(a[5]), Integer.parseInt(a[6])); break;
            default: throw new IllegalArgumentException(a[0]);
        }
        System.out.flush();
        Runtime.getRuntime().halt(0);
    }

    private static DefaultMQProducer producer() throws Exception {
        DefaultMQProducer producer = new DefaultMQProducer("folder_producer");
        producer.setNamesrvAddr(NAMESRV);
        producer.setSendMsgTimeout(20_000);
        producer.setMaxMessageSize(4 << 20);
        producer.start();
        return producer;
    }

    // ------------------------------------------------------------------ write

    private static int size(Random random) {
        int kind = random.nextInt(100);
        return 1 + random.nextInt(kind < 80 ? 1024 : kind < 95 ? 8 * 1024 : 64 * 1024);
    }

    private static Message message(String topic, int number, int size, Random random) throws Exception {
        byte[] body = new byte[size];
        random.nextBytes(body);
        if (number % 10 == 0) { // every tenth is text, and compressed when it is large
            for (int i = 0; i < size; i++) {
                body[i] = (byte) ('a' + (body[i] & 7));
            }
        }
        Message message = new Message(topic, number % 11 == 0 ? null : "tag" + number % 7, "k" + number + " shared" + number % 100, body);
        message.setFlag(number % 5);
        if (number % 3 == 0) {
            message.putUserProperty("n", Integer.toString(number));
            message.putUserProperty("text", "\u6d88\u606f \ud83d\ude80 " + "p".repeat(number % 200));
        }
        return message;
    }

    private static void write(int count, String[] topics) throws Exception {
        DefaultMQProducer producer = producer();
        Random random = new Random(count);
        Semaphore window = new Semaphore(128);
        AtomicInteger failed = new AtomicInteger();
        int number = 0;
        while (number < count) {
            String topic = topics[random.nextInt(topics.length)];
            if (random.nextInt(48) == 0) {
                List<Message> batch = new ArrayList<>();
                for (int i = 0; i < 24 && number < count; i++) {
                    batch.add(message(topic, number++, size(random) % 2048 + 1, random));
                }
                producer.send(batch);
                continue;
            }
            boolean isHuge = number > 0 && number % (count / 4) == 0;
            Message message = message(topic, number++, isHuge ? 2 << 20 : size(random), random);
            window.acquire();
            producer.send(message, new SendCallback() {
                @Override public void onSuccess(SendResult result) {
                    window.release();
                }

                @Override public void onException(Throwable e) {
                    failed.incrementAndGet();
                    window.release();
                }
            });
        }
        window.acquire(128);
        System.out.println("{\"sent\":" + number + ",\"failed\":" + failed + "}");
    }

    // ------------------------------------------------------------------ offsets

    private static DefaultMQPullConsumer puller(String group) throws Exception {
        DefaultMQPullConsumer consumer = new DefaultMQPullConsumer(group);
        consumer.setNamesrvAddr(NAMESRV);
        consumer.setInstanceName(group + System.nanoTime());
        consumer.setHeartbeatBrokerInterval(1000);
        consumer.start();
        return consumer;
    }

    private static void commit(Path file, String group, String[] topics) throws Exception {
        DefaultMQPullConsumer consumer = puller(group);
        StringBuilder out = new StringBuilder();
        int n = 0;
        for (String topic : topics) {
            for (MessageQueue queue : consumer.fetchSubscribeMessageQueues(topic)) {
                long end = consumer.maxOffset(queue);
                long offset = end * (1 + (n + group.length()) % 4) / 4;
                consumer.updateConsumeOffset(queue, offset);
                for (int tries = 0; ; tries++) {
                    try {
                        consumer.getOffsetStore().updateConsumeOffsetToBroker(queue, offset, false);
                        break;
                    } catch (MQBrokerException e) { // the group exists from its first heartbeat on
                        if (e.getResponseCode() != 26 || tries > 50) {
                            throw e;
                        }
                        Thread.sleep(100);
                    }
                }
                out.append(group).append(' ').append(topic).append(' ').append(queue.getQueueId()).append(' ').append(offset).append('\n');
                n++;
            }
        }
        Files.writeString(file, out);
        System.out.println("{\"committed\":" + n + "}");
    }

    // ------------------------------------------------------------------ pending

    private static void pend(String group, String topic, String delayedTopic, int level) throws Exception {
        int n = 60;
        DefaultMQProducer producer = producer();
        for (int i = 0; i < n; i++) {
            Message message = message(topic, i, 100 + i, new Random(i));
            message.putUserProperty("i", Integer.toString(i));
            producer.send(message);
        }
        CountDownLatch failures = new CountDownLatch(n);
        DefaultMQPushConsumer consumer = consumer(group, topic);
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            MessageExt message = messages.get(0);
            boolean isSoon = Integer.parseInt(message.getUserProperty("i")) % 3 == 0;
            // Level 2 is 5 s: time enough to stop the consumer before they come back.
            context.setDelayLevelWhenNextConsume(isSoon ? 2 : level);
            failures.countDown();
            return ConsumeConcurrentlyStatus.RECONSUME_LATER;
        });
        consumer.start();
        boolean all = failures.await(30, TimeUnit.SECONDS);
        Thread.sleep(700);
        consumer.shutdown();
        // The soon ones must lie in the retry topic, unread.
        DefaultMQPullConsumer reader = puller(group + "_look");
        long until = System.nanoTime() + 30_000_000_000L;
        long there = 0;
        while (there < n / 3 && System.nanoTime() < until) {
            there = 0;
            for (MessageQueue queue : reader.fetchSubscribeMessageQueues("%RETRY%" + group)) {
                there += reader.maxOffset(queue);
            }
            Thread.sleep(100);
        }
        for (int i = 0; i < n; i++) {
            Message message = message(delayedTopic, i, 100 + i, new Random(i));
            message.putUserProperty("i", Integer.toString(i));
            message.setDelayTimeLevel(level);
            producer.send(message);
        }
        System.out.println("{\"failed\":" + (all ? n : n - failures.getCount()) + ",\"inRetryTopic\":" + there + ",\"delayed\":" + n + "}");
    }

    private static DefaultMQPushConsumer consumer(String group, String topic) throws Exception {
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(group);
        consumer.setNamesrvAddr(NAMESRV);
        consumer.setInstanceName(group + System.nanoTime());
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.setHeartbeatBrokerInterval(1000);
        consumer.setPollNameServerInterval(1000);
        consumer.subscribe(topic, "*");
        return consumer;
    }

    private static void deliver(String group, String topic, int retries, String delayedTopic, int delayed, int seconds) throws Exception {
        Map<String, AtomicInteger> seen = new ConcurrentHashMap<>();
        AtomicInteger again = new AtomicInteger();
        AtomicInteger wrong = new AtomicInteger();
        AtomicInteger early = new AtomicInteger();
        MessageListenerConcurrently listener = (messages, context) -> {
            for (MessageExt message : messages) {
                String i = message.getUserProperty("i");
                String kind = message.getTopic().equals(topic) ? "retry " : "delayed ";
                if (seen.computeIfAbsent(kind + i, k -> new AtomicInteger()).incrementAndGet() > 1) {
                    again.incrementAndGet();
                }
                try {
                    Message expected = message(message.getTopic(), Integer.parseInt(i), 100 + Integer.parseInt(i), new Random(Integer.parseInt(i)));
                    if (!java.util.Arrays.equals(expected.getBody(), message.getBody())
                        || message.getReconsumeTimes() != (kind.equals("retry ") ? 1 : 0)) {
                        wrong.incrementAndGet();
                    }
                } catch (Exception e) {
                    wrong.incrementAndGet();
                }
                String level = message.getProperty("DELAY");
                long delayMs = level == null ? 0 : new long[] {0, 1, 5, 10, 30, 60}[Integer.parseInt(level)] * 1000;
                if (kind.equals("delayed ") && System.currentTimeMillis() < message.getBornTimestamp() + delayMs - 100) {
                    early.incrementAndGet();
                }
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        };
        for (String each : new String[] {topic, delayedTopic}) {
            DefaultMQPushConsumer consumer = consumer(each.equals(topic) ? group : group + "_delayed", each);
            consumer.registerMessageListener(listener);
            consumer.start();
        }
        long until = System.nanoTime() + seconds * 1_000_000_000L;
        while (seen.size() < retries + delayed && System.nanoTime() < until) {
            Thread.sleep(20);
        }
        Thread.sleep(2000);
        long r = seen.keySet().stream().filter(k -> k.startsWith("retry")).count();
        System.out.println("{\"retries\":" + r + ",\"delayed\":" + (seen.size() - r) + ",\"again\":" + again + ",\"wrong\":" + wrong + ",\"early\":" + early + "}");
    }

    // ------------------------------------------------------------------ dump

    private static void dump(Path file, String limits, String[] topics) throws Exception {
        Map<String, Long> limitOf = new HashMap<>();
        if (!limits.equals("-")) {
            for (String line : Files.readAllLines(Path.of(limits))) {
                if (line.startsWith("Q\t")) {
                    String[] f = line.split("\t");
                    limitOf.put(f[1] + "\t" + f[2], Long.parseLong(f[4]));
                }
            }
        }
        DefaultMQPullConsumer consumer = puller("folder_dump_" + ProcessHandle.current().pid());
        ExecutorService pool = Executors.newFixedThreadPool(6);
        List<Future<List<String>>> parts = new ArrayList<>();
        for (String topic : topics) {
            Set<MessageQueue> queues;
            try {
                queues = consumer.fetchSubscribeMessageQueues(topic);
            } catch (Exception e) {
                System.out.println("no queues of " + topic + ": " + e.getMessage());
                continue;
            }
            for (MessageQueue queue : queues) {
                Long limit = limitOf.get(topic + "\t" + queue.getQueueId());
                parts.add(pool.submit(() -> dump(consumer, queue, limit)));
            }
        }
        int n = 0;
        try (BufferedWriter out = Files.newBufferedWriter(file)) {
            for (Future<List<String>> part : parts) {
                for (String line : part.get()) {
                    out.write(line);
                    out.write('\n');
                    n += line.startsWith("M\t") ? 1 : 0;
                }
            }
        }
        System.out.println("{\"messages\":" + n + ",\"queues\":" + parts.size() + "}");
    }

    private static List<String> dump(DefaultMQPullConsumer consumer, MessageQueue queue, Long limit) throws Exception {
        List<String> lines = new ArrayList<>();
        String place = queue.getTopic() + "\t" + queue.getQueueId();
        long min = consumer.minOffset(queue);
        long end = consumer.maxOffset(queue);
        if (limit != null && end < limit) {
            lines.add("! " + place + " ends at " + end + ", before it was " + limit);
        }
        long max = limit == null ? end : Math.min(limit, end);
        lines.add("Q\t" + place + "\t" + min + "\t" + max);
        List<Long> times = new ArrayList<>();
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        for (long offset = min; offset < max; ) {
            PullResult result = consumer.pull(queue, "*", offset, 32);
            if (result.getPullStatus() != PullStatus.FOUND) {
                lines.add("! " + place + " " + result.getPullStatus() + " at " + offset + " of " + max);
                break;
            }
            for (MessageExt message : result.getMsgFoundList()) {
                if (message.getQueueOffset() < max) {
                    lines.add(line(place, message, digest));
                    times.add(message.getStoreTimestamp());
                }
            }
            offset = result.getNextBeginOffset();
        }
        for (int i = 0; i < 10 && !times.isEmpty(); i++) {
            long time = times.get(i * times.size() / 10);
            lines.add("S\t" + place + "\t" + time + "\t" + consumer.searchOffset(queue, time));
        }
        return lines;
    }

    private static String line(String place, MessageExt m, MessageDigest digest) {
        Map<String, String> properties = new TreeMap<>(m.getProperties());
        properties.remove("MIN_OFFSET"); // these two are the client's own
        properties.remove("MAX_OFFSET");
        digest.reset();
        byte[] hash = digest.digest(m.getBody());
        StringBuilder hex = new StringBuilder();
        for (int i = 0; i < 12; i++) {
            hex.append(String.format("%02x", hash[i]));
        }
        String unique = m.getMsgId();
        String atOffset = m instanceof org.apache.rocketmq.common.message.MessageClientExt
            ? ((org.apache.rocketmq.common.message.MessageClientExt) m).getOffsetMsgId() : "";
        return String.join("\t", "M", place, Long.toString(m.getQueueOffset()), unique, atOffset, hex, Integer.toString(m.getBody().length),
            Integer.toString(m.getStoreSize()), Integer.toString(m.getBodyCRC()), Long.toString(m.getCommitLogOffset()),
            Long.toString(m.getStoreTimestamp()), Long.toString(m.getBornTimestamp()), String.valueOf(m.getStoreHost()), String.valueOf(m.getBornHost()),
            Integer.toString(m.getSysFlag()), Integer.toString(m.getFlag()), Integer.toString(m.getReconsumeTimes()),
            properties.toString().replace('\n', ' ').replace('\t', ' '));
    }

    // ------------------------------------------------------------------ find

    private static void find(Path file, int samples) throws Exception {
        List<String[]> messages = Files.readAllLines(file).stream().filter(l -> l.startsWith("M\t") && l.contains("KEYS=k"))
            .map(l -> l.split("\t")).collect(Collectors.toList());
        DefaultMQProducer producer = producer();
        int byKey = 0;
        int byUnique = 0;
        int byOffset = 0;
        Random random = new Random(7);
        List<String> missing = new ArrayList<>();
        for (int i = 0; i < samples; i++) {
            String[] f = messages.get(random.nextInt(messages.size()));
            String topic = f[1];
            String unique = f[4];
            String key = f[18].replaceFirst(".*KEYS=(k[0-9]+) .*", "$1");
            long born = Long.parseLong(f[11]);
            long before = byKey + byUnique + byOffset;
            QueryResult found = null;
            try {
                found = producer.queryMessage(topic, key, 64, born - 60_000, born + 60_000);
            } catch (Exception e) {
                // not found
            }
            if (found != null && found.getMessageList().stream().anyMatch(m -> m.getMsgId().equals(unique))) {
                byKey++;
            }
            try {
                MessageExt message = producer.viewMessage(topic, unique);
                byUnique += message != null && unique.equals(message.getMsgId()) ? 1 : 0;
            } catch (Exception e) {
                // not found
            }
            try {
                MessageExt message = producer.viewMessage(topic, f[5]);
                byOffset += message != null && unique.equals(message.getMsgId()) ? 1 : 0;
            } catch (Exception e) {
                // not found
            }
            if (byKey + byUnique + byOffset - before < 3 && missing.size() < 5) {
                missing.add(topic + " " + f[2] + "@" + f[3] + " " + key + " " + unique);
            }
        }
        System.out.println("{\"samples\":" + samples + ",\"byKey\":" + byKey + ",\"byUniqueId\":" + byUnique + ",\"byOffsetId\":" + byOffset
            + ",\"missing\":\"" + String.join("; ", missing) + "\"}");
    }
}
