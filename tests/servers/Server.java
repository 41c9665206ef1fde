import com.sun.net.httpserver.HttpServer;
import java.lang.management.*;
import java.net.InetSocketAddress;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;

/** A web server of four threads with a small heap, so that it collects garbage all the time: java Server PORT. */
public class Server {
	static final Map<Integer, byte[]> cache = new ConcurrentHashMap<>();
	static final AtomicInteger served = new AtomicInteger();

	static long collections() {
		return ManagementFactory.getGarbageCollectorMXBeans().stream()
			.mapToLong(GarbageCollectorMXBean::getCollectionCount).sum();
	}

	static String answer(String path) {
		int key = path.hashCode() & 255, sum = 0;
		for (int i = 0; i < 200; i++) {
			byte[] bytes = new byte[4096];
			ThreadLocalRandom.current().nextBytes(bytes);
			cache.put((key + i) & 255, bytes);
			sum += bytes[i];
		}
		return path + " by " + Thread.currentThread().getName() + ": " + sum + " " + served.incrementAndGet() + "\n";
	}

	public static void main(String[] args) throws Exception {
		HttpServer server = HttpServer.create(
			new InetSocketAddress("127.0.0.1", Integer.parseInt(args[0])), 50);
		server.setExecutor(Executors.newFixedThreadPool(4));
		server.createContext("/", exchange -> {
			String text = answer(exchange.getRequestURI().getPath());
			exchange.sendResponseHeaders(200, text.length());
			exchange.getResponseBody().write(text.getBytes());
			exchange.close();
			System.out.print(text);
		});
		Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println(
			"served " + served + ", collected " + collections() + " times, " + System.nanoTime())));
		server.start();
	}
}
