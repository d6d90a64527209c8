package interop;

import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/** One scenario under way: names of its own, its clients (closed at the end), its ledger and what went wrong. */
final class Run implements AutoCloseable {
    interface Condition {
        boolean holds() throws Exception;
    }

    private static final AtomicInteger instances = new AtomicInteger();
    static final String STAMP = Long.toString(System.currentTimeMillis(), 36) + "_" + ProcessHandle.current().pid();

    final String namesrv;
    final String name;
    final int count;
    final Ledger ledger;
    private final List<String> wrong = new ArrayList<>();
    private final List<String> notes = new ArrayList<>();
    private final List<Runnable> closers = new ArrayList<>();
    private final long born = System.nanoTime();
    /** Sent and received as the scenario counts them, where the ledger's figures do not say it. */
    Integer sent;
    Integer received;

    Run(String namesrv, String name, int count) {
        this.namesrv = namesrv;
        this.name = name;
        this.count = count;
        this.ledger = new Ledger(STAMP + "-" + name);
    }

    String topic() {
        return topic("");
    }

    String topic(String suffix) {
        return "it_" + name + suffix + "_" + STAMP;
    }

    String group(String suffix) {
        return "ig_" + name + suffix + "_" + STAMP;
    }

    String instance() {
        return "i" + STAMP + "-" + instances.incrementAndGet();
    }

    // ------------------------------------------------------------------ verdicts

    synchronized void check(boolean holds, String otherwise) {
        if (!holds && wrong.size() < 8) {
            wrong.add(otherwise);
        }
    }

    void same(Object expected, Object actual, String what) {
        check(String.valueOf(expected).equals(String.valueOf(actual)), what + ": expected " + expected + ", was " + actual);
    }

    synchronized void note(String text) {
        notes.add(text);
    }

    boolean await(int seconds, Condition condition) throws Exception {
        long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        while (System.nanoTime() < until) {
            if (condition.holds()) {
                return true;
            }
            Thread.sleep(10);
        }
        return condition.holds();
    }

    /** Waits until all that was sent has come, then a little longer for what must not come a second time. */
    void awaitAll(int seconds) throws Exception {
        await(seconds, ledger::complete);
        Thread.sleep(400);
    }

    /** Sent = received, nothing damaged, no duplicates, no disorder. */
    void exact() {
        check(ledger.complete(), "received " + ledger.received() + " of " + ledger.sent());
        same(0, ledger.duplicates, "duplicates");
        whole();
    }

    void whole() {
        same(0, ledger.damaged, "damaged bodies");
        same(0, ledger.disorder, "order violations");
    }

    // ------------------------------------------------------------------ clients

    DefaultMQProducer producer() throws Exception {
        return producer(4);
    }

    DefaultMQProducer producer(int queues) throws Exception {
        DefaultMQProducer producer = new DefaultMQProducer(group("_p"));
        producer.setNamesrvAddr(namesrv);
        producer.setInstanceName(instance());
        producer.setDefaultTopicQueueNums(queues);
        producer.setSendMsgTimeout(10_000);
        producer.start();
        onClose(producer::shutdown);
        return producer;
    }

    SendResult send(DefaultMQProducer producer, Message message) throws Exception {
        SendResult result = producer.send(message);
        same(SendStatus.SEND_OK, result.getSendStatus(), "status of a send");
        return result;
    }

    /** A consumer must not start before the name server knows the topic: it asks again only after 30 s. */
    void awaitRoute(DefaultMQProducer producer, String topic) throws Exception {
        AtomicReference<String> last = new AtomicReference<>("");
        boolean known = await(15, () -> {
            try {
                return !producer.fetchPublishMessageQueues(topic).isEmpty();
            } catch (Exception e) {
                last.set(String.valueOf(e.getMessage()));
                return false;
            }
        });
        check(known, "no route of " + topic + ": " + last.get());
    }

    DefaultMQPushConsumer pushConsumer(String group, String topic, String tags) throws Exception {
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(group);
        consumer.setNamesrvAddr(namesrv);
        consumer.setInstanceName(instance());
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        // The client drops a heartbeat that meets another one, and its pulls are refused until the next, by default 30 s later.
        consumer.setHeartbeatBrokerInterval(1000);
        consumer.setConsumeThreadMin(4);
        consumer.setConsumeThreadMax(4);
        consumer.subscribe(topic, tags);
        onClose(consumer::shutdown);
        return consumer;
    }

    /** MessageModel lives in another package since 5.0, so the call is found by name. */
    static void broadcast(DefaultMQPushConsumer consumer) throws Exception {
        for (Method method : DefaultMQPushConsumer.class.getMethods()) {
            if (method.getName().equals("setMessageModel")) {
                for (Object constant : method.getParameterTypes()[0].getEnumConstants()) {
                    if (constant.toString().equals("BROADCASTING")) {
                        method.invoke(consumer, constant);
                        return;
                    }
                }
            }
        }
        throw new IllegalStateException("no setMessageModel");
    }

    /**
     * Makes a group known, so that its consumers find the retry topic when they start and not 20 to 30 s later.
     * The consumer listens to a topic that every broker has and nobody sends to.
     */
    void makeGroup(DefaultMQProducer producer, String group) throws Exception {
        DefaultMQPushConsumer consumer = pushConsumer(group, "TBW102", "none");
        consumer.registerMessageListener(each(message -> check(false, "a message for nobody")));
        consumer.start();
        awaitRoute(producer, "%RETRY%" + group);
        consumer.shutdown();
    }

    interface Taker {
        void take(MessageExt message) throws Exception;
    }

    MessageListenerConcurrently each(Taker taker) {
        return (messages, context) -> {
            for (MessageExt message : messages) {
                try {
                    taker.take(message);
                } catch (Exception e) {
                    check(false, "listener: " + e + " at " + e.getStackTrace()[0]);
                }
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        };
    }

    /** Reads everything of the topic back with a push consumer of a new group and compares. */
    DefaultMQPushConsumer readBack(DefaultMQProducer producer, String topic) throws Exception {
        awaitRoute(producer, topic);
        DefaultMQPushConsumer consumer = pushConsumer(group(""), topic, "*");
        consumer.registerMessageListener(each(ledger::receive));
        consumer.start();
        awaitAll(60);
        exact();
        return consumer;
    }

    /** A consumer that stops sends its offsets without waiting for an answer: the next one must not ask before they are in. */
    static void awaitOffsets() throws InterruptedException {
        Thread.sleep(500);
    }

    /**
     * A queue that moves between consumers may repeat what the old owner had not committed yet; that is the protocol's
     * promise (at least once) and noted, not judged. What is sent from here on must come once.
     */
    void forgiveRepeats(String why) throws Exception {
        await(15, ledger::complete);
        Thread.sleep(500);
        ledger.fence();
        int repeats = ledger.repeats.getAndSet(0);
        if (repeats > 0) {
            note(repeats + " repeated " + why);
        }
    }

    void onClose(Runnable closer) {
        closers.add(0, closer);
    }

    @Override public void close() {
        for (Runnable closer : closers) {
            try {
                closer.run();
            } catch (RuntimeException e) {
                note("closing: " + e);
            }
        }
    }

    synchronized boolean isGood() {
        return wrong.isEmpty();
    }

    synchronized String json() {
        return String.format(Locale.ROOT,
            "{\"scenario\":%s,\"sent\":%d,\"received\":%d,\"duplicates\":%d,\"order\":%d,\"seconds\":%.1f,\"ok\":%b,\"wrong\":%s,\"notes\":%s}",
            quote(name), sent == null ? ledger.sent() : sent, received == null ? ledger.received() : received, ledger.duplicates.get(),
            ledger.disorder.get(), (System.nanoTime() - born) / 1e9, wrong.isEmpty(), quote(String.join("; ", wrong)),
            quote(String.join("; ", notes)));
    }

    private static String quote(String text) {
        StringBuilder out = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') {
                out.append('\\').append(c);
            } else {
                out.append(c < ' ' ? ' ' : c);
            }
        }
        return out.append('"').toString();
    }
}
