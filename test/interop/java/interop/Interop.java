package interop;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Scenarios on one stock Java client, against the name server in NAMESRV_ADDR. Prints one JSON line for each.
 * Arguments: names of scenarios, or none for all. Environment: COUNT messages of a plain scenario, SLOW=false
 * leaves out the scenarios that mostly wait.
 */
public final class Interop {
    interface Scenario {
        void play(Run run) throws Exception;
    }

    public static void main(String[] args) throws Exception {
        if (args.length > 0 && args[0].equals("child")) {
            Groups.child(args);
            return;
        }
        Map<String, Scenario> slow = new LinkedHashMap<>();
        slow.put("retry-back-off", Retries::backOff);
        slow.put("rebalance", Groups::rebalance);
        slow.put("dead-letter", Retries::deadLetter);
        slow.put("retry-level", Retries::retryLevel);
        slow.put("ordered-dead-letter", Retries::orderedDeadLetter);
        slow.put("delay", Retries::delay);
        Map<String, Scenario> quick = new LinkedHashMap<>();
        quick.put("sync", Sends::sync);
        quick.put("async", Sends::async);
        quick.put("oneway", Sends::oneway);
        quick.put("batch", Sends::batch);
        quick.put("properties", Sends::properties);
        quick.put("compressed", Sends::compressed);
        quick.put("big-body", Sends::bigBody);
        quick.put("refusals", Sends::refusals);
        quick.put("tag-filter", Groups::tagFilter);
        quick.put("clustering", Groups::clustering);
        quick.put("broadcasting", Groups::broadcasting);
        quick.put("resume", Groups::resume);
        quick.put("ordered", Groups::ordered);
        quick.put("long-poll", Groups::longPoll);
        quick.put("pull", Pulls::pull);
        quick.put("lite-assign", Pulls::liteAssign);
        quick.put("lite-subscribe", Pulls::liteSubscribe);
        quick.put("from-where", Lookups::fromWhere);
        quick.put("query", Lookups::query);
        quick.put("offsets", Lookups::offsets);

        Map<String, Scenario> all = new LinkedHashMap<>();
        if (!"false".equals(System.getenv("SLOW"))) {
            all.putAll(slow);
        }
        all.putAll(quick);
        if (args.length > 0) {
            all.putAll(slow);
            all.keySet().retainAll(List.of(args));
        }

        String namesrv = System.getenv().getOrDefault("NAMESRV_ADDR", "127.0.0.1:9876");
        int count = Integer.parseInt(System.getenv().getOrDefault("COUNT", "1000"));
        ExecutorService pool = Executors.newFixedThreadPool(Integer.parseInt(System.getenv().getOrDefault("PARALLEL", "6")));
        List<Future<Boolean>> verdicts = new ArrayList<>();
        all.forEach((name, scenario) -> verdicts.add(pool.submit(() -> play(namesrv, name, count, scenario))));
        boolean good = !verdicts.isEmpty();
        for (Future<Boolean> verdict : verdicts) {
            good &= verdict.get();
        }
        System.out.flush();
        // Client libraries leave threads behind; everything of interest has been closed by now.
        Runtime.getRuntime().halt(good ? 0 : 1);
    }

    private static boolean play(String namesrv, String name, int count, Scenario scenario) {
        Run run = new Run(namesrv, name, count);
        try (Run closed = run) {
            scenario.play(closed);
        } catch (Throwable e) {
            StackTraceElement[] at = e.getStackTrace();
            String where = "";
            for (StackTraceElement element : at) {
                if (element.getClassName().startsWith("interop.")) {
                    where = " at " + element;
                    break;
                }
            }
            run.check(false, e + where);
        }
        synchronized (Interop.class) {
            System.out.println(run.json());
            System.out.flush();
        }
        return run.isGood();
    }
}
