package interop;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/** Push consumers together: clustering, broadcasting, tags, order, and groups whose members come and go. */
final class Groups {
    private Groups() {
    }

    static void tagFilter(Run run) throws Exception {
        DefaultMQProducer producer = run.producer();
        String[] tags = {"red", "green", "blue", "AaAa", "BBBB", null};
        int wanted = 0;
        for (int i = 0; i < run.count; i++) {
            String tag = tags[i % tags.length];
            run.send(producer, run.ledger.message(run.topic(), tag, 100));
            if ("red".equals(tag) || "AaAa".equals(tag)) {
                wanted++;
            }
        }
        run.awaitRoute(producer, run.topic());
        // "AaAa" and "BBBB" have the same hash: the broker lets both through and the client drops one.
        DefaultMQPushConsumer consumer = run.pushConsumer(run.group(""), run.topic(), "red || AaAa");
        AtomicInteger others = new AtomicInteger();
        consumer.registerMessageListener(run.each(message -> {
            run.ledger.receive(message);
            if (!"red".equals(message.getTags()) && !"AaAa".equals(message.getTags())) {
                others.incrementAndGet();
            }
        }));
        consumer.start();
        int expected = wanted;
        run.await(30, () -> run.ledger.received() >= expected);
        Thread.sleep(400);
        run.sent = expected;
        run.same(expected, run.ledger.received(), "received");
        run.same(0, others, "messages of other tags");
        run.same(0, run.ledger.duplicates, "duplicates");
        run.whole();
    }

    static void clustering(Run run) throws Exception {
        DefaultMQProducer producer = run.producer(8);
        run.send(producer, run.ledger.message(run.topic(), null, 50));
        run.awaitRoute(producer, run.topic());
        Map<Integer, AtomicInteger> shares = new ConcurrentHashMap<>();
        List<DefaultMQPushConsumer> consumers = new ArrayList<>();
        for (int c = 0; c < 2; c++) {
            int me = c;
            DefaultMQPushConsumer consumer = run.pushConsumer(run.group(""), run.topic(), "*");
            consumer.registerMessageListener(run.each(message -> {
                run.ledger.receive(message);
                shares.computeIfAbsent(me, k -> new AtomicInteger()).incrementAndGet();
            }));
            consumer.start();
            consumers.add(consumer);
        }
        run.check(settled(run, consumers, 8), "queues are not shared 4 and 4 after 30 s: " + held(consumers));
        run.forgiveRepeats("while the queues were shared out");
        for (int i = 0; i < run.count; i++) {
            run.send(producer, run.ledger.message(run.topic(), null, 500));
        }
        run.awaitAll(30);
        run.exact();
        run.same(2, shares.size(), "consumers that got messages");
    }

    /** How many queues of the topic each consumer has now; the retry queue is left out. */
    private static List<Integer> held(List<DefaultMQPushConsumer> consumers) {
        List<Integer> sizes = new ArrayList<>();
        for (DefaultMQPushConsumer consumer : consumers) {
            int n = 0;
            for (Object queue : consumer.getDefaultMQPushConsumerImpl().getRebalanceImpl().getProcessQueueTable().keySet()) {
                if (!queue.toString().contains("%RETRY%")) {
                    n++;
                }
            }
            sizes.add(n);
        }
        return sizes;
    }

    private static boolean settled(Run run, List<DefaultMQPushConsumer> consumers, int queues) throws Exception {
        return run.await(30, () -> {
            List<Integer> sizes = held(consumers);
            int least = queues / sizes.size();
            return sizes.stream().mapToInt(n -> n).sum() == queues && sizes.stream().allMatch(n -> n >= least && n <= least + 1);
        });
    }

    static void broadcasting(Run run) throws Exception {
        DefaultMQProducer producer = run.producer();
        run.send(producer, new Message(run.topic(), "first".getBytes()));
        run.awaitRoute(producer, run.topic());
        Ledger second = new Ledger(Run.STAMP + "-" + run.name);
        Map<Integer, Integer> sizes = new ConcurrentHashMap<>();
        for (int c = 0; c < 2; c++) {
            int me = c;
            DefaultMQPushConsumer consumer = run.pushConsumer(run.group(""), run.topic(), "*");
            Run.broadcast(consumer);
            consumer.registerMessageListener(run.each(message -> {
                if (me == 0) {
                    run.ledger.receive(message);
                } else if (message.getBody().length > 5) {
                    second.receive(Ledger.number(message));
                    sizes.put(Ledger.number(message), message.getBody().length);
                }
            }));
            consumer.start();
        }
        for (int i = 0; i < run.count; i++) {
            run.send(producer, run.ledger.message(run.topic(), null, 120));
        }
        run.await(30, () -> sizes.size() >= run.count);
        run.awaitAll(30);
        run.exact();
        run.same(run.count, sizes.size(), "received by the second consumer");
        run.same(0, second.duplicates, "duplicates at the second consumer");
        run.sent = 2 * run.count;
        run.received = run.ledger.received() + sizes.size();
    }

    /** A group goes on where its last member stopped. */
    static void resume(Run run) throws Exception {
        DefaultMQProducer producer = run.producer();
        int part = Math.max(20, run.count / 4);
        run.send(producer, run.ledger.message(run.topic(), null, 50));
        run.awaitRoute(producer, run.topic());
        for (int round = 0; round < 3; round++) {
            for (int i = 0; i < part; i++) {
                run.send(producer, run.ledger.message(run.topic(), null, 300));
            }
            DefaultMQPushConsumer consumer = run.pushConsumer(run.group(""), run.topic(), "*");
            consumer.registerMessageListener(run.each(run.ledger::receive));
            consumer.start();
            run.awaitAll(30);
            consumer.shutdown();
            Run.awaitOffsets();
        }
        run.exact();
    }

    /** Order per queue: numbers of one order id never go back, although two consumers share the queues and one joins late. */
    static void ordered(Run run) throws Exception {
        DefaultMQProducer producer = run.producer(4);
        run.send(producer, new Message(run.topic(), "start".getBytes()));
        run.awaitRoute(producer, run.topic());
        AtomicInteger suspended = new AtomicInteger();
        List<DefaultMQPushConsumer> consumers = new ArrayList<>();
        for (int c = 0; c < 2; c++) {
            DefaultMQPushConsumer consumer = run.pushConsumer(run.group(""), run.topic(), "*");
            consumer.registerMessageListener((MessageListenerOrderly) (messages, context) -> {
                for (MessageExt message : messages) {
                    if (message.getBody().length <= 5) {
                        continue;
                    }
                    int number = Ledger.number(message);
                    // Each hundredth message is put off once; nothing behind it may overtake.
                    if (number % 100 == 50 && !run.ledger.has(number) && message.getReconsumeTimes() == 0) {
                        suspended.incrementAndGet();
                        context.setSuspendCurrentQueueTimeMillis(50);
                        return ConsumeOrderlyStatus.SUSPEND_CURRENT_QUEUE_A_MOMENT;
                    }
                    run.ledger.receive(message);
                    run.ledger.inOrder("order " + message.getUserProperty("order"), number);
                    run.ledger.inOrder("queue " + message.getQueueId(), message.getQueueOffset());
                }
                return ConsumeOrderlyStatus.SUCCESS;
            });
            consumer.start();
            consumers.add(consumer);
        }
        run.check(settled(run, consumers, 4), "queues are not shared 2 and 2 after 30 s: " + held(consumers));
        for (int i = 0; i < run.count; i++) {
            int order = i % 23;
            Message message = run.ledger.message(run.topic(), null, 100);
            message.putUserProperty("order", Integer.toString(order));
            producer.send(message, (queues, m, id) -> queues.get((Integer) id % queues.size()), order);
        }
        run.awaitAll(60);
        run.exact();
        run.check(suspended.get() >= run.count / 100, "suspended " + suspended);
        // One leaves in order: the other takes its queues over, locks included, without a gap or a repeat.
        consumers.remove(0).shutdown();
        Run.awaitOffsets();
        for (int i = 0; i < run.count / 4; i++) {
            int order = i % 23;
            Message message = run.ledger.message(run.topic(), null, 100);
            message.putUserProperty("order", Integer.toString(order));
            producer.send(message, (queues, m, id) -> queues.get((Integer) id % queues.size()), order);
        }
        run.awaitAll(60);
        run.exact();
    }

    /** Latency from send to listener of an idle push consumer: the parked pull must wake at once. */
    static void longPoll(Run run) throws Exception {
        DefaultMQProducer producer = run.producer(1);
        run.send(producer, run.ledger.message(run.topic(), null, 50));
        run.awaitRoute(producer, run.topic());
        DefaultMQPushConsumer consumer = run.pushConsumer(run.group(""), run.topic(), "wanted");
        Map<Integer, Long> arrived = new ConcurrentHashMap<>();
        consumer.registerMessageListener(run.each(message -> arrived.put(run.ledger.receive(message), System.nanoTime())));
        consumer.start();
        Thread.sleep(1000);
        int n = 40;
        long[] latencyMs = new long[n];
        run.sent = n;
        for (int i = 0; i < n; i++) {
            run.send(producer, run.ledger.message(run.topic(), "unwanted", 100));
            Message message = run.ledger.message(run.topic(), "wanted", 100);
            int number = Ledger.number(message);
            long sent = System.nanoTime();
            run.send(producer, message);
            run.await(10, () -> arrived.containsKey(number));
            latencyMs[i] = arrived.containsKey(number) ? (arrived.get(number) - sent) / 1_000_000 : 10_000;
            Thread.sleep(10);
        }
        Arrays.sort(latencyMs);
        run.note("send to listener ms: median " + latencyMs[n / 2] + ", max " + latencyMs[n - 1]);
        run.check(latencyMs[n / 2] < 100, "median latency of an idle consumer " + latencyMs[n / 2] + " ms");
        run.received = arrived.size();
        run.same(n, arrived.size(), "received");
        run.same(0, run.ledger.duplicates, "duplicates");
    }

    // ------------------------------------------------------------------ rebalance

    static void rebalance(Run run) throws Exception {
        DefaultMQProducer producer = run.producer(8);
        run.send(producer, run.ledger.message(run.topic(), null, 50));
        run.awaitRoute(producer, run.topic());
        List<DefaultMQPushConsumer> consumers = new ArrayList<>();
        Map<Integer, AtomicInteger> shares = new ConcurrentHashMap<>();
        for (int c = 0; c < 2; c++) {
            int me = c;
            DefaultMQPushConsumer consumer = run.pushConsumer(run.group(""), run.topic(), "*");
            consumer.registerMessageListener(run.each(message -> {
                run.ledger.receive(message);
                shares.computeIfAbsent(me, k -> new AtomicInteger()).incrementAndGet();
            }));
            consumer.start();
            consumers.add(consumer);
        }
        run.check(settled(run, consumers, 8), "two consumers do not share 4 and 4: " + held(consumers));
        // The third is a process of its own, so that it can be killed.
        AtomicBoolean ready = new AtomicBoolean();
        Process child = startChild(run, ready, shares);
        run.check(run.await(40, () -> ready.get() && held(consumers).stream().mapToInt(n -> n).sum() <= 6), "third consumer got no queues: " + held(consumers));
        run.forgiveRepeats("when consumers joined");
        send(run, producer, run.count);
        run.awaitAll(30);
        run.exact();
        run.same(3, shares.size(), "consumers that got messages");

        // One leaves in order: unregisters, so the others share its queues at once.
        consumers.remove(0).shutdown();
        boolean shared = run.await(30, () -> held(consumers).get(0) == 4);
        run.check(shared, "queues of the leaver were not shared: " + held(consumers));
        run.forgiveRepeats("when one left");
        send(run, producer, run.count);
        run.awaitAll(30);
        run.exact();

        // One is killed under load: nothing is lost, what it had not committed may come twice.
        Thread sending = new Thread(() -> {
            try {
                send(run, producer, run.count);
            } catch (Exception e) {
                run.check(false, "send: " + e);
            }
        });
        sending.start();
        Thread.sleep(100);
        child.destroyForcibly();
        long killed = System.nanoTime();
        sending.join();
        run.check(run.await(40, () -> held(consumers).get(0) == 8), "queues of the killed consumer were not taken over: " + held(consumers));
        run.note(String.format("taken over %.1f s after the kill", (System.nanoTime() - killed) / 1e9));
        run.awaitAll(40);
        run.check(run.ledger.complete(), "received " + run.ledger.received() + " of " + run.ledger.sent());
        run.forgiveRepeats("by the kill");
        run.whole();
    }

    private static void send(Run run, DefaultMQProducer producer, int n) throws Exception {
        for (int i = 0; i < n; i++) {
            run.send(producer, run.ledger.message(run.topic(), null, 200));
        }
    }

    private static Process startChild(Run run, AtomicBoolean ready, Map<Integer, AtomicInteger> shares) throws Exception {
        List<String> command = new ArrayList<>(List.of(System.getProperty("java.home") + "/bin/java", "-Xmx128m"));
        for (String name : List.of("user.home", "rocketmq.client.logRoot", "rocketmq.client.logUseSlf4j", "rocketmq.serialize.type")) {
            if (System.getProperty(name) != null) {
                command.add("-D" + name + "=" + System.getProperty(name));
            }
        }
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), "interop.Interop", "child", run.namesrv, run.topic(), run.group("")));
        Process child = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
        run.onClose(child::destroyForcibly);
        Thread reader = new Thread(() -> {
            try (BufferedReader lines = new BufferedReader(new InputStreamReader(child.getInputStream()))) {
                for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                    if (line.equals("ready")) {
                        ready.set(true);
                    } else if (line.startsWith("got ")) {
                        run.ledger.receive(Integer.parseInt(line.substring(4)));
                        shares.computeIfAbsent(9, k -> new AtomicInteger()).incrementAndGet();
                    }
                }
            } catch (Exception e) {
                // The pipe breaks when the child is killed.
            }
        });
        reader.setDaemon(true);
        reader.start();
        return child;
    }

    static void child(String[] args) throws Exception {
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(args[3]);
        consumer.setNamesrvAddr(args[1]);
        consumer.setInstanceName("child-" + ProcessHandle.current().pid());
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.subscribe(args[2], "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            synchronized (consumer) {
                for (MessageExt message : messages) {
                    System.out.println("got " + Ledger.number(message));
                }
                System.out.flush();
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        long until = System.nanoTime() + 300_000_000_000L;
        while (System.nanoTime() < until) {
            Thread.sleep(20);
            if (held(List.of(consumer)).get(0) > 0) {
                System.out.println("ready");
                break;
            }
        }
        Thread.sleep(300_000);
        Runtime.getRuntime().halt(0);
    }
}
