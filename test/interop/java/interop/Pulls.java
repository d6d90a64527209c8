package interop;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.rocketmq.client.consumer.DefaultLitePullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/** Consumers that ask by themselves: the old pull consumer and the lite one. */
@SuppressWarnings("deprecation")
final class Pulls {
    private Pulls() {
    }

    static void pull(Run run) throws Exception {
        DefaultMQProducer producer = run.producer();
        for (int i = 0; i < run.count; i++) {
            run.send(producer, run.ledger.message(run.topic(), i % 2 == 0 ? "even" : "odd", 100 + i % 900));
        }
        run.awaitRoute(producer, run.topic());
        DefaultMQPullConsumer consumer = new DefaultMQPullConsumer(run.group(""));
        consumer.setNamesrvAddr(run.namesrv);
        consumer.setInstanceName(run.instance());
        consumer.start();
        run.onClose(consumer::shutdown);
        Set<MessageQueue> queues = consumer.fetchSubscribeMessageQueues(run.topic());
        run.same(4, queues.size(), "queues");
        int even = 0;
        for (MessageQueue queue : queues) {
            long end = consumer.maxOffset(queue);
            run.same(0, consumer.minOffset(queue), "lowest offset");
            long offset = 0;
            while (offset < end) {
                PullResult result = consumer.pull(queue, "*", offset, 32);
                run.same(PullStatus.FOUND, result.getPullStatus(), "status at " + offset + " of " + end);
                if (result.getPullStatus() != PullStatus.FOUND) {
                    break;
                }
                run.same(0, result.getMinOffset(), "min offset in the answer");
                run.same(end, result.getMaxOffset(), "max offset in the answer");
                for (MessageExt message : result.getMsgFoundList()) {
                    run.ledger.receive(message);
                    run.ledger.inOrder(queue.toString(), message.getQueueOffset());
                    run.same(offset++, message.getQueueOffset(), "queue offset");
                }
                run.same(offset, result.getNextBeginOffset(), "next offset");
            }
            run.same(PullStatus.NO_NEW_MSG, consumer.pull(queue, "*", end, 32).getPullStatus(), "status at the end");
            PullResult beyond = consumer.pull(queue, "*", end + 100, 32);
            run.same(PullStatus.OFFSET_ILLEGAL, beyond.getPullStatus(), "status beyond the end");
            run.same(end, beyond.getNextBeginOffset(), "correction beyond the end");
            PullResult nothing = consumer.pull(queue, "neither", 0, 32);
            run.same(PullStatus.NO_MATCHED_MSG, nothing.getPullStatus(), "status without a match");
            run.check(nothing.getNextBeginOffset() > 0, "a pull without a match must advance");
            for (offset = 0; offset < end; ) {
                PullResult result = consumer.pull(queue, "even", offset, 32);
                even += result.getPullStatus() == PullStatus.FOUND ? result.getMsgFoundList().size() : 0;
                run.check(result.getNextBeginOffset() > offset, "no progress at " + offset);
                offset = Math.max(offset + 1, result.getNextBeginOffset());
            }
            consumer.updateConsumeOffset(queue, end);
            run.same(end, consumer.fetchConsumeOffset(queue, false), "offset in memory");
        }
        run.same((run.count + 1) / 2, even, "messages tagged even");
        run.exact();
        // A parked pull comes back when a message arrives, long before its time limit.
        MessageQueue one = queues.iterator().next();
        long end = consumer.maxOffset(one);
        Thread later = new Thread(() -> {
            try {
                Thread.sleep(500);
                producer.send(run.ledger.message(run.topic(), "late", 100), one);
            } catch (Exception e) {
                run.check(false, "late send: " + e);
            }
        });
        long asked = System.nanoTime();
        later.start();
        PullResult late = consumer.pullBlockIfNotFound(one, "*", end, 32);
        long waitedMs = (System.nanoTime() - asked) / 1_000_000;
        later.join();
        run.same(PullStatus.FOUND, late.getPullStatus(), "status of the parked pull");
        run.check(waitedMs >= 450 && waitedMs < 2500, "parked pull came back after " + waitedMs + " ms");
        if (late.getMsgFoundList() != null) {
            late.getMsgFoundList().forEach(run.ledger::receive);
        }
        // A parked pull gives up by itself at its time limit.
        consumer.setBrokerSuspendMaxTimeMillis(1000);
        run.same(PullStatus.NO_NEW_MSG, consumer.pullBlockIfNotFound(one, "*", end + 1, 32).getPullStatus(), "status at the time limit");
        run.exact();
    }

    private static DefaultLitePullConsumer lite(Run run, String group) throws Exception {
        DefaultLitePullConsumer consumer = new DefaultLitePullConsumer(group);
        consumer.setNamesrvAddr(run.namesrv);
        consumer.setInstanceName(run.instance());
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        run.onClose(consumer::shutdown);
        return consumer;
    }

    static void liteAssign(Run run) throws Exception {
        DefaultMQProducer producer = run.producer();
        for (int i = 0; i < run.count; i++) {
            run.send(producer, run.ledger.message(run.topic(), null, 200));
        }
        run.awaitRoute(producer, run.topic());
        DefaultLitePullConsumer consumer = lite(run, run.group(""));
        consumer.setAutoCommit(false);
        consumer.start();
        Collection<MessageQueue> queues = consumer.fetchMessageQueues(run.topic());
        consumer.assign(queues);
        Map<MessageQueue, Long> ends = new HashMap<>();
        run.await(30, () -> {
            take(run, consumer, ends);
            return run.ledger.complete();
        });
        run.exact();
        // Seek to the middle of one queue: exactly the rest comes a second time.
        MessageQueue one = queues.iterator().next();
        long middle = ends.get(one) / 2;
        consumer.seek(one, middle);
        List<Long> again = new ArrayList<>();
        run.await(15, () -> {
            for (MessageExt message : consumer.poll(300)) {
                again.add(message.getQueueOffset());
            }
            return again.size() >= ends.get(one) - middle;
        });
        run.same(ends.get(one) - middle, again.size(), "messages after a seek");
        run.same(middle, again.isEmpty() ? -1 : again.get(0), "first offset after a seek");
        consumer.commitSync();
        boolean committed = run.await(10, () -> {
            for (MessageQueue queue : queues) {
                if (!ends.get(queue).equals(consumer.committed(queue))) {
                    return false;
                }
            }
            return true;
        });
        run.check(committed, "committed offsets differ from what was read: " + ends);
        run.same(ends.get(one), consumer.offsetForTimestamp(one, System.currentTimeMillis() + 1000), "offset of a time to come");
        run.same(0L, consumer.offsetForTimestamp(one, 1000L), "offset of a time before all");
        consumer.shutdown();
        Run.awaitOffsets();
        // Another consumer of the group starts where the first one committed.
        DefaultLitePullConsumer second = lite(run, run.group(""));
        second.start();
        second.assign(queues);
        sendPlain(run, producer, 40);
        Map<MessageQueue, Long> more = new HashMap<>();
        run.await(20, () -> {
            take(run, second, more);
            return run.ledger.complete();
        });
        run.exact();
    }

    private static void sendPlain(Run run, DefaultMQProducer producer, int n) throws Exception {
        for (int i = 0; i < n; i++) {
            run.send(producer, run.ledger.message(run.topic(), null, 200));
        }
    }

    private static void take(Run run, DefaultLitePullConsumer consumer, Map<MessageQueue, Long> ends) {
        for (MessageExt message : consumer.poll(200)) {
            run.ledger.receive(message);
            MessageQueue queue = new MessageQueue(message.getTopic(), message.getBrokerName(), message.getQueueId());
            run.ledger.inOrder(queue.toString(), message.getQueueOffset());
            ends.put(queue, message.getQueueOffset() + 1);
        }
    }

    static void liteSubscribe(Run run) throws Exception {
        DefaultMQProducer producer = run.producer();
        for (int i = 0; i < run.count; i++) {
            run.send(producer, run.ledger.message(run.topic(), i % 3 == 0 ? "A" : "B", 200));
        }
        run.awaitRoute(producer, run.topic());
        DefaultLitePullConsumer consumer = lite(run, run.group(""));
        consumer.subscribe(run.topic(), "A || B");
        consumer.setAutoCommitIntervalMillis(1000);
        consumer.start();
        Map<MessageQueue, Long> ends = new HashMap<>();
        run.await(60, () -> {
            take(run, consumer, ends);
            return run.ledger.complete();
        });
        // A poll commits what earlier polls returned once the interval is over; shutdown saves what was committed.
        Thread.sleep(1100);
        consumer.poll(100);
        consumer.shutdown();
        Run.awaitOffsets();
        DefaultLitePullConsumer second = lite(run, run.group(""));
        second.subscribe(run.topic(), "A || B");
        second.start();
        sendPlain(run, producer, 3); // no tag: must not come
        run.sent = run.ledger.sent() - 3;
        for (int i = 0; i < 30; i++) {
            run.send(producer, run.ledger.message(run.topic(), "A", 200));
        }
        run.sent += 30;
        run.await(30, () -> {
            take(run, second, ends);
            return run.ledger.received() >= run.sent;
        });
        take(run, second, ends);
        run.same(run.sent, run.ledger.received(), "received");
        run.same(0, run.ledger.duplicates, "duplicates after a restart");
        run.whole();
    }
}
