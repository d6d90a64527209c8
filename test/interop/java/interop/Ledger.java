package interop;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/**
 * What was sent and what came back. Every body starts with "id#number#"; the rest follows from number and size,
 * so a receiver can check each byte without knowing the sender.
 */
final class Ledger {
    private final String id;
    private final Map<Integer, Integer> sizes = new ConcurrentHashMap<>();
    private final Map<Integer, AtomicInteger> seen = new ConcurrentHashMap<>();
    private final Map<String, AtomicLong> last = new ConcurrentHashMap<>();
    private final AtomicInteger next = new AtomicInteger();
    final AtomicInteger duplicates = new AtomicInteger();
    /** Second deliveries of messages before the fence. */
    final AtomicInteger repeats = new AtomicInteger();
    private volatile int fence;
    final AtomicInteger damaged = new AtomicInteger();
    final AtomicInteger strangers = new AtomicInteger();
    final AtomicInteger disorder = new AtomicInteger();

    Ledger(String id) {
        this.id = id;
    }

    /** The next message, booked as sent: take the booking back with forget() when the send failed. */
    Message message(String topic, String tag, int size) {
        int number = next.getAndIncrement();
        byte[] body = body(number, size);
        sizes.put(number, body.length);
        return new Message(topic, tag, null, body);
    }

    private byte[] body(int number, int size) {
        byte[] head = (id + '#' + number + '#').getBytes(StandardCharsets.US_ASCII);
        byte[] body = new byte[Math.max(size, head.length)];
        System.arraycopy(head, 0, body, 0, head.length);
        long state = 0x9E3779B97F4A7C15L * (number + 1);
        // Every fourth 64-byte run is noise and the rest is text: a body over 4 KB is worth compressing and still uneven.
        for (int i = head.length; i < body.length; i++) {
            if ((i >> 6 & 3) == 0) {
                state ^= state << 13;
                state ^= state >>> 7;
                state ^= state << 17;
                body[i] = (byte) state;
            } else {
                body[i] = (byte) ('a' + i % 26);
            }
        }
        return body;
    }

    static int number(Message message) {
        return number(message.getBody());
    }

    private static int number(byte[] body) {
        String head = new String(body, 0, Math.min(body.length, 96), StandardCharsets.ISO_8859_1);
        int from = head.indexOf('#');
        int to = head.indexOf('#', from + 1);
        return from < 0 || to < 0 ? -1 : Integer.parseInt(head.substring(from + 1, to));
    }

    /** Books a received body; returns its number, or -1 when it belongs to another run. */
    int receive(MessageExt message) {
        byte[] body = message.getBody();
        byte[] head = (id + '#').getBytes(StandardCharsets.US_ASCII);
        if (body.length < head.length || !Arrays.equals(head, Arrays.copyOf(body, head.length))) {
            strangers.incrementAndGet();
            return -1;
        }
        int number = number(body);
        Integer size = sizes.get(number);
        if (size == null || size != body.length || !Arrays.equals(body, body(number, size))) {
            damaged.incrementAndGet();
        }
        receive(number);
        return number;
    }

    void receive(int number) {
        if (seen.computeIfAbsent(number, n -> new AtomicInteger()).incrementAndGet() > 1) {
            (number < fence ? repeats : duplicates).incrementAndGet();
        }
    }

    /** Values of one key must grow: queue offsets of a queue, numbers of an order id. */
    void inOrder(String key, long value) {
        long before = last.computeIfAbsent(key, k -> new AtomicLong(Long.MIN_VALUE)).getAndSet(value);
        if (value <= before) {
            disorder.incrementAndGet();
        }
    }

    /** What was sent until now may come again, because queues are about to move or have just moved. */
    void fence() {
        fence = next.get();
        repeats.addAndGet(duplicates.getAndSet(0));
    }

    void forget(Message message) {
        sizes.remove(number(message));
    }

    boolean has(int number) {
        return seen.containsKey(number);
    }

    int sent() {
        return sizes.size();
    }

    int received() {
        int known = 0;
        for (Integer number : sizes.keySet()) {
            if (seen.containsKey(number)) {
                known++;
            }
        }
        return known;
    }

    boolean complete() {
        return seen.size() >= sizes.size() && received() == sizes.size();
    }
}
